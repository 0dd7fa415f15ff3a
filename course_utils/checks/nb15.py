"""Checks of notebook 15: a price with its error, paths at unequal dates, less noise by two means, a gamma that isn't zero."""

import jax
import jax.numpy as jnp

from course_utils.checks import Exercise, Mistake


def _payoffs(key):
    return jnp.maximum(jax.random.normal(key, (200,)) * 8 + 2, 0.0), 0.05, 2.0


def _price(payoffs, rate, maturity):
    draws = jnp.exp(-rate * maturity) * payoffs
    return draws.mean(), draws.std() / jnp.sqrt(draws.size)


def _market(key):
    for_times, for_normals = jax.random.split(key)
    times = jnp.cumsum(jax.random.uniform(for_times, (5,), minval=0.1, maxval=0.9))
    return 36.0, 0.3, 0.06, times, jax.random.normal(for_normals, (5, 8))


def _prices(spot, volatility, rate, times, normals, half=0.5, root=jnp.sqrt, steps=None):
    dt = (jnp.diff(times, prepend=0.0) if steps is None else steps(times))[:, None]
    return spot * jnp.exp(jnp.cumsum((rate - half * volatility**2) * dt + volatility * root(dt) * normals, axis=0))


def _paths_like(**options):
    return lambda *arguments: _prices(*arguments, **options)


def _without_sum(spot, volatility, rate, times, normals):
    times = times[:, None]
    return spot * jnp.exp((rate - volatility**2 / 2) * times + volatility * jnp.sqrt(times) * normals)


def _single_steps(spot, volatility, rate, times, normals):
    dt = jnp.diff(times, prepend=0.0)[:, None]
    return spot * jnp.exp((rate - volatility**2 / 2) * dt + volatility * jnp.sqrt(dt) * normals)


def _euler(spot, volatility, rate, times, normals):
    dt = jnp.diff(times, prepend=0.0)[:, None]
    return spot * jnp.cumprod(1 + rate * dt + volatility * jnp.sqrt(dt) * normals, axis=0)


def _twins(key):
    """y falls with x, not on a line, and the mean of x over these paths isn't the known one."""
    half = jax.random.normal(key, (60,))
    x = jnp.exp(0.6 * jnp.concatenate([half, -half]))
    return jnp.maximum(1.5 - x, 0.0) + 0.3 * x**2, x, 1.2


def _steady(y, x, x_mean, paired=True, sign=1.0, slope=None):
    pairs = lambda draws: draws.reshape(2, -1).mean(axis=0)
    if paired:
        y, x = pairs(y), pairs(x)
    covariance = jnp.mean((x - x.mean()) * (y - y.mean()))
    slope = covariance / x.var() if slope is None else slope(covariance, x, y)
    corrected = y - sign * slope * (x - x_mean)
    return corrected.mean(), corrected.std() / jnp.sqrt(corrected.size)


def _neighbors(y, x, x_mean):
    reorder = lambda draws: draws.reshape(-1, 2).T.reshape(-1)
    return _steady(reorder(y), reorder(x), x_mean)


def _call(key):
    return jax.random.normal(key, (500,)), 36.0, 38.0, 0.25, 0.06, 0.7


def _gamma(z, spot, strike, volatility, rate, maturity, less=1.0, discounted=True, call=True, squared=True):
    deviation = volatility * jnp.sqrt(maturity)
    end = spot * jnp.exp(rate * maturity - deviation**2 / 2 + deviation * z)
    inside = end > strike if call else end < strike
    delta = jnp.where(inside, end / spot, 0.0) * (1.0 if call else -1.0)
    delta = delta * jnp.exp(-rate * maturity) if discounted else delta
    return jnp.mean(delta * (z / deviation - less) / (spot if squared else 1.0))


def _gamma_like(**options):
    return lambda *arguments: _gamma(*arguments, **options)


def _all_likelihood(z, spot, strike, volatility, rate, maturity):
    deviation = volatility * jnp.sqrt(maturity)
    end = spot * jnp.exp(rate * maturity - deviation**2 / 2 + deviation * z)
    pays = jnp.exp(-rate * maturity) * jnp.maximum(end - strike, 0.0)
    return jnp.mean(pays * (z**2 - 1 - deviation * z) / (spot * deviation) ** 2)


