"""Exercises of notebook 21: scaling out."""

import jax
import jax.numpy as jnp

from course_utils.checks import Exercise, Mistake, largest_array, no_python_loop


def combined(counts, sums, squares):
    total = counts.sum()
    mean = sums.sum() / total
    return mean, jnp.sqrt((squares.sum() / total - mean**2) / total)


def some_parts(key):
    """Three devices with different numbers of paths, and different luck."""
    parts = [1.0 + i + jax.random.normal(key, (n,)) for i, (key, n) in enumerate(zip(jax.random.split(key, 3), (5, 10, 40)))]
    return tuple(jnp.stack(numbers) for numbers in zip(*((jnp.float32(x.size), x.sum(), (x**2).sum()) for x in parts)))


def streamed_mean(f, key, blocks, size):
    return jax.lax.map(lambda key: f(jax.random.normal(key, (size,))).mean(), jax.random.split(key, blocks)).mean()


def held_at_once(function, arguments):
    f, key, blocks, size = arguments
    if largest_array(function, arguments) >= blocks * size:
        return "right, but all blocks are held at once: go through the keys with scan or jax.lax.map, and keep a sum"


def payoff(z):
    return jnp.maximum(1.0 - jnp.exp(0.2 * z), 0.0)


def price(spot, volatility, key):
    """A European put on 32 paths."""
    z = jax.random.normal(key, (32,))
    return jnp.maximum(40.0 - spot * jnp.exp(volatility * z - volatility**2 / 2), 0.0).mean()


def grid(price, spots, volatilities, key):
    row = jax.vmap(price, in_axes=(None, 0, None))
    return jax.vmap(row, in_axes=(0, None, None))(spots, volatilities, key)


def a_key_each(price, spots, volatilities, key):
    keys = jax.random.split(key, (spots.size, volatilities.size))
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
        tolerance=1e-3,
        mistakes=[
            Mistake(
                lambda counts, sums, squares: ((sums / counts).mean(), combined(counts, sums, squares)[1]),
                "that is the mean of the devices' means, which counts a device with few paths as much as one with many: add up first, then divide",
            ),
            Mistake(
                lambda counts, sums, squares: (combined(counts, sums, squares)[0], combined(counts, sums, squares)[1] * jnp.sqrt(counts.sum())),
                "that is the standard deviation of a path: the mean's standard error is smaller by the root of the number of paths",
            ),
            Mistake(
                lambda counts, sums, squares: (
                    combined(counts, sums, squares)[0],
                    combined(counts, sums, squares)[1] * jnp.sqrt(counts.sum() / counts.size),
                ),
                "that divides by the root of the number of devices: what counts is the number of paths on all of them",
            ),
            Mistake(
                lambda counts, sums, squares: (combined(counts, sums, squares)[0], jnp.sqrt(squares.sum()) / counts.sum()),
                "the variance is the mean square less the squared mean; you left out the latter",
            ),
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
            Mistake(a_key_each, "each option has a key of its own; here all share one, so the key isn't mapped: None in in_axes"),
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
