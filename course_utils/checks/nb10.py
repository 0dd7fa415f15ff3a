"""Checks of notebook 10: top-two accuracy, a cross-entropy that survives, the best loss without images, early stopping afterwards."""

import dis

import jax
import jax.numpy as jnp
import optax

from course_utils.checks import Exercise, Mistake, Prediction, draws_from
from course_utils.checks.reading import _codes


def _scores(key, size=1.0):
    """Logits (12, 5) and labels (12,)."""
    key, subkey = jax.random.split(key)
    return size * jax.random.normal(key, (12, 5)), jax.random.randint(subkey, (12,), 0, 5)


def _top_two(scores, labels, columns=slice(-2, None)):
    return jnp.mean((jnp.argsort(scores, axis=1)[:, columns] == labels[:, None]).any(axis=1))


def _top_inputs(key):
    """Labels in first, second and another place: no two of the answers below agree by chance."""
    scores, _ = _scores(key)
    place = jax.random.permutation(key, jnp.array([0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 3, 4]))  # 0: the highest
    return scores, jnp.argsort(-scores, axis=1)[jnp.arange(12), place]


def _log_p(scores, top=lambda scores: scores.max(axis=1, keepdims=True)):
    scores = scores - top(scores)
    return scores - jnp.log(jnp.sum(jnp.exp(scores), axis=1, keepdims=True))


def _cross_entropy(scores, labels, log_p=_log_p):
    return -jnp.mean(log_p(scores)[jnp.arange(len(labels)), labels])


_READY = "right, but a library did the work that is the exercise: write the log-softmax with `jnp` alone"


def _without_library(function, arguments):
    """An inspector: no loss, softmax or ``logsumexp`` from a library, whether called as an attribute or by an imported name."""
    answer = function.args[0]
    for code in _codes(answer):
        for step in dis.get_instructions(code):
            if step.opname in ("LOAD_ATTR", "LOAD_METHOD") and str(step.argval).startswith(("log_softmax", "softmax", "logsumexp")):
                return _READY
            if step.opname == "LOAD_GLOBAL":
                value = getattr(answer, "__globals__", {}).get(step.argval)
                made_in = getattr(value, "__module__", "") or ""
                if callable(value) and made_in.startswith(("jax._src.nn", "jax._src.ops", "optax", "flax")):
                    return _READY
    return None


def _start(key):
    """Parameters of three layers and labels of four classes, each with another share."""
    rng = draws_from(key)
    sizes = (6, 5, 5, 4)
    pairs = [(jnp.asarray(rng.normal(size=(m, n))), jnp.asarray(rng.normal(size=n))) for m, n in zip(sizes[:-1], sizes[1:])]
    return pairs, jnp.asarray(rng.permutation(jnp.repeat(jnp.arange(4), rng.permutation(jnp.array([2, 5, 11, 23])), total_repeat_length=41)))


def _ignore(parameters, labels, bias=jnp.log, weights=0.0):
    *before, (W, b) = parameters
    shares = jnp.bincount(labels, length=len(b)) / len(labels)
    return [*before, (weights * W, bias(shares))]


def _layers(answer, *arguments):
    """The layers that are returned; of the last bias, what doesn't change when a number is added to all of it."""
    result = answer(*arguments)
    if not isinstance(result, (tuple, list)) or not all(isinstance(pair, (tuple, list)) and len(pair) == 2 for pair in result):
        return result
    *before, (W, b) = (tuple(jnp.asarray(part, jnp.float32) for part in pair) for pair in result)
    return [*before, (W, jax.nn.log_softmax(b) if b.ndim == 1 else b)]


def _history(key):
    keys = jax.random.split(key, 4)
    layers = [(jax.random.normal(k, (6, 3, 2)), jax.random.normal(k, (6, 2))) for k in keys[:2]]
    losses = jax.random.permutation(keys[2], jnp.arange(6.0))
    return {"layers": layers, "scale": jax.random.normal(keys[3], (6,))}, losses.at[-1].add(0.5).at[0].add(0.5)


def _at(history, epoch):
    return jax.tree.map(lambda leaf: leaf[epoch], history)


