"""Checks of notebook 11: output sizes, shuffled pixels, batch normalization by hand, a convolution of any size."""

import jax
import jax.numpy as jnp

from course_utils.checks import Exercise, Mistake, Prediction, no_python_loop, primitives


def _sizes(key):
    """A side, kernel, stride and padding with one pixel left over, of which no two of the formulas below agree."""
    side, kernel, stride, padding = (int(n) for n in jax.random.randint(key, (4,), jnp.array([30, 9, 2, 6]), jnp.array([40, 13, 4, 9])))
    return side + 1 - (side + 2 * padding - kernel) % stride, kernel, stride, padding


def _positions(side, kernel, stride, padding):
    return (side + 2 * padding - kernel) // stride + 1


def _kernel_and_permutation(key):
    """A kernel (8, 11) and a permutation that is neither its own inverse nor the identity."""
    cycle = jax.random.permutation(key, 8)
    return jax.random.normal(key, (8, 11)), jnp.zeros(8, cycle.dtype).at[cycle].set(jnp.roll(cycle, 1))


def _batch_norm(x, mean, variance, momentum, axes=(0, 1, 2), unbiased=0, root=jnp.sqrt, running=False):
    batch_mean, batch_variance = x.mean(axis=axes), x.var(axis=axes, ddof=unbiased)
    m, v = (mean, variance) if running else (batch_mean, batch_variance)
    y = (x - m) / root(v + 1e-5)
    return y, momentum * mean + (1 - momentum) * batch_mean, momentum * variance + (1 - momentum) * batch_variance


def _norm_inputs(key):
    keys = jax.random.split(key, 4)
    scale = 1 + jnp.arange(3.0)
    x = 2.0 + scale * jax.random.normal(keys[0], (4, 2, 2, 3))
    momentum = jax.random.uniform(keys[3], (), minval=0.6, maxval=0.95)
    return x, jax.random.normal(keys[1], (3,)), jax.random.uniform(keys[2], (3,), minval=0.5), momentum


def _respond(image, kernel):
    k, l = kernel.shape
    rows, columns = image.shape[0] - k + 1, image.shape[1] - l + 1
    return sum(kernel[i, j] * image[i : i + rows, j : j + columns] for i in range(k) for j in range(l))


def _respond_loop(image, kernel):
    k, l = kernel.shape
    rows, columns = image.shape[0] - k + 1, image.shape[1] - l + 1
    windows = [[jnp.sum(kernel * image[i : i + k, j : j + l]) for j in range(columns)] for i in range(rows)]
    return jnp.array(windows)


