"""Exercises of notebook 20: bounds and Greeks."""

import math
from functools import partial

import jax
import jax.numpy as jnp

from course_utils.checks import Exercise, Mistake, Prediction, draws_from


def fitted_power(inner, gaps):
    return math.log(gaps[0] / gaps[1]) / math.log(inner[1] / inner[0])


def inner_needed(inner, gaps, wanted, power=fitted_power, rounded=math.ceil):
    return rounded(inner[1] * (gaps[1] / wanted) ** (1 / power(inner, gaps)))


def on_a_line(inner, gaps, wanted):
    return inner[1] + (inner[1] - inner[0]) * (wanted - gaps[1]) / (gaps[1] - gaps[0])


def on_half_logs(inner, gaps, wanted):
    return inner[1] + (inner[1] - inner[0]) * math.log(wanted / gaps[1]) / math.log(gaps[1] / gaps[0])


def two_runs(key):
    """Two runs on a power law, and a gap that takes 0.7 less than a whole number, so that each way to round shows."""
    rng = draws_from(key)
    first, needed, power = int(rng.integers(6, 20)), int(rng.integers(200, 900)), float(rng.uniform(0.6, 0.9))
    inner = (first, first * int(rng.integers(3, 6)))
    gap = lambda inner: float(4.0 * inner**-power)
    return inner, tuple(map(gap, inner)), gap(needed - 0.7)


def whichever_way_rounded(hint, answer):
    """A mistake, and the same by those who round in another way as well."""
    ways = (math.ceil, round, math.floor, lambda number: number)
    return [Mistake(lambda *arguments, way=way: way(answer(*arguments)), hint) for way in ways]


unrounded = partial(inner_needed, rounded=lambda number: number)
over_dates = partial(jnp.cumsum, axis=0)


def dual_value(gains, own, others, mean=partial(jnp.mean, axis=-1), summed=over_dates, axis=0):
    martingale = summed(own - mean(others))  # (dates, paths)
    return (gains - martingale).max(axis=axis).mean()


def subtracted_late(gains, own, others):
    return (gains.max(axis=0) - (own - others.mean(axis=-1)).sum(axis=0)).mean()


def over_all_paths(others):
    return others.mean(axis=(1, 2))[:, None]


AS_GIVEN = partial(dual_value, mean=over_all_paths, summed=lambda changes: changes)


def gains_and_values(key):
    keys = jax.random.split(key, 3)
    gains = jnp.maximum(2.0 + jax.random.normal(keys[0], (5, 6)), 0.0)  # (dates, paths)
    own = 3.0 + jax.random.normal(keys[1], (5, 6))  # (dates, paths)
    others = 3.0 + jax.random.normal(keys[2], (5, 6, 4))  # (dates, paths, inner)
    return gains, own, others


def strike_greek(price, spot, strike):
    value, delta = jax.value_and_grad(price)(spot, strike)
    return (value - spot * delta) / strike, jax.grad(price, argnums=1)(spot, strike)


def predicting(predicted):
    """The answer of one who measures as asked and predicts otherwise, from value, delta, spot and strike."""

    def answer(price, spot, strike):
        value, delta = jax.value_and_grad(price)(spot, strike)
        return predicted(value, delta, spot, strike), jax.grad(price, argnums=1)(spot, strike)

    return answer


def a_pair(answer, *arguments):
    """What ``answer`` returns, as a tuple where it is a list or an array of two."""
    result = answer(*arguments)
    two = isinstance(result, list) or getattr(result, "shape", None) == (2,)
    return tuple(result) if two else result


