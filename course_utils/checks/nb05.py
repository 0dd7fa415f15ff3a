"""Checks of notebook 05: keys split and folded, paths and dates with numbers of their own, standard errors."""

import jax
import jax.numpy as jnp

from course_utils.checks import Exercise, Mistake, Prediction

_SAME_SUM = "both dice are thrown with one key, so they always agree and every sum is even; give each its own key"


def _dice(first, second, sides=6):
    return jax.random.randint(first, (1000,), 1, sides + 1) + jax.random.randint(second, (1000,), 1, sides + 1)


def _normals(key, n, steps):
    return jax.vmap(lambda k: jax.random.normal(k, (steps,)))(jax.random.split(key, n))


def _a_key_for_each_step(key, n, steps):
    return jax.vmap(lambda k: jax.vmap(jax.random.normal)(jax.random.split(k, steps)))(jax.random.split(key, n))


def _put(key):
    """A payoff with a random strike."""
    strike = float(jax.random.uniform(key, minval=-0.5, maxval=1.5))
    return lambda z: jnp.maximum(strike - z, 0.0)


def _monte_carlo(key, payoff, n, error=lambda values: values.std(ddof=1) / values.size**0.5):
    values = payoff(jax.random.normal(key, (n,)))
    return values.mean(), error(values)


def _beside(half):
    return jnp.concatenate([half, -half], axis=1)


