"""Checks of notebook 15: a price with its error, paths at unequal dates, less noise by two means, a gamma that isn't zero."""

from functools import partial

import jax
import jax.numpy as jnp
from jax.scipy.stats import norm

from course_utils.checks import Exercise, Mistake, Prediction


def _payoffs(key):
    """So many that the standard error is the same to three digits with and without `ddof=1`: both are accepted."""
    return jnp.maximum(jax.random.normal(key, (2000,)) * 8 + 2, 0.0), 0.05, 2.0


def _tuple(answer, *arguments):
    """The result of an answer; an `Estimate`, as the notebook makes it, is a tuple as well."""
    result = answer(*arguments)
    return tuple(result) if isinstance(result, tuple) else result


def _price(payoffs, rate, maturity, spread=partial(jnp.std, ddof=1), divisor=jnp.sqrt):
    draws = jnp.exp(-rate * maturity) * payoffs
    return draws.mean(), spread(draws) / divisor(draws.size)


def _market(key):
    for_times, for_normals = jax.random.split(key)
    times = jnp.cumsum(jax.random.uniform(for_times, (5,), minval=0.1, maxval=0.9))
    return 31.0, 0.3, 0.04, times, jax.random.normal(for_normals, (5, 8))


def _steps(times):
    return jnp.diff(times, prepend=0.0)


def _drift(rate, volatility):
    return rate - volatility**2 / 2


def _sum(steps):
    return jnp.cumsum(steps, axis=0)


def _logarithms(drift, spread, normals):
    """Of the prices, less that of the spot; ``drift`` and ``spread`` (dates, 1) are those of each step."""
    return _sum(drift + spread * normals)


def _prices(spot, volatility, rate, times, normals, *, drift=_drift, root=jnp.sqrt, steps=_steps, logarithms=_logarithms):
    dt = steps(times)[:, None]
    return spot * jnp.exp(logarithms(drift(rate, volatility) * dt, volatility * root(dt), normals))


def _euler(spot, volatility, rate, times, normals):
    dt = jnp.diff(times, prepend=0.0)[:, None]
    return spot * jnp.cumprod(1 + rate * dt + volatility * jnp.sqrt(dt) * normals, axis=0)


def _twins(key):
    """y falls with x, not on a line, and the mean of x over these paths isn't the known one. ``ddof`` makes no difference in three digits."""
    half = jax.random.normal(key, (1000,))
    x = jnp.exp(0.6 * jnp.concatenate([half, -half]))
    return jnp.maximum(1.5 - x, 0.0) + 0.3 * x**2, x, 1.2


def _pairs(draws):
    return draws.reshape(2, -1).mean(axis=0)


def _regression(covariance, x, y):
    return covariance / x.var()


def _steady(y, x, x_mean, *, before=_pairs, slope=_regression, sign=1.0, after=lambda draws: draws, with_error=lambda corrected, y: corrected):
    """The mean and error of what is averaged over pairs ``before`` it is corrected; mistakes do so ``after``, or not at all."""
    y, x = before(y), before(x)
    covariance = jnp.mean((x - x.mean()) * (y - y.mean()))
    corrected = after(y - sign * slope(covariance, x, y) * (x - x_mean))
    return corrected.mean(), with_error(corrected, y).std(ddof=1) / jnp.sqrt(corrected.size)


def _neighbors(y, x, x_mean):
    reorder = lambda draws: draws.reshape(-1, 2).T.reshape(-1)
    return _steady(reorder(y), reorder(x), x_mean)


def _call(key):
    return jax.random.normal(key, (500,)), 37.0, 39.0, 0.25, 0.05, 0.7


def _score(z, spot, volatility, maturity):
    return z / (spot * volatility * jnp.sqrt(maturity))


def _mean_product(delta, weight):
    return jnp.mean(delta * weight)


def _gamma(
    z,
    spot,
    strike,
    volatility,
    rate,
    maturity,
    *,
    score=_score,
    less=lambda spot: 1 / spot,
    slope=jnp.divide,
    mean=_mean_product,
    call=True,
    discounted=True,
    end_at=None,
):
    time = end_at or maturity
    deviation = volatility * jnp.sqrt(time)
    end = spot * jnp.exp(rate * time - deviation**2 / 2 + deviation * z)
    delta = jnp.where(end > strike, slope(end, spot), 0.0) if call else jnp.where(end < strike, -slope(end, spot), 0.0)
    delta = delta * jnp.exp(-rate * maturity) if discounted else delta
    return mean(delta, score(z, spot, volatility, maturity) - less(spot))


