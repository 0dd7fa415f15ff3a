"""Checks of notebook 05: keys split and folded, paths and dates with numbers of their own, standard errors."""

import jax
import jax.numpy as jnp

from course_utils.checks import Exercise, Mistake

_SAME_SUM = "both dice are thrown with one key, so they always agree and every sum is even; give each its own key"


def _dice(first, second, sides=6):
    return jax.random.randint(first, (1000,), 1, sides + 1) + jax.random.randint(second, (1000,), 1, sides + 1)


def _normals(key, n, steps):
    return jax.vmap(lambda k: jax.random.normal(k, (steps,)))(jax.random.split(key, n))


def _put(key):
    """A payoff with a random strike."""
    strike = float(jax.random.uniform(key, minval=-0.5, maxval=1.5))
    return lambda z: jnp.maximum(strike - z, 0.0)


def _monte_carlo(key, payoff, n, error=lambda values: values.std(ddof=1) / values.size**0.5):
    values = payoff(jax.random.normal(key, (n,)))
    return values.mean(), error(values)


def _shocks(key, dates, paths, first=1, join=lambda half: jnp.concatenate([half, -half], axis=1)):
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
                "the second number is the standard deviation of one draw; that of the mean is smaller by √n",
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
                "the opposites are put below as further dates; they belong beside, along axis 1",
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