exercises = [
    Exercise(
        "15.1",
        solution=_price,
        inputs=_payoffs,
        mistakes=[
            Mistake(
                lambda payoffs, rate, maturity: (payoffs.mean(), payoffs.std() / jnp.sqrt(payoffs.size)),
                "money at maturity is worth less today: multiply by exp(-rate * maturity)",
            ),
            Mistake(
                lambda payoffs, rate, maturity: (_price(payoffs, rate, maturity)[0], payoffs.std() / jnp.sqrt(payoffs.size)),
                "the price is right, but the error isn't discounted: it is the error of the discounted payoffs",
            ),
            Mistake(
                lambda payoffs, rate, maturity: (_price(payoffs, rate, maturity)[0], _price(payoffs, rate, maturity)[1] * jnp.sqrt(payoffs.size)),
                "that is the spread of one path; the mean's standard error is smaller by the square root of the number of paths",
            ),
            Mistake(
                lambda payoffs, rate, maturity: (_price(payoffs, rate, maturity)[0], _price(payoffs, rate, maturity)[1] / jnp.sqrt(payoffs.size)),
                "the error is divided by the number of paths; divide by its square root",
            ),
            Mistake(
                lambda payoffs, rate, maturity: _price(payoffs, -rate, maturity),
                "the discount factor is above 1: it is exp(-rate * maturity)",
            ),
        ],
    ),
    Exercise(
        "15.2",
        solution=_prices,
        inputs=_market,
        tolerance=1e-3,
        mistakes=[
            Mistake(_paths_like(half=0.0), "the drift lacks -volatility**2 / 2: the discounted mean must be the spot"),
            Mistake(_paths_like(root=lambda dt: dt), "the normals are multiplied by the step; variance grows with time, so take its square root"),
            Mistake(_paths_like(steps=lambda times: times), "times are counted from today; a step is the difference of two of them"),
            Mistake(
                _paths_like(steps=lambda times: jnp.full_like(times, times[-1] / len(times))),
                "the dates are not equally spaced: each step has a length of its own",
            ),
            Mistake(
                _paths_like(steps=lambda times: jnp.diff(times, prepend=times[:1])),
                "the first step starts today, at time 0",
            ),
            Mistake(_without_sum, "each date is right alone, but they aren't one path: a date's price continues the one before"),
            Mistake(_single_steps, "each step starts at the spot again: carry the price on, or sum the logarithms"),
            Mistake(_euler, "those are Euler's steps; take the exact ones, with the exponential"),
        ],
    ),
    Exercise(
        "15.3",
        solution=_steady,
        inputs=_twins,
        tolerance=1e-3,
        mistakes=[
            Mistake(lambda y, x, x_mean: _steady(y, x, x_mean, paired=False), "twins are counted as strangers: average over pairs first"),
            Mistake(_neighbors, "path i is paired with path i + 1; its twin is path i + paths/2"),
            Mistake(lambda y, x, x_mean: _steady(y, x, x_mean, sign=-1.0), "the correction has the wrong sign: subtract slope * (x - x_mean)"),
            Mistake(
                lambda y, x, x_mean: _steady(y, x, x_mean, slope=lambda covariance, x, y: 1.0),
                "the multiple is 1; the best is the slope of the regression of y on x",
            ),
            Mistake(
                lambda y, x, x_mean: _steady(y, x, x_mean, slope=lambda covariance, x, y: 0.0),
                "the pairs aren't corrected: subtract the best multiple of x - x_mean",
            ),
            Mistake(
                lambda y, x, x_mean: _steady(y, x, x_mean, slope=lambda covariance, x, y: covariance / y.var()),
                "the slope is divided by the variance of y; the regression of y on x divides by that of x",
            ),
            Mistake(
                lambda y, x, x_mean: _steady(y, x, x.mean()),
                "the correction is by the mean that x has on these paths, which changes nothing; use the one that is known",
            ),
        ],
    ),
    Exercise(
        "15.4",
        solution=_gamma,
        inputs=_call,
        tolerance=1e-3,
        mistakes=[
            Mistake(lambda *arguments: jnp.zeros(()), "exactly zero: a path's payoff has no second derivative; take the second one through the density"),
            Mistake(_gamma_like(less=0.0), "the delta of a path also holds 1 / spot itself: its derivative, -delta / spot, is missing"),
            Mistake(_gamma_like(discounted=False), "the payoff isn't discounted"),
            Mistake(_gamma_like(call=False), "that is the put's estimator: its mean is the same, but a call pays where the price is above the strike"),
            Mistake(_gamma_like(squared=False), "the score is z / (spot * volatility * √maturity): a factor 1 / spot is missing"),
            Mistake(
                _all_likelihood,
                "both derivatives go through the density: right in the mean, but noisier; take the first along the path",
            ),
        ],
    ),
]