exercises = [
    Exercise(
        "10.1",
        solution=lambda scores, labels: _top_two(scores, labels),
        inputs=_top_inputs,
        mistakes=[
            Mistake(lambda s, y: _top_two(s, y, slice(-1, None)), "that is the ordinary accuracy: look at the two highest logits"),
            Mistake(lambda s, y: _top_two(s, y, slice(-2, -1)), "that counts the second highest alone: the highest counts as well"),
            Mistake(lambda s, y: _top_two(s, y, slice(None, 2)), "these are the two lowest: argsort sorts upward"),
            Mistake(lambda s, y: 1 - _top_two(s, y), "that is the share of images that were missed"),
            Mistake(lambda s, y: _top_two(s, y) * len(y), "that is a count; divide it by the number of images"),
            Mistake(
                lambda s, y: _top_two(s, y) / 2,
                "the mean goes over both places, of which at most one can be right: ask with any(axis=1) first",
            ),
            Mistake(
                lambda s, y: jnp.mean(jnp.argsort(s, axis=1)[:, -2:] == y),
                "labels (images,) don't fit (images, 2): give them a second axis, labels[:, None]",
            ),
            Mistake(
                lambda s, y: 0.0 * _top_two(s, y),
                "no image counts: compare indices, not logits, with the labels, and ask for `any` of the two, not `all`",
            ),
            Mistake(
                lambda s, y: 0.0 * _top_two(s, y) + 1.0,
                "`any` goes over all images at once; it should go over the two places of each, axis=1",
            ),
            Mistake(
                lambda s, y: jnp.mean((jnp.argsort(s, axis=0)[:, -2:] == y[:, None]).any(axis=1)),
                "the images are sorted, not the classes: argsort along axis 1",
            ),
            Mistake(
                lambda s, y: jnp.mean((jnp.argsort(s, axis=1)[-2:] == y[:, None]).any(axis=1)),
                "those are the last two images; take the last two columns, [:, -2:]",
            ),
            Mistake(
                lambda s, y: jnp.sum((jnp.argsort(s, axis=1)[:, -2:] == y[:, None]).any(axis=1)),
                "that is a count; divide it by the number of images",
            ),
            Mistake(
                lambda s, y: (jnp.argsort(s, axis=1)[:, -2:] == y[:, None]).any(axis=1),
                "that says it for each image; return their mean, one number",
            ),
            Mistake(lambda s, y: _top_two(s, y, slice(-3, None)), "those are the three highest; two are asked for"),
        ],
    ),
    Exercise(
        "10.2",
        solution=lambda scores, labels: _cross_entropy(scores, labels),
        inputs=lambda key: _scores(key, 1000.0),
        gradient=0,
        inspect=_without_library,
        mistakes=[
            Mistake(
                lambda s, y: _cross_entropy(s, y, lambda s: jnp.log(jnp.exp(s) / jnp.exp(s).sum(axis=1, keepdims=True))),
                "`exp` overflows for large logits: subtract each row's largest logit first",
            ),
            Mistake(
                lambda s, y: _cross_entropy(s, y, lambda s: _log_p(s, jnp.max)),
                "the largest logit of the whole batch is subtracted, and other rows underflow: take each row's own",
            ),
            Mistake(
                lambda s, y: _cross_entropy(s, y, lambda s: jnp.log(jax.nn.softmax(s))),
                "the loss is infinite: `exp` overflowed, or a probability became 0 before its logarithm; subtract each row's largest logit, stay in logarithms",
            ),
            Mistake(lambda s, y: -_cross_entropy(s, y), "the sign is reversed: a loss is minus the log-probability"),
            Mistake(lambda s, y: len(y) * _cross_entropy(s, y), "that is the sum over the batch; take the mean"),
            Mistake(
                lambda s, y: -_log_p(s)[jnp.arange(len(y)), y],
                "that is the loss of each image; return their mean, one number",
            ),
            Mistake(
                lambda s, y: -jnp.mean(_log_p(s)),
                "the mean goes over all classes; pick the log-probability of each image's label first",
            ),
            Mistake(
                lambda s, y: -jnp.sum(_log_p(s) * (y[:, None] == jnp.arange(s.shape[1]))) / s.size,
                "the zeros of the one-hot vectors are counted in the mean: sum over the classes, then average over the images",
            ),
            Mistake(
                lambda s, y: -jnp.mean(jnp.log(jnp.clip(jax.nn.softmax(s), 1e-7))[jnp.arange(len(y)), y]),
                "clipping keeps the loss finite, but makes it wrong, and its gradient zero, exactly where the network is most wrong",
            ),
            Mistake(lambda s, y: optax.softmax_cross_entropy_with_integer_labels(s, y).mean(), _READY),
            Mistake(lambda s, y: -jnp.mean(jax.nn.log_softmax(s)[jnp.arange(len(y)), y]), _READY),
            Mistake(
                lambda s, y: -jnp.mean(jnp.log(jax.nn.softmax(s) + 1e-9)[jnp.arange(len(y)), y]),
                "a small number added keeps the loss finite, but makes it wrong where the network is most wrong: stay in logarithms",
            ),
            Mistake(
                lambda s, y: -jnp.mean(jax.nn.log_softmax(s, axis=0)[jnp.arange(len(y)), y]),
                "maximum and sum go over the images; they should go over the classes of each image, axis 1",
            ),
            Mistake(
                lambda s, y: -jnp.mean(_log_p(s)[:, y]),
                "[:, labels] takes every image with every label; take each with its own: [jnp.arange(images), labels]",
            ),
            Mistake(
                lambda s, y: -jnp.mean((s - jnp.log(jnp.sum(jnp.exp(s), axis=1, keepdims=True)))[jnp.arange(len(y)), y]),
                "the loss is infinite: `exp` overflowed, or a probability became 0 before its logarithm; subtract each row's largest logit, stay in logarithms",
            ),
            Mistake(
                lambda s, y: -jnp.mean(
                    (lambda z: z - jnp.log(jnp.sum(jnp.exp(z))))(s - s.max(axis=1, keepdims=True))[jnp.arange(len(y)), y]
                ),
                "the sum goes over all images; each image has a sum of its own: axis=1, keepdims=True",
            ),
            Mistake(
                lambda s, y: -jnp.sum(_log_p(s)[jnp.arange(len(y)), y]),
                "that is the sum over the batch; take the mean",
            ),
        ],
    ),
    Exercise(
        "10.3",
        solution=lambda parameters, labels: _ignore(parameters, labels),
        inputs=_start,
        call=_layers,
        jit=False,
        mistakes=[
            Mistake(
                lambda p, y: _ignore(p, y, bias=lambda shares: shares),
                "the softmax takes exponentials: which bias makes the shares come out of it, and not go in?",
            ),
            Mistake(
                lambda p, y: _ignore(p, y, bias=lambda shares: len(y) * shares),
                "those are counts; after the softmax nearly all probability is on the commonest class",
            ),
            Mistake(
                lambda p, y: _ignore(p, y, bias=jnp.zeros_like),
                "that answers with equal probabilities; it can do better where some classes are more common",
            ),
            Mistake(
                lambda p, y: _ignore(p, y, weights=1.0),
                "the images still have a say: what must the last weights be so that they have none?",
            ),
            Mistake(
                lambda p, y: [*p[:-1], (0 * p[-1][0], p[-1][1])],
                "the weights are right; the bias is still the old one, and it alone says what is answered",
            ),
            Mistake(
                lambda p, y: _ignore(p, y, bias=lambda shares: -jnp.log(shares)),
                "the sign is reversed: the rarest class gets the highest probability",
            ),
            Mistake(
                lambda p, y: _ignore(p, y, bias=lambda shares: jnp.where(shares == shares.max(), 1.0, 0.0)),
                "that bets on the commonest class: a class that gets too little probability costs much when it occurs",
            ),
            Mistake(
                lambda p, y: _ignore(jax.tree.map(jnp.zeros_like, p), y),
                "the last layer is right; those before it should stay as they are",
            ),
            Mistake(
                lambda p, y: jax.tree.map(jnp.zeros_like, p),
                "all is zero, so the answers are equal probabilities; change the last layer alone, and let its bias know the shares",
            ),
            Mistake(lambda p, y: _ignore(p, y)[-1], "that is the last pair alone; return the whole list"),
            Mistake(lambda p, y: _ignore(p, y)[-1][1], "that is the last bias alone; return the whole list of pairs"),
            Mistake(
                lambda p, y: _ignore(p, y, bias=lambda shares: jax.nn.softmax(shares)),
                "the softmax comes in the loss; the bias should be what it turns into the shares",
            ),
        ],
    ),
    Exercise(
        "10.4",
        solution=lambda history, losses: _at(history, jnp.argmin(losses)),
        inputs=_history,
        mistakes=[
            Mistake(lambda history, losses: _at(history, -1), "these are the parameters after the last epoch"),
            Mistake(lambda history, losses: _at(history, jnp.argmax(losses)), "that is the epoch with the largest loss"),
            Mistake(
                lambda history, losses: history[jnp.argmin(losses)],
                "a tree can't be indexed by epoch: index each leaf, with jax.tree.map",
            ),
            Mistake(
                lambda history, losses: _at(history, jnp.array([jnp.argmin(losses)])),
                "an epoch axis of length one is left: index with a number",
            ),
            Mistake(lambda history, losses: jnp.argmin(losses), "that is the number of the epoch; return its parameters"),
            Mistake(
                lambda history, losses: _at(history, jnp.argmin(losses) + 1),
                "one epoch too late: `argmin` counts from 0, and so does the leading axis",
            ),
            Mistake(
                lambda history, losses: _at(history, jnp.argmin(losses) - 1),
                "one epoch too early: `argmin` counts from 0, and so does the leading axis",
            ),
            Mistake(
                lambda history, losses: _at(history, jnp.min(losses)),
                "that is the smallest loss, not the epoch where it is: `argmin` gives the place",
            ),
            Mistake(
                lambda history, losses: jax.tree.map(lambda leaf: leaf[:, jnp.argmin(losses)], history),
                "the epochs are the leading axis: index it, leaf[epoch]",
            ),
            Mistake(
                lambda history, losses: [leaf[jnp.argmin(losses)] for leaf in jax.tree.leaves(history)],
                "those are the right leaves, and the tree is gone: jax.tree.map keeps it",
            ),
            Mistake(
                lambda history, losses: jax.tree.map(lambda leaf: leaf[jnp.argmin(leaf)], history),
                "the place of the smallest number is sought in each leaf; it is the losses that decide",
            ),
            Mistake(
                lambda history, losses: jax.tree.map(lambda leaf: leaf.min(axis=0), history),
                "that is the smallest of each number over the epochs; take all numbers from one epoch",
            ),
            Mistake(
                lambda history, losses: (_at(history, jnp.argmin(losses)), jnp.argmin(losses)),
                "return the parameters alone, without the epoch",
            ),
        ],
    ),
]