def _closed_gamma(z, spot, strike, volatility, rate, maturity):
    deviation = volatility * jnp.sqrt(maturity)
    return norm.pdf((jnp.log(spot / strike) + rate * maturity) / deviation + deviation / 2) / (spot * deviation)


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
        jit=False,
        call=_tuple,
        tolerance=1e-3,
        mistakes=[
            Mistake(
                lambda payoffs, rate, maturity: _price(payoffs, 0.0, maturity),
                "money at maturity is worth less today: multiply by exp(-rate * maturity)",
            ),
            Mistake(
                lambda payoffs, rate, maturity: (_price(payoffs, rate, maturity)[0], _price(payoffs, 0.0, maturity)[1]),
                "the price is right, but the error isn't discounted: it is the error of the discounted payoffs",
            ),
            Mistake(
                lambda payoffs, rate, maturity: _price(payoffs, rate, 1.0),
                "the maturity is missing: the discount factor is exp(-rate * maturity)",
            ),
            Mistake(
                lambda payoffs, rate, maturity: _price(payoffs, -rate, maturity),
                "the discount factor is above 1: it is exp(-rate * maturity)",
            ),
            Mistake(
                lambda payoffs, rate, maturity: _price(payoffs, jnp.log1p(rate), maturity),
                "that is interest paid once a year; here it is compounded continuously: exp(-rate * maturity)",
            ),
            Mistake(
                partial(_price, divisor=lambda paths: 1.0),
                "that is the spread of one path; the mean's standard error is smaller by the square root of the number of paths",
            ),
            Mistake(
                partial(_price, divisor=lambda paths: paths),
                "the error is divided by the number of paths; divide by its square root",
            ),
            *(
                Mistake(
                    partial(_price, spread=jnp.var, divisor=divisor),
                    "the error is made of the variance; divide the standard deviation, std(), by the root of the number of paths",
                )
                for divisor in (jnp.sqrt, lambda paths: paths)
            ),
            Mistake(
                lambda payoffs, rate, maturity: (_price(payoffs, rate, maturity)[0], _price(payoffs, rate, 2 * maturity)[1]),
                "the price is right, but its error is discounted twice: the draws are discounted already",
            ),
            Mistake(
                lambda payoffs, rate, maturity: _price(payoffs, rate, maturity)[::-1],
                "the two are exchanged: the price comes first, then its standard error",
            ),
            Mistake(
                lambda payoffs, rate, maturity: _price(payoffs, rate, maturity)[0],
                "that is the price alone; return the pair of the price and its standard error",
            ),
        ],
    ),
    Exercise(
        "15.2",
        solution=_prices,
        inputs=_market,
        jit=False,
        tolerance=1e-3,
        mistakes=[
            Mistake(
                partial(_prices, drift=lambda rate, volatility: rate),
                "the drift lacks -volatility**2 / 2: the discounted mean must be the spot",
            ),
            *(
                Mistake(partial(_prices, drift=drift), "the logarithm drifts by rate - volatility**2 / 2 a year")
                for drift in (
                    lambda rate, volatility: rate - volatility**2,
                    lambda rate, volatility: rate + volatility**2 / 2,
                    lambda rate, volatility: rate - volatility / 2,
                    lambda rate, volatility: -(volatility**2) / 2,
                )
            ),
            Mistake(
                partial(_prices, root=lambda dt: dt),
                "the normals are multiplied by the step; variance grows with time, so take its square root",
            ),
            Mistake(partial(_prices, root=jnp.ones_like), "the normals should be multiplied by the root of the step too, √dt"),
            Mistake(
                partial(_prices, steps=lambda times: times),
                "times are counted from today; a step is the difference of two of them",
            ),
            *(
                Mistake(partial(_prices, steps=steps), "the dates are not equally spaced: each step has a length of its own")
                for steps in (
                    lambda times: jnp.full_like(times, times[-1] / len(times)),
                    lambda times: jnp.full_like(times, times[1] - times[0]),
                    lambda times: jnp.full_like(times, times[0]),
                )
            ),
            Mistake(
                partial(_prices, steps=lambda times: jnp.diff(times, prepend=times[:1])),
                "the first step starts today, at time 0",
            ),
            Mistake(
                partial(_prices, logarithms=lambda drift, spread, z: _sum(drift) + jnp.sqrt(_sum(spread**2)) * z),
                "each date is right alone, but they aren't one path: a date's price continues the one before",
            ),
            *(
                Mistake(partial(_prices, logarithms=logarithms), "multiply each normal by the root of its own step, and then sum")
                for logarithms in (
                    lambda drift, spread, z: _sum(drift) + spread * _sum(z),
                    lambda drift, spread, z: _sum(drift) + jnp.sqrt(_sum(spread**2)) * _sum(z),
                )
            ),
            Mistake(
                partial(_prices, logarithms=lambda drift, spread, z: drift + spread * z),
                "each step starts at the spot again: carry the price on, or sum the logarithms",
            ),
            Mistake(
                partial(_prices, logarithms=lambda drift, spread, z: drift + _sum(spread * z)),
                "the normals are summed and the drift isn't: it adds up as well",
            ),
            Mistake(
                partial(_prices, logarithms=lambda drift, spread, z: jnp.cumsum(drift + spread * z, axis=1)),
                "the sum runs over the paths; it should run over the dates, axis 0",
            ),
            Mistake(
                lambda spot, *rest: jnp.concatenate([jnp.full((1, 8), spot), _prices(spot, *rest)[:-1]]),
                "those are the prices at the beginning of each step; you are asked for those at its end, at `times`",
            ),
            Mistake(lambda *arguments: jnp.log(_prices(*arguments)), "those are the prices' logarithms: take exp"),
            Mistake(lambda spot, *rest: _prices(1.0, *rest), "the paths start at 1: multiply by the spot"),
            *(
                Mistake(function, "SPOT, VOLATILITY and RATE are the notebook's, 36, 0.2 and 0.06; use the arguments")
                for function in (
                    lambda spot, volatility, rate, *rest: _prices(36.0, 0.2, 0.06, *rest),
                    lambda spot, *rest: _prices(36.0, *rest),
                    lambda spot, volatility, rate, *rest: _prices(spot, 0.2, 0.06, *rest),
                )
            ),
            Mistake(_euler, "those are Euler's steps; take the exact ones, with the exponential"),
        ],
    ),
    Exercise(
        "15.3",
        solution=_steady,
        inputs=_twins,
        jit=False,
        call=_tuple,
        tolerance=1e-3,
        mistakes=[
            Mistake(partial(_steady, before=lambda draws: draws), "twins are counted as strangers: average over pairs first"),
            Mistake(
                partial(_steady, before=lambda draws: draws.reshape(-1, 2).mean(axis=1)),
                "path i is paired with path i + 1; its twin is path i + paths/2",
            ),
            Mistake(
                partial(_steady, before=lambda draws: draws, after=_pairs),
                "average over pairs first: the best multiple is that of the pairs, not of the single paths",
            ),
            Mistake(
                lambda *arguments: (_steady(*arguments)[0], _steady(*arguments)[1] / jnp.sqrt(2)),
                "the error is that of paths/2 pairs: divide by the root of their number, not of that of the paths",
            ),
            Mistake(
                partial(_steady, with_error=lambda corrected, y: y),
                "the mean is right, but the error is that of the pairs before the correction",
            ),
            Mistake(partial(_steady, sign=-1.0), "the correction has the wrong sign: subtract slope * (x - x_mean)"),
            Mistake(
                partial(_steady, slope=lambda covariance, x, y: 1.0),
                "the multiple is 1; the best is the slope of the regression of y on x",
            ),
            Mistake(
                partial(_steady, slope=lambda covariance, x, y: 0.0),
                "the pairs aren't corrected: subtract the best multiple of x - x_mean",
            ),
            *(
                Mistake(partial(_steady, slope=slope), "the slope of y on x is the covariance divided by the variance of x, not of y")
                for slope in (lambda covariance, x, y: covariance / y.var(), lambda covariance, x, y: covariance / y.std())
            ),
            *(
                Mistake(partial(_steady, slope=slope), "the best multiple is the slope of y on x: divide the covariance by the variance of x")
                for slope in (
                    lambda covariance, x, y: covariance,
                    lambda covariance, x, y: covariance / (x.std() * y.std()),
                    lambda covariance, x, y: covariance / x.std(),
                )
            ),
            Mistake(
                lambda *arguments: _steady(*arguments)[0],
                "that is the mean alone; return the pair of the mean and its standard error",
            ),
            Mistake(
                lambda y, x, x_mean: (_steady(y, x, x_mean)[0], _steady(y, x, x_mean)[1] * jnp.sqrt(y.size / 2)),
                "that is the spread of the pairs; the mean's standard error is smaller by the root of their number",
            ),
            Mistake(
                lambda y, x, x_mean: _steady(y, x, x.mean()),
                "x is compared with its mean on these paths, so nothing changes; use the mean that is known",
            ),
        ],
    ),
    Exercise(
        "15.4",
        solution=_gamma,
        inputs=_call,
        jit=False,
        tolerance=1e-3,
        mistakes=[
            Mistake(
                lambda *arguments: jnp.zeros(()),
                "exactly zero: a path's payoff has no second derivative; take the second one through the density",
            ),
            Mistake(_closed_gamma, "that is the closed form; you are asked for the mean over `z`, which should come near it"),
            Mistake(
                partial(_gamma, less=lambda spot: 0.0),
                "the delta of a path also holds 1 / spot itself: its derivative, -delta / spot, is missing",
            ),
            Mistake(
                partial(_gamma, less=lambda spot: 1.0),
                "the delta of a path also holds 1 / spot itself: its derivative is -delta / spot, not -delta",
            ),
            Mistake(
                partial(_gamma, less=lambda spot: -1 / spot),
                "the delta of a path also holds 1 / spot itself: its derivative is -delta / spot, with a minus",
            ),
            Mistake(partial(_gamma, discounted=False), "the payoff isn't discounted"),
            Mistake(
                partial(_gamma, call=False),
                "that is the put's estimator: its mean is the same, but a call pays where the price is above the strike",
            ),
            *(
                Mistake(
                    partial(_gamma, score=lambda z, spot, *spread: spot * _score(z, spot, *spread), less=less),
                    "the score is z / (spot * volatility * √maturity): a factor 1 / spot is missing",
                )
                for less in (lambda spot: 1.0, lambda spot: 1 / spot)
            ),
            *(
                Mistake(partial(_gamma, score=score), "the score is z / (spot * volatility * √maturity): the root of the maturity is missing")
                for score in (
                    lambda z, spot, volatility, maturity: z / (spot * volatility),
                    lambda z, spot, volatility, maturity: z / (spot * volatility * maturity),
                )
            ),
            Mistake(
                partial(_gamma, slope=lambda end, spot: 1.0),
                "the delta is taken along the path: the end's derivative in the spot is end / spot, not 1",
            ),
            Mistake(partial(_gamma, end_at=1.0), "the end price is taken at the notebook's MATURITY, 1, as in `terminal`; use `maturity`"),
            Mistake(
                partial(_gamma, mean=lambda delta, weight: jnp.mean(delta) * jnp.mean(weight)),
                "delta and score are averaged separately; multiply them path by path, and then take the mean",
            ),
            Mistake(
                lambda z, *market: _gamma(z, *market, mean=jnp.multiply),
                "those are the single paths' gammas: take their mean",
            ),
            Mistake(
                _all_likelihood,
                "both derivatives go through the density: right in the mean, but noisier; take the first along the path",
            ),
        ],
    ),
]

