"""Exercises of notebook 21: scaling out."""

from functools import partial

import jax
import jax.numpy as jnp

from course_utils.checks import Exercise, Mistake, Prediction, largest_array, no_python_loop


def combined(counts, sums, squares, error=lambda variance, paths, devices: jnp.sqrt(variance / paths)):
    mean = sums.sum() / counts.sum()
    return mean, error(squares.sum() / counts.sum() - mean**2, counts.sum(), counts.size)


def mean_of_means(counts, sums, squares, error):
    mean = (sums / counts).mean()
    return mean, error(mean, counts, sums, squares)


def variances(counts, sums, squares):
    """Each device's own."""
    return squares / counts - (sums / counts) ** 2


ERRORS = [  # what those who take the mean of the means may take for its standard error
    lambda mean, counts, sums, squares: jnp.sqrt((squares.sum() / counts.sum() - mean**2) / counts.sum()),
    lambda mean, *parts: combined(*parts)[1],
    lambda mean, counts, sums, squares: jnp.sqrt(((squares / counts).mean() - mean**2) / counts.sum()),
    lambda mean, counts, sums, squares: jnp.sqrt(((squares / counts).mean() - mean**2) / counts.size),
    lambda mean, counts, *sums: jnp.sqrt(variances(counts, *sums) / counts).mean(),
    lambda mean, counts, *sums: jnp.sqrt(variances(counts, *sums).mean() / counts.sum()),
    lambda mean, counts, *sums: jnp.sqrt((variances(counts, *sums) / counts).mean()),
    lambda mean, counts, *sums: jnp.sqrt((variances(counts, *sums) / counts).sum()) / counts.size,
    lambda mean, counts, sums, squares: (sums / counts).std() / jnp.sqrt(counts.size),
]
AS_GIVEN = ERRORS[5]  # the program that is to be repaired


def variance_within(counts, sums, squares):
    return combined(counts, sums, squares)[0], jnp.sqrt(counts @ variances(counts, sums, squares)) / counts.sum()


def a_pair(answer, *arguments):
    """What ``answer`` returns, as a tuple where it is a list or an array of two."""
    result = answer(*arguments)
    two = isinstance(result, list) or getattr(result, "shape", None) == (2,)
    return tuple(result) if two else result


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


PATHS_SENT = "the coefficients are right, but the paths themselves travel: let each device sum up its own, and send the sums by `jax.lax.psum`"


def paths_gathered(x, y):
    x, y = (jax.lax.all_gather(a, "paths", tiled=True) for a in (x, y))
    return regression(x, y, alone, alone)


