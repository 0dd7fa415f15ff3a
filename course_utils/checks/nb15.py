"""Checks of notebook 15: a price with its error, paths at unequal dates, a put on the average, a gamma that isn't zero."""

from functools import partial

import jax
import jax.numpy as jnp
from jax.scipy.stats import norm

from course_utils.checks import Exercise, Mistake, Prediction


def _payoffs(key):
    """So many that the standard error is the same to three digits with and without `ddof=1`: both are accepted."""
    return jnp.maximum(jax.random.normal(key, (2000,)) * 8 + 2, 0.0), 0.05, 2.0


def _numbers(result, count):
    """``count`` numbers as a tuple, whether they come as a tuple, an `Estimate`, a list or an array; anything else as it is."""
    if isinstance(result, tuple | list) and len(result) == count:
        return tuple(result)
    return tuple(result) if getattr(result, "shape", None) == (count,) else result


def _tuple(answer, *arguments):
    return _numbers(answer(*arguments), 2)


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


_STRIKES = "a low strike", "a high strike"


def _average_market(key):
    """So many paths that ``ddof`` makes no difference in three digits; the average is above one strike, and below the other."""
    steps = 0.12 * jax.random.normal(key, (4, 1000)) + 0.004
    return 35.0 * jnp.exp(jnp.cumsum(steps, axis=0)), (34.0, 37.5), 0.93


def _with_both_strikes(answer, prices, strikes, discount):
    return {name: _numbers(answer(prices, strike, discount), 4) for name, strike in zip(_STRIKES, strikes)}


def _put(price, strike):
    return jnp.maximum(strike - price, 0.0)


