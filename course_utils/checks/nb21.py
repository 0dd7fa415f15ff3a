"""Exercises of notebook 21: scaling out."""

from functools import partial

import jax
import jax.numpy as jnp

from course_utils.checks import Exercise, Mistake, largest_array, no_python_loop


def combined(counts, sums, squares, error=lambda variance, paths, devices: jnp.sqrt(variance / paths)):
    mean = sums.sum() / counts.sum()
    return mean, error(squares.sum() / counts.sum() - mean**2, counts.sum(), counts.size)


def mean_of_means(counts, sums, squares):
    mean = (sums / counts).mean()
    return mean, jnp.sqrt((squares.sum() / counts.sum() - mean**2) / counts.sum())


def variance_within(counts, sums, squares):
    variances = squares / counts - (sums / counts) ** 2
    return combined(counts, sums, squares)[0], jnp.sqrt(counts @ variances) / counts.sum()


def some_parts(key):
    """Three devices with different numbers of paths, and different luck."""
    parts = [1.0 + i + jax.random.normal(key, (n,)) for i, (key, n) in enumerate(zip(jax.random.split(key, 3), (5, 10, 40)))]
    return tuple(jnp.stack(numbers) for numbers in zip(*((jnp.float32(x.size), x.sum(), (x**2).sum()) for x in parts)))


def streamed_mean(f, key, blocks, size, keys=jax.random.split, draw=jax.random.normal):
    return jax.lax.map(lambda key: f(draw(key, (size,))).mean(), keys(key, blocks)).mean()


def split_again(key, blocks):
    return jax.lax.scan(lambda key, _: tuple(jax.random.split(key)), key, length=blocks)[1]


def held_at_once(function, arguments):
    f, key, blocks, size = arguments
    if largest_array(function, arguments) >= blocks * size:
        return "right, but all blocks are held at once: go through the keys with scan or jax.lax.map, and keep a sum"


def payoff(z):
    return jnp.maximum(1.2 - jnp.exp(0.2 * z), 0.0)


def price(spot, volatility, key):
    """A European put on 32 paths."""
    z = jax.random.normal(key, (32,))
    return jnp.maximum(40.0 - spot * jnp.exp(volatility * z - volatility**2 / 2), 0.0).mean()


def grid(price, spots, volatilities, key):
    row = jax.vmap(price, in_axes=(None, 0, None))
    return jax.vmap(row, in_axes=(0, None, None))(spots, volatilities, key)


def a_key_each(price, spots, volatilities, key, rows=True, columns=True):
    keys = jax.random.split(key, (spots.size if rows else 1, volatilities.size if columns else 1))
    keys = jnp.broadcast_to(keys, (spots.size, volatilities.size))
    row = jax.vmap(price, in_axes=(None, 0, 0))
    return jax.vmap(row, in_axes=(0, None, 0))(spots, volatilities, keys)


def in_pairs(price, spots, volatilities, key):
    n = min(spots.size, volatilities.size)
    return jax.vmap(price, in_axes=(0, 0, None))(spots[:n], volatilities[:n], key)


def some_book(key):
    for_spots, for_volatilities, key = jax.random.split(key, 3)
    spots = jax.random.uniform(for_spots, (4,), minval=30.0, maxval=45.0)
    return price, spots, jax.random.uniform(for_volatilities, (3,), minval=0.1, maxval=0.5), key


def regression(x, y, gram=lambda a: jax.lax.psum(a, "paths"), moment=lambda a: jax.lax.psum(a, "paths")):
    return jnp.linalg.solve(gram(x.T @ x), moment(x.T @ y))


def alone(a):
    return a


def shares(key):
    """Four devices with 24 paths and three functions each."""
    for_x, for_noise = jax.random.split(key)
    x = jax.random.normal(for_x, (4, 24, 3))
    return x, x @ jnp.array([1.0, -2.0, 0.5]) + jax.random.normal(for_noise, (4, 24))