def sends_sums_only(function, arguments):
    """What one device sends, read from its program before vmap makes plain sums of the messages."""
    coefficients, (x, y) = function.args[0], arguments
    program = str(jax.make_jaxpr(coefficients, axis_env=[("paths", len(x))])(x[0], y[0]))
    gathers = any(name in program for name in ("all_gather", "all_to_all", "ppermute"))
    return PATHS_SENT if gathers or "psum" not in program else None


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
        solution=lambda counts, sums, squares: combined(counts, sums, squares),
        inputs=some_parts,
        jit=False,  # `float` and `math.sqrt` are fine
        call=a_pair,
        tolerance=1e-3,
        mistakes=[
            Mistake(
                partial(mean_of_means, error=AS_GIVEN),
                "nothing is repaired yet: a device with few paths counts as much as one with many; add up first, then divide",
            ),
            *(
                Mistake(
                    function,
                    "that is the mean of the devices' means; one with few paths counts as much as one with many: add up first, then divide",
                )
                for function in (partial(mean_of_means, error=error) for error in ERRORS if error is not AS_GIVEN)
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
                "the variance is the mean of the squares minus the square of the mean, and the latter is missing",
            ),
            Mistake(
                lambda counts, sums, squares: (
                    combined(counts, sums, squares)[0],
                    jnp.sqrt(((squares / counts).mean() - combined(counts, sums, squares)[0] ** 2) / counts.sum()),
                ),
                "the mean is right; the mean of the squares, too, is over all paths: squares.sum() / counts.sum()",
            ),
            Mistake(
                lambda counts, sums, squares: (sums.sum() / counts.size, combined(counts, sums, squares)[1]),
                "the sum of all payoffs is divided by the number of devices: divide it by the number of paths, counts.sum()",
            ),
            Mistake(
                partial(combined, error=lambda variance, paths, devices: jnp.sqrt(variance / (paths - 1))),
                "the variance is asked for as the mean of the squares minus the square of the mean, so divide it by the number of paths alone",
            ),
            *(
                Mistake(
                    lambda *parts, error=error: (combined(*parts)[0], error(combined(*parts)[0], *parts)),
                    "the mean is right; the standard error mixes the devices' own: take the sum of the squares over all paths as well, then divide",
                )
                for error in ERRORS[4:]
            ),
            Mistake(
                lambda counts, sums, squares: (sums / counts, jnp.sqrt(variances(counts, sums, squares) / counts)),
                "these are each device's own mean and error; two numbers are asked for, over all paths",
            ),
            Mistake(
                lambda counts, sums, squares: (
                    combined(counts, sums, squares)[0],
                    jnp.sqrt((squares.sum() / counts.sum() - combined(counts, sums, squares)[0]) / counts.sum()),
                ),
                "the mean is to be squared before it is subtracted from the mean of the squares",
            ),
            Mistake(
                lambda counts, sums, squares: (
                    sums.sum() / counts.size,
                    jnp.sqrt((squares.sum() / counts.sum() - (sums.sum() / counts.size) ** 2) / counts.sum()),
                ),
                "the sum of all payoffs is divided by the number of devices: divide it by the number of paths, counts.sum()",
            ),
            Mistake(
                lambda *parts: combined(*parts)[0],
                "that is the mean alone; its standard error is asked for as well, as a pair",
            ),
            Mistake(
                variance_within,
                "that is the variance within the devices; their means differ too: take the sums over all paths first",
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
                lambda f, key, blocks, size: f(jax.random.normal(jax.random.split(key, blocks)[0], (size,))).mean(),
                "that is the first block alone: go through all the keys, and average",
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
            Mistake(
                partial(streamed_mean, draw=jax.random.uniform),
                "the draws are uniform; take standard normals, jax.random.normal",
            ),
            Mistake(
                lambda f, key, blocks, size: streamed_mean(f, key, blocks, size) / size,
                "divided by size twice: a block's mean is divided already",
            ),
            Mistake(
                lambda f, key, blocks, size: streamed_mean(f, key, blocks, size) * size,
                "the blocks' sums are divided by the number of blocks alone: divide by size too",
            ),
            Mistake(
                lambda f, key, blocks, size: jax.lax.map(lambda key: f(jax.random.normal(key, (size,))).mean(), jax.random.split(key, blocks)),
                "that is one mean for each block: take the mean of those",
            ),
            Mistake(
                lambda f, key, blocks, size: streamed_mean(f, key, blocks, size) * size * blocks,
                "that is the sum of all values: divide by their number, blocks * size",
            ),
        ],
    ),
    Exercise(
        "21.3",
        solution=grid,
        inputs=some_book,
        static=(0,),
        inspect=no_python_loop("right, but by a Python loop: map twice with jax.vmap, and say with in_axes what varies"),
        mistakes=[
            Mistake(
                lambda price, spots, volatilities, key: grid(price, spots, volatilities, key).T,
                "the axes are the other way round: spots first, (n, m); the outer vmap makes the first axis",
            ),
            *(
                Mistake(function, "spot and volatility have changed places: `price` takes the spot first")
                for function in (
                    lambda price, spots, volatilities, key: grid(price, volatilities, spots, key),
                    lambda price, spots, volatilities, key: grid(price, volatilities, spots, key).T,
                )
            ),
            Mistake(
                lambda price, spots, volatilities, key: jax.vmap(price, in_axes=(0, 0, None))(spots, volatilities, key),
                "one vmap over both walks along them together, spot by volatility: map over the volatilities, then that over the spots",
            ),
            *(
                Mistake(
                    function,
                    "each option got a key of its own; here all share one, so the key isn't mapped: None in in_axes",
                )
                for function in (a_key_each, partial(a_key_each, columns=False), partial(a_key_each, rows=False))
            ),
            Mistake(
                in_pairs,
                "that pairs the first spot with the first volatility, and so on: each spot with each volatility takes two vmaps",
            ),
            Mistake(
                lambda price, spots, volatilities, key: jax.vmap(jax.vmap(price))(spots, volatilities, key),
                "vmap maps over every argument unless in_axes says otherwise: each of the two vmaps varies one argument, and the others get None",
            ),
            Mistake(
                lambda price, spots, volatilities, key: price(spots[:, None], volatilities[None, :], key),
                "`price` takes one spot and one volatility, and draws an array of paths for them: broadcasting gets in its way, vmap doesn't",
            ),
            *(
                Mistake(
                    lambda price, spots, volatilities, key, which=which: jax.vmap(price, in_axes=(0, None, None))(spots, volatilities[which], key),
                    "that is one column: every spot with a single volatility; a second vmap varies the volatility",
                )
                for which in (0, -1)
            ),
            *(
                Mistake(
                    lambda price, spots, volatilities, key, which=which: jax.vmap(price, in_axes=(None, 0, None))(spots[which], volatilities, key),
                    "that is one row: a single spot with every volatility; a second vmap varies the spot",
                )
                for which in (0, -1)
            ),
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
        inspect=sends_sums_only,
        mistakes=[
            Mistake(
                lambda x, y: regression(x, y, alone, alone),
                "each device found the coefficients of its own paths: sum `x.T @ x` and `x.T @ y` over all devices before you solve",
            ),
            Mistake(
                lambda x, y: jax.lax.pmean(regression(x, y, alone, alone), "paths"),
                "that is the mean of the devices' regressions, not the regression on all paths: sum `x.T @ x` and `x.T @ y`, then solve",
            ),
            Mistake(
                lambda x, y: jax.lax.psum(regression(x, y, alone, alone), "paths"),
                "that adds up the devices' coefficients: sum `x.T @ x` and `x.T @ y`, then solve",
            ),
            Mistake(
                lambda x, y: regression(x, y, moment=alone),
                "`x.T @ x` is summed over the devices and `x.T @ y` is not: both are sums over paths",
            ),
            Mistake(
                lambda x, y: regression(x, y, gram=alone),
                "`x.T @ y` is summed over the devices and `x.T @ x` is not: both are sums over paths",
            ),
            Mistake(paths_gathered, PATHS_SENT),
            Mistake(
                lambda x, y: jax.lax.psum(x.T @ y, "paths") / jax.lax.psum(x.T @ x, "paths"),
                "`x.T @ x` is a matrix: solve a system with jnp.linalg.solve, don't divide by it",
            ),
            Mistake(
                lambda x, y: jnp.linalg.solve(jax.lax.psum(x.T @ y, "paths"), jax.lax.psum(x.T @ x, "paths")),
                "the matrix comes first: jnp.linalg.solve(`x.T @ x`, `x.T @ y`)",
            ),
            Mistake(
                lambda x, y: regression(x, y, gram=lambda a: jax.lax.pmean(a, "paths")),
                "one is a mean over the devices and the other a sum: take both as sums, or both as means",
            ),
            Mistake(
                lambda x, y: regression(x, y, moment=lambda a: jax.lax.pmean(a, "paths")),
                "one is a mean over the devices and the other a sum: take both as sums, or both as means",
            ),
            Mistake(
                lambda x, y: jnp.linalg.solve(jax.lax.psum(x @ x.T, "paths"), jax.lax.psum(x @ y, "paths")),
                "the sums run over the paths: (functions, paths) times (paths, functions), so the transposed one comes first",
            ),
            Mistake(
                lambda x, y: jax.lax.psum(x.T @ y, "paths"),
                "that is `x.T @ y` of all devices: the coefficients b solve `x.T @ x @ b = x.T @ y`",
            ),
            Mistake(
                lambda x, y: regression(jax.lax.psum(x, "paths"), jax.lax.psum(y, "paths"), alone, alone),
                "that adds up the paths themselves, a first path to a first path: send the sums `x.T @ x` and `x.T @ y` instead",
            ),
        ],
    ),
]