def a_put_with_a_fee(key):
    """A European put less a fee that no currency changes; spot and strike."""
    rng = draws_from(key)
    volatility, fee = float(rng.uniform(0.15, 0.4)), float(rng.uniform(0.5, 1.5))

    def price(spot, strike):
        d = jnp.log(spot / strike) / volatility + 0.06 / volatility
        cdf = jax.scipy.stats.norm.cdf
        return strike * jnp.exp(-0.06) * cdf(volatility / 2 - d) - spot * cdf(-d - volatility / 2) - fee

    return price, float(rng.uniform(32.0, 44.0)), float(rng.uniform(36.0, 44.0))


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
        solution=lambda inner, gaps, wanted: inner_needed(inner, gaps, wanted),
        inputs=two_runs,
        jit=False,  # functions of `math` are fine
        tolerance=1e-5,
        mistakes=[
            Mistake(unrounded, "nearly: a number of inner states is whole"),
            *(
                Mistake(partial(inner_needed, rounded=way), "round up: with fewer inner states the gap is above the wanted one")
                for way in (math.floor, round)
            ),
            Mistake(
                partial(inner_needed, rounded=lambda number: math.floor(number) + 2),
                "that many are enough, but one less is enough too",
            ),
            *(
                mistake
                for power, words in ((1.0, "the number"), (0.5, "the root of the number"))
                for run in (0, 1)
                for mistake in whichever_way_rounded(
                    f"that assumes that the gap falls like one over {words}; let the two runs say which power it is",
                    lambda inner, gaps, wanted, power=power, run=run: inner[run] * (gaps[run] / wanted) ** (1 / power),
                )
            ),
            *whichever_way_rounded(
                "the power is upside down: solve gap = c n^-p for n, which takes the ratio of the gaps to the power 1/p",
                lambda *runs: unrounded(*runs, power=lambda inner, gaps: 1 / fitted_power(inner, gaps)),
            ),
            *whichever_way_rounded(
                "a smaller gap takes more inner states, and yours takes fewer: look at the sign of the power",
                lambda *runs: unrounded(*runs, power=lambda inner, gaps: -fitted_power(inner, gaps)),
            ),
            *whichever_way_rounded(
                "you go from the first run's number by the second run's gap: take both from one run",
                lambda inner, gaps, wanted: inner[0] * (gaps[1] / wanted) ** (1 / fitted_power(inner, gaps)),
            ),
            *whichever_way_rounded(
                "you go from the second run's number by the first run's gap: take both from one run",
                lambda inner, gaps, wanted: inner[1] * (gaps[0] / wanted) ** (1 / fitted_power(inner, gaps)),
            ),
            *(
                mistake
                for answer in (on_a_line, on_half_logs)
                for mistake in whichever_way_rounded(
                    "a power law is a straight line when both axes are logarithms: of the gap and of the number", answer
                )
            ),
            *whichever_way_rounded(
                "that is how many times as many states it takes: multiply by those of the run it is compared with",
                lambda inner, gaps, wanted: (gaps[1] / wanted) ** (1 / fitted_power(inner, gaps)),
            ),
        ],
    ),
    Exercise(
        "20.2",
        solution=lambda gains, own, others: dual_value(gains, own, others),
        inputs=gains_and_values,
        jit=False,
        mistakes=[
            Mistake(
                AS_GIVEN,
                "nothing is mended yet: which line makes a martingale of its changes, and is each change fair, seen from the state before?",
            ),
            Mistake(
                partial(dual_value, summed=lambda changes: changes),
                "that subtracts the martingale's change at each date; the martingale is the sum of its changes so far, jnp.cumsum over dates",
            ),
            Mistake(
                partial(dual_value, summed=lambda changes: -over_dates(changes)),
                "the sign: foresight is punished by subtracting the martingale",
            ),
            *(
                Mistake(
                    partial(dual_value, summed=partial(jnp.cumsum, axis=1), mean=mean),
                    "the sum runs over the paths: a martingale adds up over the dates, axis=0",
                )
                for mean in (partial(jnp.mean, axis=-1), over_all_paths)
            ),
            Mistake(
                partial(dual_value, summed=lambda changes: over_dates(changes) - changes),
                "the martingale is a date late: its first change belongs to the first date",
            ),
            Mistake(
                partial(dual_value, mean=over_all_paths),
                "a change must be fair for each path, seen from where it stood: compare it with the mean of its own inner states, axis=-1",
            ),
            *(
                Mistake(
                    function,
                    "the mean runs over everything: each date and path has inner states that belong to it alone, axis=-1",
                )
                for function in (partial(dual_value, mean=jnp.mean), partial(dual_value, mean=jnp.mean, summed=lambda changes: changes))
            ),
            *(
                Mistake(
                    partial(dual_value, summed=jnp.cumsum, mean=mean),
                    "without an axis, jnp.cumsum lays all the numbers in one long row: sum over the dates, axis=0",
                )
                for mean in (partial(jnp.mean, axis=-1), over_all_paths)
            ),
            *(
                Mistake(
                    partial(dual_value, mean=partial(jnp.mean, axis=1), summed=summed),
                    "that is the mean over the paths; the inner states are the last axis of `others`, axis=-1",
                )
                for summed in (over_dates, lambda changes: changes)
            ),
            *(
                Mistake(
                    lambda gains, own, others, mean=mean: (gains - over_dates(own - mean(others))).mean(axis=1).max(),
                    "foresight picks each path's best date: take the largest over the dates first, and the mean afterwards",
                )
                for mean in (partial(jnp.mean, axis=-1), over_all_paths)
            ),
            Mistake(
                lambda gains, own, others: (gains - over_dates(own - others.mean(axis=-1))).max(axis=0),
                "that is one number per path: the bound is their mean",
            ),
            Mistake(
                lambda gains, own, others: (gains - over_dates(own - others.mean(axis=-1))).max(),
                "that is the largest of all paths: take each path's largest over the dates, then the mean",
            ),
            Mistake(
                partial(dual_value, mean=partial(jnp.sum, axis=-1)),
                "take the mean of the inner values, not their sum",
            ),
            Mistake(
                partial(dual_value, mean=lambda others: 0.0),
                "a value alone has no mean of 0: compare each with the mean of the inner values",
            ),
            Mistake(
                partial(dual_value, axis=1),
                "the maximum runs over the paths: take each path's largest over the dates, axis=0",
            ),
            Mistake(
                subtracted_late,
                "that subtracts the martingale's last value at every date: subtract what its changes have come to by then, jnp.cumsum, before the maximum",
            ),
        ],
    ),
    Exercise(
        "20.3",
        solution=strike_greek,
        inputs=a_put_with_a_fee,
        jit=False,
        call=a_pair,
        mistakes=[
            Mistake(
                lambda price, spot, strike: (jax.grad(price, argnums=1)(spot, strike),) * 2,
                "your prediction differentiates with respect to the strike, which it should do without: use the price and its slope in the spot",
            ),
            Mistake(
                lambda *numbers: (strike_greek(*numbers)[0],) * 2,
                "your measurement is the prediction once more: measure by jax.grad with respect to the strike",
            ),
            Mistake(
                lambda *numbers: strike_greek(*numbers)[::-1],
                "what is predicted comes first, then what is measured",
            ),
            Mistake(
                lambda price, spot, strike: (strike_greek(price, spot, strike)[0], jax.grad(price)(spot, strike)),
                "what you measure is delta: jax.grad differentiates with respect to the first argument unless `argnums` says otherwise",
            ),
            *(
                Mistake(
                    lambda *numbers, place=place: strike_greek(*numbers)[place],
                    "that is one number; return the pair of prediction and measurement",
                )
                for place in (0, 1)
            ),
            Mistake(
                predicting(lambda value, delta, spot, strike: (spot * delta - value) / strike),
                "the sign of the prediction: the value is the spot's share plus the strike's",
            ),
            Mistake(
                predicting(lambda value, delta, spot, strike: (value + spot * delta) / strike),
                "the value is spot times one slope plus strike times the other: bring the first to the other side with its sign",
            ),
            Mistake(
                predicting(lambda value, delta, spot, strike: value - spot * delta),
                "that is strike times the slope: divide by the strike",
            ),
            Mistake(
                predicting(lambda value, delta, spot, strike: value - spot * delta / strike),
                "only the second term is divided by the strike: put the difference in parentheses",
            ),
            Mistake(
                predicting(lambda value, delta, spot, strike: (value - delta) / strike),
                "by the chain rule the derivative of c * spot by c is the spot: delta is multiplied by it",
            ),
            Mistake(
                predicting(lambda value, delta, spot, strike: -spot * delta / strike),
                "the right side depends on c as well: the derivative of c * price is the price",
            ),
            Mistake(
                predicting(lambda value, delta, spot, strike: (value - strike * delta) / spot),
                "spot and strike have changed places: delta is multiplied by the spot",
            ),
            Mistake(
                predicting(lambda value, delta, spot, strike: (value - spot * delta) / spot),
                "you divide by the spot; it is the strike that multiplies the slope you look for",
            ),
            *(
                Mistake(
                    predicting(guess),
                    "the strike's slope isn't delta's mirror image: differentiate both sides of the equation by c",
                )
                for guess in (
                    lambda value, delta, spot, strike: -delta,
                    lambda value, delta, spot, strike: 1 - delta,
                    lambda value, delta, spot, strike: 1 + delta,
                )
            ),
            Mistake(
                predicting(lambda value, delta, spot, strike: value / strike),
                "the spot changes with the currency too, and brings delta in",
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
            *(
                Mistake(
                    lambda price, *rest, power=power: price + price**power * jnp.log(merton_step(price, *rest) / price),
                    "the formula is the change of the logarithm: the price is multiplied by its exponential",
                )
                for power in (0, 1)
            ),
            Mistake(
                partial(merton_step, drift=lambda rate, volatility, intensity, k: to_the_drift(rate, volatility, intensity, k) + volatility**2),
                "the sign of volatility**2 / 2: the drift of a logarithm is lower by it, not higher",
            ),
            Mistake(m_once, "each of the n jumps adds m: m * n"),
            *(
                Mistake(
                    partial(merton_step, root=root),
                    "n jumps have the standard deviation s √n: they are independent",
                )
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
            Mistake(
                lambda *arguments: jnp.log(merton_step(*arguments)),
                "that is the logarithm of the price: take jnp.exp of it",
            ),
        ],
    ),
]

predictions = [
    Prediction(
        "20.a",
        0,
        shown="their opposite",
        slips=[
            (1, "is a multiple of a fair game, even a negative one, still fair?"),
            (2, "what do half a fair game and no game at all have in common?"),
            (3, "for which martingales does the inequality hold?"),
        ],
    ),
    Prediction(
        "20.b",
        (8, 4, 11, 64),
        shown="first kernel of the policy: (8, 4, 11, 64)",
        slips=[
            ((4, 8, 11, 64), "what is stacked last comes first"),
            ((9, 4, 11, 64), "at the last date there is nothing to learn"),
            ((8, 11, 64), "where are the four?"),
        ],
    ),
    Prediction(
        "20.c",
        0,
        shown="gamma by differentiating twice: 0.0",
        slips=[
            (0.06, "along one path that stops in the money the payoff is strike - price: what is its second derivative?"),
            (0.06076, "along one path that stops in the money the payoff is strike - price: what is its second derivative?"),
        ],
    ),
]