predictions = [
    Prediction(
        "15.a",
        answer=-2 / 3,
        shown="-0.667 shares and 28.25 of cash",
        within=1.01,
        slips=[
            (0.667, "check the sign: the mix must be worth less where the share is worth more"),
            (2 / 3, "check the sign: the mix must be worth less where the share is worth more"),
            (-1.0, "a whole share falls by 15 between the two cases; look at how much the put changes"),
            (-1.5, "it is upside down: the number of shares times the share's change is the put's change"),
            (1.5, "it is upside down, and has the wrong sign: the number of shares times the share's change is the put's change"),
            (-0.333, "cash is the same in both cases, so only the share can make up the put's change of 10"),
            (0.0, "cash alone is worth the same in both cases, and the put isn't"),
        ],
    ),
    Prediction(
        "15.b",
        answer=36,
        shown="discounted mean of the price after a year: 35.97",
        within=1.005,
        slips=[
            *((mean, "that is the mean before it is discounted") for mean in (38.2, 38.22, 38.23, 38.16)),
            *((mean, "discounting is right, but the prices have drifted upward before that") for mean in (33.9, 33.90, 33.84)),
            *((mean, "the subtraction lowers the mean, but the mean of exp(σZ) is above 1") for mean in (35.3, 35.29, 35.28)),
        ],
    ),
    Prediction(
        "15.c",
        answer="larger",
        shown="that is, larger",
        slips=[
            ("smaller", "so it was for the put; look at what the straddle pays a path that ends high, and what it pays its twin"),
            ("the same", "only if twins had nothing to do with each other; look at what the straddle pays either of them"),
            ("same", "only if twins had nothing to do with each other; look at what the straddle pays either of them"),
        ],
    ),
    Prediction(
        "15.d",
        answer=0.9,
        shown="correlation 0.9: 3.73",
        slips=[
            (guess, "an option is worth more the more its underlying moves; ask when the mean of three moves most")
            for guess in (0.0, 0.5)
        ],
    ),
    Prediction(
        "15.e",
        answer=0.10,
        shown="4 steps: volatility of a year 0.20, with Δt for √Δt 0.10",
        within=1.1,
        slips=[
            (0.2, "so it is with √Δt, or with a single step"),
            (0.05, "that is what one step contributes; the variances of the four add up"),
            (0.4, "Δt is smaller than √Δt where Δt is below 1, so there is less noise, not more"),
            (0.0125, "that is divided by four twice; the steps' variances add up"),
            (0.01, "that is the variance; the volatility is its root"),
        ],
    ),
]