exercises = [
    Exercise(
        "21.1",
        solution=combined,
        inputs=some_parts,
        jit=False,  # `float` and `math.sqrt` are fine
        tolerance=1e-3,
        mistakes=[
            *(
                Mistake(
                    function,
                    "that is the mean of the devices' means; one with few paths counts as much as one with many: add up first, then divide",
                )
                for function in (mean_of_means, lambda *parts: (mean_of_means(*parts)[0], combined(*parts)[1]))
            ),
            Mistake(
                partial(combined, error=lambda variance, paths, devices: jnp.sqrt(variance)),
                "that is the standard deviation of a path: the mean's standard error is smaller by the root of the number of paths",
            ),
            Mistake(
                partial(combined, error=lambda variance, paths, devices: jnp.sqrt(variance / devices)),
                "that divides by the root of the number of devices: what counts is the number of paths on all of them",
            ),
            Mistake(
                partial(combined, error=lambda variance, paths, devices: jnp.sqrt(variance) / paths),
                "divide the standard deviation by the root of the number of paths: jnp.sqrt(variance / paths)",
            ),
            *(
                Mistake(
                    partial(combined, error=error),
                    "the root of the variance is missing: the standard error is jnp.sqrt(variance / paths)",
                )
                for error in (lambda variance, paths, devices: variance / paths, lambda variance, paths, devices: variance / jnp.sqrt(paths))
            ),
            Mistake(
                lambda counts, sums, squares: (combined(counts, sums, squares)[0], jnp.sqrt(squares.sum()) / counts.sum()),
                "the variance is the mean square less the squared mean; you left out the latter",
            ),
            Mistake(variance_within, "that is the variance within the devices; their means differ too: take the sums over all paths first"),
        ],
    ),
    Exercise(
        "21.2",
        solution=streamed_mean,
        inputs=lambda key: (payoff, key, 6, 50),
        static=(0, 2, 3),
        inspect=held_at_once,
        mistakes=[
            Mistake(
                lambda f, key, blocks, size: f(jax.random.normal(key, (size,))).mean(),
                "each block must have a key of its own: with one key for all, the blocks are copies of one another",
            ),
            Mistake(
                lambda f, key, blocks, size: streamed_mean(f, key, blocks, size) * blocks,
                "the blocks' means are added up: divide by their number",
            ),
            Mistake(
                lambda f, key, blocks, size: f(jax.random.normal(key, (blocks * size,))).mean(),
                "that draws all normals from the one key, and holds them at once: split the key into one for each block",
            ),
            Mistake(
                lambda f, key, blocks, size: f(
                    jax.lax.map(lambda key: jax.random.normal(key, (size,)), jax.random.split(key, blocks)).mean(axis=0)
                ).mean(),
                "that is f of the mean; the mean of f comes block by block",
            ),
            Mistake(
                partial(streamed_mean, keys=split_again),
                "every block has a key of its own, but not those asked for: split once, jax.random.split(key, blocks)",
            ),
            Mistake(partial(streamed_mean, draw=jax.random.uniform), "the draws are uniform; take standard normals, jax.random.normal"),
            Mistake(
                lambda f, key, blocks, size: streamed_mean(f, key, blocks, size) / size,
                "divided by size twice: a block's mean is divided already",
            ),
            Mistake(
                lambda f, key, blocks, size: streamed_mean(f, key, blocks, size) * size,
                "the blocks' sums are divided by the number of blocks alone: divide by size too",
            ),
        ],
    ),
    Exercise(
        "21.3",
        solution=grid,
        inputs=some_book,
        static=(0,),
        inspect=no_python_loop("right, and by a Python loop; map twice with jax.vmap, and say with in_axes what varies"),
        mistakes=[
            Mistake(
                lambda price, spots, volatilities, key: grid(price, spots, volatilities, key).T,
                "the axes are the other way round: spots first, (n, m); the outer vmap makes the first axis",
            ),
            *(
                Mistake(function, "options have different keys; here all share one, so the key isn't mapped: None in in_axes")
                for function in (a_key_each, partial(a_key_each, columns=False), partial(a_key_each, rows=False))
            ),
            Mistake(in_pairs, "that pairs the first spot with the first volatility, and so on: each spot with each volatility takes two vmaps"),
            Mistake(
                lambda price, spots, volatilities, key: grid(price, spots, volatilities, key).ravel(),
                "that is one long row: the grid has the shape (n, m)",
            ),
        ],
    ),
    Exercise(
        "21.4",
        solution=regression,
        inputs=shares,
        call=lambda answer, x, y: jax.vmap(answer, axis_name="paths")(x, y),
        tolerance=1e-3,
        mistakes=[
            Mistake(
                lambda x, y: regression(x, y, alone, alone),
                "each device found the coefficients of its own paths: sum `X'X` and `X'y` over all devices before you solve",
            ),
            Mistake(
                lambda x, y: jax.lax.pmean(regression(x, y, alone, alone), "paths"),
                "that is the mean of the devices' regressions, not the regression on all paths: sum `X'X` and `X'y`, then solve",
            ),
            Mistake(
                lambda x, y: jax.lax.psum(regression(x, y, alone, alone), "paths"),
                "that adds up the devices' coefficients: sum `X'X` and `X'y`, then solve",
            ),
            Mistake(
                lambda x, y: regression(x, y, moment=alone),
                "`X'X` is summed over the devices and `X'y` is not: both are sums over paths",
            ),
            Mistake(
                lambda x, y: regression(x, y, gram=alone),
                "`X'y` is summed over the devices and `X'X` is not: both are sums over paths",
            ),
            Mistake(
                lambda x, y: regression(jax.lax.psum(x, "paths"), jax.lax.psum(y, "paths"), alone, alone),
                "that adds up the paths themselves, a first path to a first path: send the sums `X'X` and `X'y` instead",
            ),
        ],
    ),
]