predictions = [
    Prediction(
        "10.a",
        answer=3**10,
        shown="scale 3.00   layer 1 1.4   layer 4 27   layer 10 1.6e+04",
        slips=[
            (3, "that is the factor of one layer"),
            (30, "each layer multiplies what the one before hands on: factors don't add up"),
            (1000, "each layer has a factor of its own, and it is that of the weights' size"),
            (1, "nothing brings the signal back to its size between the layers"),
        ],
        within=2.0,
    ),
    Prediction(
        "10.b",
        answer=2.302585,
        shown="loss of equal probabilities 2.3026",
        slips=[
            (0, "a loss of zero means that the right answer had all the probability"),
            (0.1, "that is the probability of the right answer; the loss takes its logarithm"),
            (1, "the logarithm in the loss is the natural one"),
            (-2.3, "a loss is minus the logarithm of a probability"),
            (0.9, "the loss goes by the probability of the right answer, not by the share of wrong ones"),
        ],
        within=1.01,
    ),
    Prediction(
        "10.c",
        answer=(39, 32, 8, 8),
        shown="images (39, 32, 8, 8)",
        slips=[
            ((40, 32, 8, 8), "an array has no short rows: only full batches are returned"),
            ((32, 39, 8, 8), "a scan goes over the leading axis, and it should go over the batches"),
            ((32, 8, 8), "that is one batch; all of an epoch come at once"),
            ((39, 32, 64), "the images keep their shape"),
        ],
    ),
    Prediction(
        "10.d",
        answer=0.0074,
        shown="by counting 0.007",
        slips=[
            (0.14, "that is the standard deviation of a single answer, not of the mean of 360"),
            (0.02, "that is the share of errors; what is asked is how much such a share varies from one test set to another"),
            (0.0028, "that is the weight of one image; the number of misread ones varies by more than one"),
            (0.001, "that would take thousands of images"),
        ],
        within=1.5,
    ),
]