def _average_put(
    prices, strike, discount, *, pays=_put, average=partial(jnp.mean, axis=0), low=None, draws=None, high=None, error=None, discounts=(1, 1, 1, 1)
):
    """The four numbers; ``low``, ``draws`` and ``high`` (of the averages or the prices, and the strike) and ``error`` (of the draws) are what answers differ in."""
    one = average(prices)
    each = draws(prices, strike) if draws else pays(one, strike)
    found = (
        low(one, strike) if low else pays(one.mean(), strike),
        each.mean(),
        error(each) if error else each.std(ddof=1) / jnp.sqrt(each.size),
        high(prices, strike) if high else pays(prices, strike).mean(),
    )
    return tuple(discount**power * number for power, number in zip(discounts, found))


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
    drifting=True,
):
    time = end_at or maturity
    deviation = volatility * jnp.sqrt(time)
    end = spot * jnp.exp(rate * time - drifting * deviation**2 / 2 + deviation * z)
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
        solution=lambda payoffs, rate, maturity: _price(payoffs, rate, maturity),
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
            *(
                Mistake(
                    lambda payoffs, rate, maturity, simple=simple: (lambda draws: (draws.mean(), draws.std() / jnp.sqrt(draws.size)))(simple(rate * maturity) * payoffs),
                    "that is simple interest; the discount factor is exp(-rate * maturity)",
                )
                for simple in (lambda time: 1 - time, lambda time: 1 / (1 + time))
            ),
            Mistake(
                lambda payoffs, rate, maturity: _price(payoffs, rate, 2 * maturity),
                "the payoffs are discounted twice; once is enough",
            ),
            *(
                Mistake(
                    lambda payoffs, rate, maturity, many=many: (_price(payoffs, rate, maturity)[0], many * _price(payoffs, rate, maturity)[1]),
                    "the second number is half the width of an interval; the standard error itself is asked for",
                )
                for many in (1.96, 2.0, 3.0)
            ),
            *(
                Mistake(
                    lambda payoffs, rate, maturity, many=many: (lambda price, error: (price - many * error, price + many * error))(*_price(payoffs, rate, maturity)),
                    "those are the ends of an interval; return the price and its standard error",
                )
                for many in (1.0, 1.96, 2.0, 3.0)
            ),
            *(
                Mistake(
                    lambda payoffs, rate, maturity, middle=middle: (middle(jnp.exp(-rate * maturity) * payoffs), _price(payoffs, rate, maturity)[1]),
                    "the price is the mean of the discounted payoffs, not their median or their sum",
                )
                for middle in (jnp.median, jnp.sum)
            ),
            Mistake(
                lambda payoffs, rate, maturity: jnp.exp(-rate * maturity) * payoffs,
                "those are the discounted payoffs of all paths; take their mean, and its standard error",
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
        solution=lambda spot, volatility, rate, times, normals: _prices(spot, volatility, rate, times, normals),
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
                )
            ),
            Mistake(
                partial(_prices, drift=lambda rate, volatility: -(volatility**2) / 2),
                "without the rate the mean stays at the spot: these are discounted prices, and the prices themselves are asked for",
            ),
            Mistake(
                partial(_prices, drift=lambda rate, volatility: 0.0),
                "there is no drift; the logarithm drifts by rate - volatility**2 / 2 a year",
            ),
            Mistake(
                partial(_prices, logarithms=lambda drift, spread, z: _sum(jnp.zeros_like(drift) + 0.04 - 0.3**2 / 2 + spread * z)),
                "the drift of a step isn't multiplied by the step's length",
            ),
            Mistake(
                lambda spot, volatility, rate, times, normals: _prices(spot, 1.0, rate - volatility**2 / 2 + 0.5, times, normals),
                "the volatility is missing: a step's normals are multiplied by volatility * √dt",
            ),
            *(
                Mistake(
                    lambda spot, volatility, rate, times, normals, wrong=wrong: spot * jnp.exp(_sum(_drift(rate, volatility) * _steps(times)[:, None] + wrong(volatility, _steps(times)[:, None]) * normals)),
                    "the noise of a step is volatility * √dt: the volatility itself, times the root of the step",
                )
                for wrong in (
                    lambda volatility, dt: volatility**2 * jnp.sqrt(dt),
                    lambda volatility, dt: jnp.sqrt(volatility * dt),
                    lambda volatility, dt: volatility**2 * dt,
                )
            ),
            Mistake(
                lambda spot, *rest: jnp.concatenate([jnp.full((1, 8), spot), _prices(spot, *rest)]),
                "today's price stands in front; the prices asked for are those at `times` alone",
            ),
            Mistake(lambda spot, *rest: spot + jnp.log(_prices(1.0, *rest)), "the logarithms are added to the spot; multiply the spot by their exponential"),
            Mistake(lambda *arguments: _prices(*arguments).T, "it comes out as (paths, dates); dates lie on the leading axis"),
            *(
                Mistake(lambda *arguments, some=some: some(_prices(*arguments)), "prices at all dates and on all paths are asked for, (dates, paths)")
                for some in (lambda prices: prices[-1], lambda prices: prices.mean(axis=1))
            ),
            Mistake(
                lambda spot, volatility, rate, times, normals: _steps(times) + normals,
                "the steps are (dates,) and the normals (dates, paths): give the steps a second axis, [:, None]",
            ),
            Mistake(
                partial(_prices, logarithms=lambda drift, spread, z: jnp.cumprod(drift + spread * z, axis=0)),
                "the steps of the logarithm add up: take their cumulative sum, not their product",
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
                Mistake(partial(_prices, steps=steps), "the dates are not equally spaced: each step has its own length")
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
        solution=lambda prices, strike, discount: _average_put(prices, strike, discount),
        inputs=_average_market,
        jit=False,
        call=_with_both_strikes,
        tolerance=1e-3,
        mistakes=[
            *(
                Mistake(
                    partial(_average_put, average=partial(jnp.mean, axis=1), error=error),
                    "the average runs over the paths of one date; it should run over the dates of one path, axis 0",
                )
                for error in (None, lambda draws: draws.std() / jnp.sqrt(draws.size), lambda draws: draws.std() / jnp.sqrt(1000))
            ),
            Mistake(
                partial(_average_put, average=lambda prices: prices[-1]),
                "that is the put on the last price; here the payoff is taken of a path's mean over the dates",
            ),
            Mistake(
                partial(_average_put, draws=lambda prices, strike: _put(prices, strike).mean(axis=0)),
                "payoff and average are exchanged: `price` averages the prices of a path first, and then pays once; the other way around is `high`",
            ),
            Mistake(
                partial(_average_put, average=lambda prices: jnp.exp(jnp.mean(jnp.log(prices), axis=0))),
                "that is the geometric mean of the prices; the arithmetic one is asked for",
            ),
            Mistake(partial(_average_put, discounts=(0, 0, 0, 0)), "nothing is discounted; all four are values of today"),
            *(
                Mistake(partial(_average_put, discounts=powers), "some of the four are discounted and some are not, or twice; all are values of today")
                for powers in ((0, 1, 1, 1), (1, 1, 0, 1), (1, 1, 1, 0), (0, 1, 1, 0), (0, 1, 0, 0), (1, 1, 2, 1))
            ),
            *(
                Mistake(partial(_average_put, low=low), "`low` is a put as well, on an average that is known: it pays nothing where that is above the strike")
                for low in (lambda one, strike: strike - one.mean(), lambda one, strike: jnp.abs(strike - one.mean()))
            ),
            Mistake(
                partial(_average_put, low=lambda one, strike: _put(one, strike).mean()),
                "`low` is the payoff of the mean, not the mean of the payoffs, which is the price",
            ),
            *(
                Mistake(partial(_average_put, low=low), "`low` takes the mean of A over the paths; this takes the smallest or largest A")
                for low in (lambda one, strike: _put(one.max(), strike), lambda one, strike: _put(one.min(), strike))
            ),
            *(
                Mistake(partial(_average_put, high=high), "`high` has equal parts of all dates' puts: the mean over dates, not the largest, the sum or the last")
                for high in (
                    lambda prices, strike: _put(prices, strike).max(axis=0).mean(),
                    lambda prices, strike: _put(prices, strike).mean(axis=1).max(),
                    lambda prices, strike: _put(prices, strike).sum(axis=0).mean(),
                    lambda prices, strike: _put(prices[-1], strike).mean(),
                    lambda prices, strike: _put(prices.min(axis=0), strike).mean(),
                )
            ),
            Mistake(
                partial(_average_put, high=lambda prices, strike: _put(prices.mean(axis=0), strike).mean()),
                "`high` is the price again; average the payoffs of the single dates, not their prices",
            ),
            *(
                Mistake(
                    partial(_average_put, high=lambda prices, strike, many=many: (lambda each: each.mean() + many * each.std() / jnp.sqrt(each.size))(_put(prices.mean(axis=0), strike))),
                    "an error bar is no bracket; `high` is the mean of the payoffs of the single dates' puts",
                )
                for many in (1.96, 2.0, 3.0)
            ),
            *(
                Mistake(partial(_average_put, error=error), "the standard error is the draws' standard deviation over the root of the number of paths")
                for error in (
                    lambda draws: draws.std(),
                    lambda draws: draws.std() / draws.size,
                    lambda draws: draws.var() / draws.size,
                    lambda draws: draws.var() / jnp.sqrt(draws.size),
                    lambda draws: draws.std() / jnp.sqrt(4 * draws.size),
                    lambda draws: draws.std() / jnp.sqrt(4),
                )
            ),
            Mistake(
                partial(_average_put, pays=lambda price, strike: jnp.maximum(price - strike, 0.0)),
                "those are calls; a put pays where the average is below the strike",
            ),
            *(
                Mistake(lambda *arguments, order=order: tuple(_average_put(*arguments)[place] for place in order), "the order is `low`, `price`, `stderr`, `high`")
                for order in ((0, 1, 3, 2), (1, 2, 0, 3), (3, 1, 2, 0), (1, 0, 2, 3))
            ),
            *(
                Mistake(lambda *arguments, some=some: _average_put(*arguments)[some], "four numbers are asked for: `low`, `price`, `stderr`, `high`")
                for some in (1, slice(1, 3))
            ),
        ],
    ),
    Exercise(
        "15.4",
        solution=lambda z, spot, strike, volatility, rate, maturity: _gamma(z, spot, strike, volatility, rate, maturity),
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
            Mistake(partial(_gamma, discounted=False), "the payoff isn't discounted: multiply by exp(-rate * maturity)"),
            Mistake(
                lambda z, spot, strike, volatility, rate, maturity: jnp.exp(-rate * maturity) * _gamma(z, spot, strike, volatility, rate, maturity),
                "it is discounted twice: the delta of a path holds the discount factor already",
            ),
            Mistake(
                partial(_gamma, slope=lambda end, spot: 39.0 * (end / 39.0 - 1), less=lambda spot: 0.0),
                "the payoff times the score is a delta, by the density alone; for gamma, the path's delta is multiplied by the score",
            ),
            Mistake(
                partial(_gamma, slope=lambda end, spot: 39.0 * (end / 39.0 - 1)),
                "the score multiplies the payoff; it should multiply the path's delta",
            ),
            Mistake(
                partial(_gamma, mean=lambda delta, weight: jnp.mean(delta)),
                "that is delta; its derivative in the spot is asked for, the part through the density and that through 1 / spot",
            ),
            *(
                Mistake(
                    partial(_gamma, score=lambda z, *spread, sign=sign: sign * _score(z, *spread)),
                    hint,
                )
                for sign, hint in (
                    (0.0, "only the part from 1 / spot is there; the part through the density, delta times the score, is missing"),
                    (-1.0, "the score has the wrong sign: where the spot rises, high end prices become likelier, so it is positive where z is"),
                )
            ),
            Mistake(
                partial(_gamma, score=lambda z, spot, volatility, maturity: z * volatility * jnp.sqrt(maturity) / spot),
                "the score divides by volatility * √maturity; here it is multiplied by it",
            ),
            Mistake(
                partial(_gamma, drifting=False),
                "the end price lacks -volatility**2 / 2 in its exponent, so its discounted mean isn't the spot",
            ),
            Mistake(
                partial(_gamma, mean=lambda delta, weight: jnp.sum(delta * weight)),
                "that is the sum over the paths; take their mean",
            ),
            Mistake(
                lambda *arguments: (_gamma(*arguments), _gamma(*arguments, mean=lambda d, w: jnp.std(d * w) / jnp.sqrt(d.size))),
                "the mean alone is asked for, without its standard error",
            ),
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
        shown="1.9 times larger",
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
