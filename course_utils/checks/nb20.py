"""Exercises of notebook 20: bounds and Greeks."""

import jax
import jax.numpy as jnp

from course_utils.checks import Exercise, Mistake


def dual_value(gains, own, others):
    martingale = jnp.cumsum(own - others.mean(axis=-1), axis=0)  # (dates, paths)
    return (gains - martingale).max(axis=0).mean()


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


def merton_step(price, dt, z, y, n, rate, volatility, intensity, m, s, compensator=lambda m, s: jnp.exp(m + s**2 / 2) - 1, root=jnp.sqrt):
    drift = (rate - intensity * compensator(m, s) - volatility**2 / 2) * dt
    return price * jnp.exp(drift + volatility * jnp.sqrt(dt) * z + m * n + s * root(n) * y)


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
        mistakes=[
            Mistake(lambda gains: gains.mean(axis=1).max(), "that is the best single date for all paths: take each path's largest first, axis=0, then the mean"),
            Mistake(lambda gains: gains.max(axis=1).mean(), "that is the largest over the paths, date by date: the maximum runs over the dates, axis=0"),
            Mistake(lambda gains: gains.max(axis=0), "that is one number per path: take their mean"),
        ],
    ),
    Exercise(
        "20.2",
        solution=dual_value,
        inputs=gains_and_values,
        mistakes=[
            Mistake(
                lambda gains, own, others: (gains - (own - others.mean(axis=-1))).max(axis=0).mean(),
                "that subtracts the martingale's change at each date; the martingale is the sum of its changes so far, jnp.cumsum over the dates",
            ),
            Mistake(
                lambda gains, own, others: (gains + jnp.cumsum(own - others.mean(axis=-1), axis=0)).max(axis=0).mean(),
                "the sign: foresight is punished by subtracting the martingale",
            ),
            Mistake(
                lambda gains, own, others: (gains - jnp.cumsum(own - others.mean(axis=-1), axis=1)).max(axis=0).mean(),
                "the sum runs over the paths: a martingale adds up over the dates, axis=0",
            ),
            Mistake(
                lambda gains, own, others: (gains - jnp.cumsum(own - others.mean(), axis=0)).max(axis=0).mean(),
                "the mean runs over everything: each date and path has inner states of its own, axis=-1",
            ),
            Mistake(
                lambda gains, own, others: (gains - jnp.cumsum(own, axis=0)).max(axis=0).mean(),
                "a value alone has no mean of 0: compare each with the mean of the inner values",
            ),
        ],
    ),
    Exercise(
        "20.3",
        solution=gamma,
        inputs=one_option,
        mistakes=[
            Mistake(
                lambda value, delta, theta, spot, volatility, rate, dividend: gamma(value, delta, theta, spot, volatility, rate, 0.0),
                "the dividend is missing: the price grows at rate - dividend",
            ),
            Mistake(
                lambda value, delta, theta, *rest: gamma(value, delta, -theta, *rest),
                "the sign of theta: it stands on the same side of the equation as gamma",
            ),
            Mistake(lambda *numbers: gamma(*numbers) / 2, "a factor of 2: the equation holds half of volatility² spot² gamma"),
            Mistake(
                lambda value, delta, theta, spot, volatility, rate, dividend: gamma(value, delta, theta, spot, volatility, rate, dividend)
                * volatility,
                "the volatility is squared in the equation",
            ),
        ],
    ),
    Exercise(
        "20.4",
        solution=merton_step,
        inputs=some_jumps,
        mistakes=[
            Mistake(
                lambda *arguments: merton_step(*arguments, compensator=lambda m, s: 0.0),
                "the compensator is missing: jumps have a mean, and the drift must take it out again",
            ),
            Mistake(
                lambda *arguments: merton_step(*arguments, compensator=lambda m, s: jnp.exp(m) - 1),
                "the compensator lacks s²/2: the mean of a log-normal jump is exp(m + s²/2)",
            ),
            Mistake(
                lambda *arguments: merton_step(*arguments, root=lambda n: n),
                "n jumps have the standard deviation s √n, not s n: they are independent",
            ),
            Mistake(
                lambda price, dt, *rest: jnp.log(merton_step(price, dt, *rest) / price),
                "that is the change of the logarithm: return the price",
            ),
        ],
    ),
]