predictions = [
    Prediction(
        "21.a",
        answer=(1.0, 0.0),
        shown="(a + b) + c = 1.0\na + (b + c) = 0.0",
        slips=[
            ((1.0, 1.0), "one of the sums has to hold a number of nine digits on its way"),
            ((0.0, 0.0), "where the two large numbers cancel first, nothing is there for the 1 to be lost beside"),
            ((0.0, 1.0), "look at which sum comes first, the one in the brackets, and how many digits it has"),
        ],
    ),
    Prediction(
        "21.b",
        answer=(16_384, 9),
        shown="paths [16384, 16384, 16384, 16384, 16384, 16384, 16384, 16384]\nparameters [9, 9, 9, 9, 9, 9, 9, 9]",
        slips=[
            ((16_384, 10), "there is nothing to learn at one of the dates"),
            ((131_072, 9), "the paths are what is spread along the mesh"),
            ((16_384, 1), "nobody cut the parameters: each device must decide for its own paths at every date"),
            ((131_072, 10), "the paths are what is spread along the mesh, and one of the dates needs no parameters"),
        ],
    ),
    Prediction(
        "21.c",
        answer=0.021,
        shown="16.0 ms (0.021×)",
        within=2.0,
        slips=[
            (8, "the work is shared by eight, but the waiting is not: multiply the dates, the messages and their 20 µs"),
            (1, "compare 50 · 16 · 20 µs with the work, 100,000 · 50 · 200 bytes at 3 TB/s"),
            (48, "that is how many times as long eight devices take: turn it around"),
        ],
    ),
    Prediction(
        "21.d",
        answer=8**0.5,
        shown="one key for all standard error claimed 0.05, found over 200 runs 0.13",
        within=1.3,
        slips=[
            (1, "the devices draw the same numbers: think of how many different paths that makes"),
            (8, "there are eight times too few different paths, and a standard error goes with the root of their number"),
            (1 / 8**0.5, "the claim is too small, not too large"),
        ],
    ),
]