def _respond_padded(image, kernel):
    k, l = kernel.shape
    return _respond(jnp.pad(image, ((k // 2, k - 1 - k // 2), (l // 2, l - 1 - l // 2))), kernel)


def _images(key):
    one, other = jax.random.split(key)
    return jax.random.normal(one, (16, 13)), jax.random.normal(other, (3, 2))


_LOOP = "right, but a Python loop goes over the positions: loop over the kernel's numbers, and shift the whole image"

_LIBRARY = "right, but it calls a library's convolution; write it with shifted images, or with windows cut out by vmap"


def _respond_library(image, kernel):
    return jax.lax.conv(image[None, None], kernel[None, None], (1, 1), "VALID")[0, 0]


def _own_and_without_loop(function, arguments):
    if "conv_general_dilated" in primitives(function, arguments):
        return _LIBRARY
    return no_python_loop(_LOOP, limit=100)(function, arguments)


exercises = [
    Exercise(
        "11.1",
        solution=_positions,
        inputs=_sizes,
        jit=False,
        mistakes=[
            Mistake(lambda *a: _positions(*a) - 1, "one too few: the first position counts too"),
            Mistake(
                lambda side, kernel, stride, padding: (side + padding - kernel) // stride + 1,
                "the padding is added at each end, so twice",
            ),
            Mistake(
                lambda side, kernel, stride, padding: (side + 2 * padding - kernel) / stride + 1,
                "a number of positions is whole: divide with //",
            ),
            Mistake(
                lambda side, kernel, stride, padding: -(-(side + 2 * padding - kernel) // stride) + 1,
                "the last window sticks out: round down",
            ),
            Mistake(
                lambda side, kernel, stride, padding: (side + 2 * padding) // stride,
                "the window's own size is missing: its left edge can't go all the way",
            ),
            Mistake(
                lambda side, kernel, stride, padding: (side - kernel) // stride + 1,
                "the padding is missing: the zeros make the image longer at each end",
            ),
            Mistake(
                lambda side, kernel, stride, padding: (side + 2 * padding - kernel + 1) // stride,
                "the first position counts once, whatever the stride: divide, and then add one",
            ),
            Mistake(
                lambda side, kernel, stride, padding: side // stride,
                "that leaves out the window's own size, and the padding",
            ),
            Mistake(
                lambda side, kernel, stride, padding: side + 2 * padding - kernel + 1,
                "those are the positions at stride 1; the window moves `stride` pixels at a time",
            ),
            Mistake(
                lambda side, kernel, stride, padding: _positions(side, kernel, stride, padding) ** 2,
                "that is the number over rows and columns; along one side is asked for",
            ),
            Mistake(
                lambda side, kernel, stride, padding: (side + 2 * padding - kernel) // (stride + 1),
                "the one is added to the number of moves, not to the stride",
            ),
        ],
    ),
    Exercise(
        "11.2",
        solution=lambda kernel, permutation: kernel[permutation],
        inputs=_kernel_and_permutation,
        mistakes=[
            Mistake(
                lambda kernel, permutation: kernel[jnp.argsort(permutation)],
                "that is the inverse permutation: which pixel does row i meet now, and which row did that pixel have?",
            ),
            Mistake(
                lambda kernel, permutation: kernel,
                "row i of the kernel still belongs to pixel i, and another pixel stands there now",
            ),
            Mistake(
                lambda kernel, permutation: kernel[:, permutation],
                "the columns belong to the outputs, which haven't moved; the pixels are the rows",
            ),
            Mistake(
                lambda kernel, permutation: kernel.at[:, :8].set(kernel[:, permutation]),
                "the columns belong to the outputs, which haven't moved; the pixels are the rows",
            ),
            Mistake(
                lambda kernel, permutation: kernel.T[permutation],
                "the kernel isn't to be transposed: its rows are the pixels already",
            ),
            Mistake(
                lambda kernel, permutation: kernel.T[:, permutation],
                "the right order, but transposed: the kernel stays (pixels, width)",
            ),
            Mistake(
                lambda kernel, permutation: kernel[permutation][:, permutation],
                "the columns have moved too; the outputs should stay where they are",
            ),
            Mistake(
                lambda kernel, permutation: jnp.take(kernel, permutation),
                "without an axis `take` goes through the flattened kernel: whole rows are wanted, axis=0",
            ),
            Mistake(
                lambda kernel, permutation: jnp.eye(8)[permutation],
                "that is the permutation as a matrix; multiply the kernel by it, from the side of the pixels",
            ),
            Mistake(
                lambda kernel, permutation: jax.random.permutation(jax.random.key(0), kernel),
                "a new permutation is drawn; the kernel must follow the one that the pixels went through",
            ),
            Mistake(
                lambda kernel, permutation: kernel[::-1],
                "the rows are reversed; they should follow the permutation given",
            ),
        ],
    ),
    Exercise(
        "11.3",
        solution=lambda x, mean, variance, momentum: _batch_norm(x, mean, variance, momentum),
        inputs=_norm_inputs,
        mistakes=[
            Mistake(
                lambda *a: _batch_norm(*a, running=True),
                "`x` is normalized by the running statistics: that is evaluation mode; in training use the batch's",
            ),
            Mistake(
                lambda x, mean, variance, momentum: _batch_norm(x, mean, variance, 1 - momentum),
                "momentum is the share of the old statistics; the shares are swapped",
            ),
            Mistake(
                lambda *a: _batch_norm(*a, axes=(0,)),
                "the statistics are one number per channel: average over batch, rows and columns",
            ),
            Mistake(
                lambda *a: _batch_norm(*a, unbiased=1),
                "the variance divides by the number of values, as jnp.var does; not by one less",
            ),
            Mistake(lambda *a: _batch_norm(*a, root=lambda v: v), "divide by the standard deviation: the root is missing"),
            Mistake(
                lambda x, mean, variance, momentum: tuple(_batch_norm(x, mean, variance, momentum)[i] for i in (0, 2, 1)),
                "the running variance comes first; the order is y, mean, variance",
            ),
            Mistake(
                lambda x, mean, variance, momentum: (
                    *_batch_norm(x, mean, variance, momentum)[:2],
                    momentum * variance + (1 - momentum) * x.std(axis=(0, 1, 2)),
                ),
                "the running variance moves toward the batch's standard deviation; it should move toward its variance",
            ),
            Mistake(
                lambda *a: _batch_norm(*a)[0],
                "return three things: the normalized x, and the two new running statistics",
            ),
            Mistake(
                lambda x, mean, variance, momentum: (_batch_norm(x, mean, variance, momentum)[0], x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))),
                "the running statistics are replaced by the batch's; they should move only part of the way",
            ),
            Mistake(
                lambda x, mean, variance, momentum: (
                    (x - _batch_norm(x, mean, variance, momentum)[1]) / jnp.sqrt(_batch_norm(x, mean, variance, momentum)[2] + 1e-5),
                    *_batch_norm(x, mean, variance, momentum)[1:],
                ),
                "`x` is normalized by the new running statistics; in training it is the batch's own, mean and variance",
            ),
            Mistake(
                lambda *a: (_batch_norm(*a)[0], *(new.reshape(1, 1, 1, -1) for new in _batch_norm(*a)[1:])),
                "the running statistics should stay (channels,): take the batch's without `keepdims`",
            ),
            Mistake(
                lambda *a: _batch_norm(*a, axes=None),
                "mean and variance are one number for all channels; each channel has its own: axis=(0, 1, 2)",
            ),
            Mistake(
                lambda x, mean, variance, momentum: (_batch_norm(x, mean, variance, momentum)[0], mean, variance),
                "the running statistics come back as they were; in training they move toward the batch's",
            ),
            Mistake(
                lambda x, mean, variance, momentum: (_batch_norm(x, mean, variance, momentum)[0], momentum * mean, momentum * variance),
                "the batch's share is missing: (1 - momentum) times its mean, and its variance",
            ),
            Mistake(
                lambda x, mean, variance, momentum: (
                    _batch_norm(x, mean, variance, momentum)[0], momentum * mean, momentum * variance + 1 - momentum
                ),
                "the statistics are taken of the normalized x, where they are 0 and 1; take those of `x` as it came in",
            ),
            Mistake(
                lambda *a: _batch_norm(*a)[:2],
                "return three things: the normalized x, and the two new running statistics",
            ),
        ],
    ),
    Exercise(
        "11.4",
        solution=_respond,
        inputs=_images,
        inspect=_own_and_without_loop,
        mistakes=[
            Mistake(lambda image, kernel: _respond(image, kernel[::-1, ::-1]), "the kernel is flipped: here it is laid on as it is"),
            Mistake(_respond_padded, "the image got a border; leave it out, and the result is smaller than the image"),
            Mistake(_respond_loop, _LOOP),
            Mistake(_respond_library, _LIBRARY),
            Mistake(lambda image, kernel: _respond(image, kernel) / kernel.size, "that is the mean under the window; add up instead"),
            Mistake(
                lambda image, kernel: _respond(image, jnp.concatenate([kernel, kernel[:, -1:]], axis=1)),  # JAX reads the last column again
                "the kernel is taken to be square; it has k rows and l columns",
            ),
            Mistake(
                lambda image, kernel: jnp.stack([kernel[i, j] * image[i : i + 14, j : j + 12] for i in range(3) for j in range(2)]),
                "those are the products, one array for each number of the kernel; add them up",
            ),
            Mistake(
                lambda image, kernel: _respond(image, kernel)[:-1, :-1],
                "one row and one column are missing: the last position counts too, rows - k + 1",
            ),
            Mistake(
                lambda image, kernel: _respond(image, kernel).T,
                "rows and columns are swapped in the result: the outer axis should be the rows",
            ),
            Mistake(
                lambda image, kernel: sum(kernel[i, j] * jnp.roll(image, (-i, -j), (0, 1)) for i in range(3) for j in range(2)),
                "rolled around, the image stays whole; cut off the positions where the window sticks out",
            ),
            Mistake(
                lambda image, kernel: sum(kernel[i, j] * jnp.roll(image, (i, j), (0, 1)) for i in range(3) for j in range(2))[:14, :12],
                "the image is shifted the wrong way: entry (i, j) of the kernel meets the pixel i below and j to the right",
            ),
            Mistake(
                lambda image, kernel: jax.lax.conv(image[None, None], kernel[None, None, ::-1, ::-1], (1, 1), [(2, 2), (1, 1)])[0, 0],
                "the result is larger than the image: the window should never stick out",
            ),
            Mistake(
                lambda image, kernel: sum(kernel[i, j] * image[i:14, j:12] for i in range(3) for j in range(2)),
                "the slices have different lengths: each is as long as the result, image[i : i + rows, …]",
            ),
            Mistake(lambda image, kernel: _respond(image, kernel.T), "the kernel is transposed: its rows lie on the image's rows"),
        ],
    ),
]

predictions = [
    Prediction(
        "11.a",
        answer=(8, 8, 8, 64),
        shown="ours (8, 8, 8, 64)",
        slips=[
            ((8, 6, 6, 64), "a border of zeros was added, as wide as the window needs"),
            ((8, 8, 8, 32), "each kernel makes one channel of its own"),
            ((8, 8, 8, 2048), "each kernel adds up over all channels of its input"),
            ((8, 10, 10, 64), "the border goes in and is used up by the window"),
            ((8, 8, 8, 288), "that is the shape of the patches, before they are multiplied with the kernels"),
        ],
    ),
    Prediction(
        "11.b",
        answer=0.5,
        shown="1 call   running mean 0.50 0.49",
        slips=[
            (5, "they don't jump to the batch's: one call takes them part of the way"),
            (4.5, "momentum is the share of the old statistics, not of the new"),
            (0, "the layer is in training mode, and in that mode each call moves the statistics"),
            (2.5, "momentum is 0.9, so old and new don't count alike"),
        ],
        within=1.1,
    ),
    Prediction(
        "11.c",
        answer=50,
        shown="output mean 50.0",
        slips=[
            (0, "that is what the batch's own mean would give, and this is evaluation mode"),
            (100, "after the mean is subtracted, something is still to be divided by"),
            (105, "evaluation mode normalizes too, by the running statistics"),
            (25, "divide by the standard deviation, not by the variance"),
        ],
        within=1.1,
    ),
    Prediction(
        "11.d",
        answer="MLP",
        shown="MLP   parameters 26122, running statistics 0\nCNN   parameters 21578",
        slips=[("CNN", "count how many weights one dense layer of 128 units has, and one layer of 3×3 kernels")],
    ),
    Prediction(
        "11.e",
        answer=False,
        shown="CNN  where they were 0.99, one column to the right 0.8",
        slips=[(True, "that holds for the convolutions; look at what the network does last")],
    ),
]
