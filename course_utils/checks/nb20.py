"""Exercises of notebook 20: bounds and Greeks."""

from functools import partial

import jax
import jax.numpy as jnp

from course_utils.checks import Exercise, Mistake, Prediction

over_dates = partial(jnp.cumsum, axis=0)


def dual_value(gains, own, others, mean=partial(jnp.mean, axis=-1), summed=over_dates, axis=0):
    martingale = summed(own - mean(others))  # (dates, paths)
    return (gains - martingale).max(axis=axis).mean()


def subtracted_late(gains, own, others):
    return (gains.max(axis=0) - (own - others.mean(axis=-1)).sum(axis=0)).mean()


def gains_and_values(key):
    keys = jax.random.split(key, 3)
    gains = jnp.maximum(2.0 + jax.random.normal(keys[0], (5, 6)), 0.0)  # (dates, paths)
    own = 3.0 + jax.random.normal(keys[1], (5, 6))  # (dates, paths)
    others = 3.0 + jax.random.normal(keys[2], (5, 6, 4))  # (dates, paths, inner)
    return gains, own, others


def gamma(value, delta, theta, spot, volatility, rate, dividend):
    return 2 * (rate * value - (rate - dividend) * spot * delta - theta) / (volatility * spot) ** 2


def one_option(key):
    u = jax.random.uniform(key, (7,), minval=0.9, maxval=1.1)
    return tuple(u * jnp.array([5.0, -0.6, -0.8, 36.0, 0.25, 0.06, 0.03]))


def mean_jump(m, s):
    return jnp.exp(m + s**2 / 2) - 1


def to_the_drift(rate, volatility, intensity, k):
    return rate - intensity * k - volatility**2 / 2


def merton_step(price, dt, z, y, n, rate, volatility, intensity, m, s, k=mean_jump, drift=to_the_drift, root=jnp.sqrt):
    change = drift(rate, volatility, intensity, k(m, s)) * dt + volatility * jnp.sqrt(dt) * z
    return price * jnp.exp(change + m * n + s * root(n) * y)


def m_once(price, dt, z, y, n, rate, volatility, intensity, m, s):
    return merton_step(price, dt, z, y, n, rate, volatility, intensity, m, s) * jnp.exp(m - m * n)


def some_jumps(key):
    """Half of the paths jump, some of them twice or more."""
    keys = jax.random.split(key, 4)
    z, y = jax.random.normal(keys[0], (2, 8))
    n = jnp.array([0.0, 1.0, 0.0, 2.0, 0.0, 3.0, 1.0, 0.0])
    u = jax.random.uniform(keys[1], (6,), minval=0.8, maxval=1.2)
    dt, rate, volatility, intensity, m, s = u * jnp.array([0.1, 0.05, 0.2, 2.0, -0.2, 0.3])
    return 90.0 + 20.0 * jax.random.uniform(keys[2], (8,)), dt, z, y, n, rate, volatility, intensity, m, s