def _shocks(key, dates, paths, first=1, join=_beside):
    def draw(date):
        return jax.random.normal(jax.random.fold_in(key, date), (paths // 2,))

    return join(jax.vmap(draw)(jnp.arange(first, dates + first)))


def _shocks_of_one_date(key, dates, paths):
    half = jax.random.normal(key, (paths // 2,))
    return jnp.tile(jnp.concatenate([half, -half]), (dates, 1))


def _in_turn(half):
    return jnp.stack([half, -half], axis=2).reshape(len(half), -1)


def _mirrored(half):
    return jnp.concatenate([half, -half[:, ::-1]], axis=1)


exercises = [
    Exercise(
        "05.1",
        solution=lambda key: _dice(*jax.random.split(key)),
        inputs=lambda key: (key,),
        mistakes=[
            Mistake(lambda key: _dice(key, key), _SAME_SUM),
            Mistake(lambda key: _dice(*[jax.random.split(key)[0]] * 2), _SAME_SUM),
            Mistake(lambda key: _dice(*[jax.random.split(key)[1]] * 2), _SAME_SUM),
            Mistake(
                lambda key: tuple(jax.random.randint(k, (1000,), 1, 7) for k in jax.random.split(key)),
                "these are the two dice one by one; return their sums",
            ),
            Mistake(
                lambda key: _dice(*jax.random.split(key), sides=5),
                "these dice never show a six: randint leaves its upper bound out",
            ),
            Mistake(
                lambda key: sum(jax.random.randint(k, (1000,), 0, 6) for k in jax.random.split(key)),
                "these dice show 0 to 5; randint starts at its lower bound, which should be 1",
            ),
            Mistake(
                lambda key: jax.random.randint(key, (1000, 2), 1, 7).sum(axis=1),
                "both dice are drawn with `key` in one call; split it in two first, and give each die a key",
            ),
            Mistake(
                lambda key: jax.random.randint(key, (1000,), 2, 13),
                "that is one draw from 2 to 12, all equally likely; with two dice a 7 comes up more often than a 2",
            ),
            Mistake(
                lambda key: _dice(key, jax.random.split(key)[1]),
                "`key` is used for a die and then split; draw only with the two keys that split returns",
            ),
        ],
    ),
    Exercise(
        "05.2",
        solution=lambda key, n, steps: jnp.cumsum(_normals(key, n, steps), axis=1),
        inputs=lambda key: (key, 6, 9),
        static=(1, 2),
        mistakes=[
            Mistake(
                lambda key, n, steps: jnp.cumsum(jnp.tile(jax.random.normal(key, (steps,)), (n, 1)), axis=1),
                "all rows are the same walk: map over the keys, so that each row draws with its own",
            ),
            Mistake(
                lambda key, n, steps: jnp.cumsum(_normals(key, n, steps), axis=0),
                "the sum runs over the walks; it should run over the steps of each walk, along axis 1",
            ),
            Mistake(_normals, "these are the steps; a walk is their running sum, jnp.cumsum"),
            Mistake(
                lambda key, n, steps: jnp.cumsum(_normals(key, n, steps), axis=1) - _normals(key, n, steps),
                "each walk is one step late: its first entry is the first step, and not 0",
            ),
            Mistake(
                lambda key, n, steps: jnp.cumsum(_a_key_for_each_step(key, n, steps), axis=1),
                "each row's key is split again, into one key per step; draw all the steps of a row in one call",
            ),
            Mistake(
                lambda key, n, steps: jnp.cumsum(_normals(key, n, steps)).reshape(n, steps),
                "jnp.cumsum without an axis runs through all walks one after the other; each should start anew",
            ),
            Mistake(
                lambda key, n, steps: jnp.cumsum(jax.random.normal(key, (n, steps)), axis=1),
                "good walks, but all drawn with `key` at once; row i should be drawn with key i of split(key, n)",
            ),
        ],
    ),
    Exercise(
        "05.3",
        solution=_monte_carlo,
        inputs=lambda key: (key, _put(key), 2000),
        jit=False,
        tolerance=1e-3,  # std(ddof=0) is accepted beside std(ddof=1): at n = 2000 they differ by 2.5e-4
        mistakes=[
            Mistake(
                lambda key, payoff, n: _monte_carlo(key, payoff, n, lambda values: values.std(ddof=1)),
                "the second number is the standard deviation of one draw; the mean's is smaller by a factor of √n",
            ),
            Mistake(
                lambda key, payoff, n: _monte_carlo(key, payoff, n, lambda values: values.std(ddof=1) / n),
                "divide the standard deviation by √n, not by n",
            ),
            Mistake(
                lambda key, payoff, n: _monte_carlo(key, payoff, n, lambda values: values.var(ddof=1) / n),
                "that is the variance of the mean; the standard error is its square root",
            ),
            Mistake(
                lambda key, payoff, n: _monte_carlo(key, payoff, n, lambda values: values.var(ddof=1) / n**0.5),
                "the standard error has the standard deviation in it, `std`, not the variance",
            ),
            Mistake(
                lambda key, payoff, n: (_monte_carlo(key, payoff, n)[0], 1 / n**0.5),
                "that would be the standard error of the mean of z; use the spread of the payoffs",
            ),
            Mistake(
                lambda key, payoff, n: _monte_carlo(key, payoff, n)[::-1],
                "the right numbers in the wrong order: first the mean, then its standard error",
            ),
            Mistake(
                lambda key, payoff, n: _monte_carlo(jax.random.split(key)[1], payoff, n),
                "the draws come from a key made out of `key`; draw with `key` itself, which is used for nothing else here",
            ),
            Mistake(
                lambda key, payoff, n: _monte_carlo(key, payoff, n, lambda values: 1.96 * values.std(ddof=1) / n**0.5),
                "the second number is half the width of a 95% interval; return the standard error itself, without the 1.96",
            ),
            Mistake(
                lambda key, payoff, n: (payoff(jax.random.normal(key, (n,)).mean()), _monte_carlo(key, payoff, n)[1]),
                "the payoff of the mean isn't the mean of the payoffs: apply `payoff` to every draw, then average",
            ),
        ],
    ),
    Exercise(
        "05.4",
        solution=_shocks,
        inputs=lambda key: (key, 5, 8),
        static=(1, 2),
        mistakes=[
            Mistake(
                lambda key, dates, paths: _shocks(key, dates, paths, first=0),
                "the dates are counted from 0 (which `split` does too); fold in 1 for the first date, `dates` for the last",
            ),
            Mistake(
                lambda key, dates, paths: _shocks(key, dates - 1, paths),
                "the last date is missing: jnp.arange(1, n) ends at n − 1",
            ),
            Mistake(
                lambda key, dates, paths: _shocks(key, dates, paths, join=lambda half: jnp.concatenate([half, -half])),
                "the opposites are put below, as further dates; they belong beside the others, along axis 1",
            ),
            Mistake(
                lambda key, dates, paths: _beside(jax.random.normal(key, (dates, paths // 2))),
                "all dates are drawn with `key` in one call; draw each date with a key of its own, made by fold_in",
            ),
            Mistake(_shocks_of_one_date, "all dates have the same shocks: fold the date into the key"),
            Mistake(
                lambda key, dates, paths: _shocks(key, dates, 2 * paths, join=lambda shocks: shocks),
                "no shock comes back with its sign reversed: draw paths // 2 of them, and append minus the same ones",
            ),
            Mistake(
                lambda key, dates, paths: _shocks(key, dates, paths, join=lambda half: jnp.tile(half, (1, 2))),
                "the second half repeats the first; its signs should be reversed",
            ),
            Mistake(
                lambda key, dates, paths: _shocks(key, dates, paths, join=_in_turn),
                "each shock is followed by its opposite; first come all the shocks, then all the opposites",
            ),
            Mistake(
                lambda key, dates, paths: _shocks(key, dates, paths, join=_mirrored),
                "the second half comes in reverse order; it is minus the first half in the same order",
            ),
        ],
    ),
]

predictions = [
    Prediction(
        "05.a",
        4,
        shown="variance 3.987 ± 0.018",
        within=1.05,
        slips=[
            (2, "variances add up when the two draws are independent; compare the key and the shape of `y_bug` with those of `x`"),
            (0, "that would be the variance of their difference; here the two are added"),
            (1, "that is the variance of one of the two; they are added"),
            (8, "too large: work out the variance of 2x, where x has variance 1"),
        ],
    ),
    Prediction(
        "05.b",
        2,
        shown="[ 0.5319 -0.723   0.9073]\n[ 0.5319 -0.723   0.9073 -0.9505 -1.9374]\n",
        slips=[
            (5, "the key is the same, and so is position 0; the generator scrambles these two and nothing else"),
            (3, "three is how many there were before; compare the positions of the two draws"),
            (0, "the first call draws positions 0, 1 and 2; the second goes on beyond them"),
        ],
    ),
    Prediction(
        "05.c",
        100,
        shown="standard deviation after 100 steps: 99.63",
        within=1.1,
        slips=[
            (10, "independent steps partly cancel, but a hundred equal ones can't"),
            (1, "that is the standard deviation of one step; a hundred of them are added up"),
            (0, "within a walk all steps are equal, but the walks have different keys"),
            (1000, "each step has standard deviation 1, and there are a hundred of them"),
            (10_000, "that is the variance; its root is asked for"),
        ],
    ),
    Prediction(
        "05.d",
        38,
        shown="sixteen keys 95%, one key 38%",
        within=1.1,
        slips=[
            (95, "the mean is that of a hundred different draws; its standard error is computed as if there were 1600"),
            (68, "the standard error is too small, and by more than a factor of two: 1600 draws are counted where a hundred are there"),
            (20, "two standard errors are asked for, each a quarter of what it should be"),
            (24, "the interval is a quarter as wide; the share within it isn't a quarter"),
            (6, "it isn't the share that is divided by sixteen; first find by how much the interval is too narrow"),
        ],
    ),
]