exercises = [
    Exercise(
        "20.1",
        solution=lambda gains: gains.max(axis=0).mean(),
        inputs=lambda key: (jnp.maximum(jax.random.normal(key, (5, 6)), 0.0),),
        jit=False,  # `float` is fine
        mistakes=[
            Mistake(
                lambda gains: gains.mean(axis=1).max(),
                "that is the best single date for all paths: take each path's largest first, axis=0, then the mean",
            ),
            Mistake(
                lambda gains: gains.max(axis=1).mean(),
                "that is the largest over the paths, date by date: the maximum runs over the dates, axis=0",
            ),
            Mistake(lambda gains: gains.max(), "that is the largest of all: take each path's largest first, axis=0, then the mean"),
            Mistake(
                lambda gains: gains.mean(axis=0).max(),
                "that is the path with the best mean: take each path's largest first, axis=0, then the mean of those",
            ),
            Mistake(lambda gains: gains.max(axis=0), "that is one number per path: take their mean"),
        ],
    ),
    Exercise(
        "20.2",
        solution=dual_value,
        inputs=gains_and_values,
        jit=False,
        mistakes=[
            Mistake(
                partial(dual_value, summed=lambda changes: changes),
                "that subtracts the martingale's change at each date; the martingale is the sum of its changes so far, jnp.cumsum over dates",
            ),
            Mistake(
                partial(dual_value, summed=lambda changes: -over_dates(changes)),
                "the sign: foresight is punished by subtracting the martingale",
            ),
            Mistake(
                partial(dual_value, summed=partial(jnp.cumsum, axis=1)),
                "the sum runs over the paths: a martingale adds up over the dates, axis=0",
            ),
            Mistake(
                partial(dual_value, summed=lambda changes: over_dates(changes) - changes),
                "the martingale is a date late: its first change belongs to the first date",
            ),
            Mistake(
                partial(dual_value, mean=jnp.mean),
                "the mean runs over everything: each date and path has inner states of its own, axis=-1",
            ),
            Mistake(partial(dual_value, mean=partial(jnp.sum, axis=-1)), "take the mean of the inner values, not their sum"),
            Mistake(
                partial(dual_value, mean=lambda others: 0.0),
                "a value alone has no mean of 0: compare each with the mean of the inner values",
            ),
            Mistake(partial(dual_value, axis=1), "the maximum runs over the paths: take each path's largest over the dates, axis=0"),
            Mistake(subtracted_late, "the maximum comes too early: subtract the martingale at each date, then take the largest over the dates"),
        ],
    ),
    Exercise(
        "20.3",
        solution=gamma,
        inputs=one_option,
        mistakes=[
            Mistake(
                lambda *numbers: gamma(*numbers[:-1], 0.0),
                "the dividend is missing: the price grows at rate - dividend",
            ),
            Mistake(
                lambda *numbers: gamma(*numbers[:-1], -numbers[-1]),
                "the sign of the dividend: the price grows at rate - dividend",
            ),
            Mistake(
                lambda value, delta, theta, *rest: gamma(value, delta, -theta, *rest),
                "the sign of theta: it stands on the same side of the equation as gamma",
            ),
            Mistake(lambda value, delta, theta, *rest: gamma(value, delta, 0.0, *rest), "theta is missing"),
            Mistake(
                lambda value, delta, *rest: gamma(value, -delta, *rest),
                "the sign of the term with delta: it stands on the same side of the equation as gamma",
            ),
            Mistake(
                lambda value, delta, theta, spot, *rest: gamma(value, delta / spot, theta, spot, *rest),
                "delta is multiplied by the spot in the equation",
            ),
            Mistake(
                lambda value, *rest: gamma(2 * value, *rest) / 2,
                "the 2 multiplies the first term alone: put the whole numerator in parentheses",
            ),
            *(
                Mistake(
                    lambda *numbers, factor=factor: factor * gamma(*numbers) / 2,
                    "the factor is 2: the equation holds half of volatility² spot² gamma",
                )
                for factor in (1.0, 0.5)
            ),
            Mistake(lambda *numbers: gamma(*numbers) * numbers[4], "the volatility is squared in the equation"),
            *(
                Mistake(lambda *numbers, power=power: gamma(*numbers) * numbers[3] ** power, "the spot is squared in the equation")
                for power in (1, 2)
            ),
            Mistake(
                lambda *numbers: gamma(*numbers) * numbers[3] ** 4,
                "a / b * c is (a / b) * c: put the denominator, volatility**2 * spot**2, in parentheses",
            ),
        ],
    ),
    Exercise(
        "20.4",
        solution=merton_step,
        inputs=some_jumps,
        jit=False,  # so are functions of `math`
        mistakes=[
            Mistake(
                partial(merton_step, k=lambda m, s: 0.0),
                "the compensator is missing: jumps have a mean, and the drift must take it out again",
            ),
            Mistake(
                partial(merton_step, k=lambda m, s: jnp.exp(m) - 1),
                "the compensator lacks s²/2: the mean of a log-normal jump is exp(m + s²/2)",
            ),
            Mistake(
                partial(merton_step, k=lambda m, s: jnp.exp(m + s**2 / 2)),
                "the compensator k is that exponential less 1: the mean jump, relative to the price",
            ),
            Mistake(
                partial(merton_step, k=lambda m, s: -mean_jump(m, s)),
                "the sign of the compensator: the drift is rate - intensity * k - volatility**2 / 2",
            ),
            Mistake(
                partial(merton_step, drift=lambda rate, volatility, intensity, k: to_the_drift(rate, volatility, 1.0, k)),
                "the intensity is missing in the drift: jumps come at this rate, so it loses intensity * k",
            ),
            Mistake(
                partial(merton_step, drift=lambda rate, volatility, intensity, k: to_the_drift(rate, 0.0, intensity, k)),
                "the drift of the logarithm lacks -volatility**2 / 2",
            ),
            Mistake(
                lambda price, dt, z, *rest: merton_step(price, 1.0, jnp.sqrt(dt) * z, *rest),
                "the drift is a rate: multiply it by dt",
            ),
            Mistake(
                lambda price, dt, z, *rest: merton_step(price, dt, jnp.sqrt(dt) * z, *rest),
                "the normal z is multiplied by the root of dt, not by dt itself",
            ),
            Mistake(
                lambda price, dt, z, *rest: merton_step(price, dt, z / jnp.sqrt(dt), *rest),
                "the normal z is multiplied by the root of dt as well",
            ),
            Mistake(
                lambda price, dt, z, y, *rest: merton_step(price, dt, z, z, *rest),
                "the jumps have normals of their own, y",
            ),
            Mistake(m_once, "each of the n jumps adds m: m * n"),
            *(
                Mistake(partial(merton_step, root=root), "n jumps have the standard deviation s √n: they are independent")
                for root in (lambda n: n, jnp.ones_like)
            ),
            Mistake(
                lambda price, *rest: jnp.log(merton_step(price, *rest) / price),
                "that is the change of the logarithm: return the price",
            ),
            Mistake(
                lambda price, *rest: merton_step(price, *rest) / price,
                "that is the factor by which the price changes: multiply the price by it",
            ),
            Mistake(lambda *arguments: jnp.log(merton_step(*arguments)), "that is the logarithm of the price: take jnp.exp of it"),
        ],
    ),
]

predictions = [
    Prediction(
        "20.a",
        0,
        shown="their opposite",
        slips=[
            (1, "is a multiple of a fair game, even a negative one, still fair"),
            (2, "what do half a fair game and no game at all have in common"),
            (3, "for which martingales does the inequality hold"),
        ],
    ),
    Prediction(
        "20.b",
        (8, 4, 11, 64),
        shown="first kernel of the policy: (8, 4, 11, 64)",
        slips=[
            ((4, 8, 11, 64), "what is stacked last comes first"),
            ((9, 4, 11, 64), "at the last date there is nothing to learn"),
            ((8, 11, 64), "where are the four"),
        ],
    ),
    Prediction(
        "20.c",
        0,
        shown="gamma by differentiating twice: 0.0",
        slips=[
            (0.06, "along one path that stops in the money the payoff is strike - price: what is its second derivative"),
            (0.06076, "along one path that stops in the money the payoff is strike - price: what is its second derivative"),
        ],
    ),
]
