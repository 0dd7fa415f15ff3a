"""What prices are compared with: closed forms, binomial trees, and published tables.

These are in NumPy and float64: they are to be right, and are called once. What they can't price rightly they refuse, by name.
"""

import csv
import math
from importlib import resources

import numpy as np

from course_utils import inputs

TABLES = (
    "longstaff_schwartz_2001_table1", "course_puts", "becker_cheridito_jentzen_2019_max_call",
    "max_call_stored_run",  # no reference: what this course computed, by `make tables`
)  # fmt: skip
TRUSTED = 0.45, 0.55  # Cox–Ross–Rubinstein's probabilities of a rise at which a step has 99% of its variance or more
LOGS = 708.0  # the logarithm of a price may be this much, up or down: float64 has 1e-308 to 1e308


def table(name: str) -> list[dict[str, float | str | None]]:
    """A published table as a list of rows; its sources stand in the first lines of its file in ``course_utils/data``.

    Numbers are floats, what is no number stays text, and what the source leaves blank is None.

    Raises:
        ValueError: for a name that isn't in ``TABLES``.
    """
    if not isinstance(name, str) or name not in TABLES:
        raise ValueError(f"name is {name!r}; expected one of {', '.join(TABLES)}")

    def read(text):
        try:
            return float(text) if text else None
        except ValueError:
            return text

    lines = resources.files("course_utils.data").joinpath(f"{name}.csv").read_text().splitlines()
    rows = csv.DictReader(line for line in lines if not line.startswith("#"))
    return [{column: read(text) for column, text in row.items()} for row in rows]


def _real(name: str, value, above=-math.inf, least=-math.inf, below=math.inf, shapes=((),), infinite=False) -> np.ndarray:
    """``value`` in float64, once it is finite and within these limits. (``inputs.number`` asks for what float32 can hold.)

    Args:
        shapes: those that it may have; None is any.
        infinite: whether infinity is a number here; NaN never is.

    Raises:
        TypeError: for what is no number, or no array of real numbers.
        ValueError: for a number out of range, or another shape.
    """
    expected = "a number" if infinite else "a finite number"
    expected += "" if shapes == ((),) else " or an array of them" if shapes is None else " or (2,) of them"
    limits = {"above": above, "at least": least, "below": below}
    if words := [f"{word} {limit:g}" for word, limit in limits.items() if math.isfinite(limit)]:
        expected += ", " + " and ".join(words)
    try:
        array = np.asarray(value)
        if array.dtype == object and all(type(item) in (int, float) for item in array.flat):  # integers of many digits
            array = array.astype(float)
    except OverflowError:
        raise ValueError(f"{name} is beyond float64; expected {expected}") from None
    except Exception:  # ragged lists and traced values raise errors that name nothing
        raise TypeError(f"{name} is {value!r}; expected {expected}") from None
    if array.dtype.kind not in "iuf" and array.dtype.name != "bfloat16":
        raise TypeError(f"{name} is {value!r}; expected {expected}")
    array = array.astype(float)
    if shapes is not None and array.shape not in shapes:
        raise ValueError(f"{name} has shape {array.shape}; expected {expected}")
    known = ~np.isnan(array) if infinite else np.isfinite(array)
    if not (known & (array > above) & (array >= least) & (array < below) | (infinite & np.isinf(array))).all():
        raise ValueError(f"{name} is {value!r}; expected {expected}")
    return array


def _sign(kind) -> float:
    """-1 for a put, 1 for a call; else ``ValueError``."""
    if not isinstance(kind, str) or kind not in ("put", "call"):
        raise ValueError(f'kind is {kind!r}; expected "put" or "call"')
    return -1.0 if kind == "put" else 1.0


def _check_dates(dates: int, steps: int) -> None:
    """Refuse what are no whole numbers of at least 1, and dates that don't divide the steps."""
    inputs.whole_number("steps", steps, at_least=1)
    inputs.whole_number("dates", dates, at_least=1)
    if steps % dates:
        raise ValueError(f"dates is {dates}, which doesn't divide the {steps} steps; try steps={dates * (steps // dates + 1)}")


def _refuse(wrong: bool, expected: str, **given) -> None:
    """Refuse arguments that are each in order, but not together."""
    if wrong:
        raise ValueError(f"{', '.join(f'{name} is {value!r}' for name, value in given.items())}; expected {expected}")


_erfc = np.vectorize(math.erfc, otypes=[float])


def normal_distribution(x) -> np.ndarray:
    """The probability (…) that a standard normal variable is at most ``x`` (…), which may be infinite.

    Raises:
        TypeError, ValueError: for what is no real number, and for NaN.
    """
    return _erfc(-_real("x", x, shapes=None, infinite=True) / math.sqrt(2.0)) / 2


def black_scholes(kind: str, spot, strike, volatility, rate, maturity, dividend=0.0) -> np.ndarray:
    """The price of a European put or call (F. Black, M. Scholes, 1973; dividend yield: R. Merton, 1973).

    All arguments are numbers or arrays that broadcast; years and continuous compounding. Where volatility or maturity is 0, or
    both are next to nothing, it is what the forward is above the strike (below, for a put), discounted: the limit.

    Raises:
        TypeError: for what is no real number.
        ValueError: for a kind other than "put" and "call"; a spot or strike that isn't positive, a volatility or maturity below 0,
            NaN or infinity; shapes that don't broadcast; and where a discounted forward or strike is beyond float64.
    """
    sign = _sign(kind)
    given = dict(spot=spot, strike=strike, volatility=volatility, rate=rate, maturity=maturity, dividend=dividend)
    limits = dict(spot=dict(above=0.0), strike=dict(above=0.0), volatility=dict(least=0.0), maturity=dict(least=0.0))
    arrays = {name: _real(name, value, shapes=None, **limits.get(name, {})) for name, value in given.items()}
    try:
        spot, strike, volatility, rate, maturity, dividend = np.broadcast_arrays(*arrays.values())
    except ValueError:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise ValueError(f"shapes are {shapes}; expected shapes that broadcast") from None
    with np.errstate(over="ignore", divide="ignore"):
        deviation = volatility * np.sqrt(maturity)
        forward, cash = spot * np.exp(-dividend * maturity), strike * np.exp(-rate * maturity)
        finite = np.isfinite(deviation) & np.isfinite(forward) & np.isfinite(cash)
        _refuse(not finite.all(), "discounted forward and strike, and volatility √maturity, below 1.8e308", **given)
        moneyness = np.log(spot) - np.log(strike) + (rate - dividend) * maturity
        d1 = moneyness / np.where(deviation > 0, deviation, 1.0) + deviation / 2
    value = sign * (forward * normal_distribution(sign * d1) - cash * normal_distribution(sign * (d1 - deviation)))
    least = np.maximum(sign * (forward - cash), 0.0)  # what rounding may miss where next to nothing is left to chance
    return np.where(deviation > 0, np.maximum(value, least), least)[()]


def binomial(kind: str, spot, strike, volatility, rate, maturity, steps: int = 5000, dates: int | None = None, dividend=0.0):
    """The price of a put or call on the binomial tree (J. Cox, S. Ross, M. Rubinstein, 1979).

    Their tree rises and falls by the same factor, whatever the rate, and makes up for it by the probability of a rise, p. Its
    variance is then too small, by the factor 4p(1 - p), and where the carry of a step is more than its deviation, p is outside
    0 to 1 and the price is nonsense. So where p isn't within ``TRUSTED`` the tree is one that grows with the forward instead:
    factors exp((rate - dividend) dt ± volatility √dt) and p = 1/(1 + exp(volatility √dt)), right for any rate (R. McDonald,
    *Derivatives Markets*, 2nd edition 2006, chapter 10: the forward tree).

    Args:
        spot, strike, volatility, rate, maturity, dividend: numbers; years, continuous compounding.
        steps: of the tree; the error falls like 1/steps.
        dates: how many equally spaced exercise dates, a divisor of ``steps``; None for an American option (every step and
            time 0), 1 for a European one.

    Returns:
        The price, and the exercise boundary: times (n,) and critical prices (n,), NaN where nothing is exercised.

    Raises:
        TypeError: for what is no real number, or steps and dates that are no whole numbers.
        ValueError: for an unknown kind; a spot, strike, volatility or maturity that isn't positive, NaN or infinity; dates that
            don't divide the steps; and a tree with prices beyond float64, as where volatility √(maturity steps) is above 700.
    """
    sign = _sign(kind)
    given = dict(spot=spot, strike=strike, volatility=volatility, rate=rate, maturity=maturity, dividend=dividend)
    signed = ("rate", "dividend")
    numbers = (float(_real(name, value, above=-math.inf if name in signed else 0.0)) for name, value in given.items())
    spot, strike, volatility, rate, maturity, dividend = numbers
    _check_dates(1 if dates is None else dates, steps)
    dt = maturity / steps
    carry, deviation = (rate - dividend) * dt, volatility * math.sqrt(dt)
    wide = max(abs(math.log(spot)) + abs(carry * steps) + deviation * steps, abs(math.log(strike)))
    _refuse(not wide + max(-rate * maturity, 0.0) < LOGS, "prices of the tree between 1e-308 and 1e308; try fewer steps", **given, steps=steps)
    up, growth = np.exp(deviation), 1.0
    probability = (np.exp(carry) - 1 / up) / (up - 1 / up) if up > 1.0 else math.nan
    if not TRUSTED[0] <= probability <= TRUSTED[1]:
        growth, probability = np.exp(carry), 1 / (1 + up)
    discount = np.exp(-rate * dt)
    every = 1 if dates is None else steps // dates

    prices = spot * growth**steps * up ** np.arange(-steps, steps + 1, 2.0)  # (steps + 1,) at maturity
    values = np.maximum(sign * (prices - strike), 0.0)
    times, boundary = [maturity], [float(strike)]
    for step in reversed(range(steps)):
        prices = prices[:-1] * (up / growth)  # (step + 1,)
        values = discount * (probability * values[1:] + (1 - probability) * values[:-1])
        if step % every == 0 and (step or dates is None):
            payoff = sign * (prices - strike)
            stop = (payoff > 0) & (payoff >= values)
            values = np.where(stop, payoff, values)
            times.append(step * dt)
            boundary.append(np.nan if not stop.any() else prices[stop].max() if kind == "put" else prices[stop].min())
    return float(values[0]), (np.array(times[::-1]), np.array(boundary[::-1]))


def binomial_two_assets(
    payoff, spot, volatility, correlation: float, rate, maturity, dates: int, steps: int, dividend=0.0
) -> float:
    """The Bermudan price of ``payoff`` on two correlated assets, on a tree whose two shocks are independent coins.

    (M. Rubinstein, "Return to Oz", Risk 7, 1994.) The coins are fair and the assets grow as they should on the tree itself, so its
    probabilities are right for any rate, volatility and correlation; the error falls like 1/steps.

    Args:
        payoff: prices (…, 2) -> (…), real and finite on the whole tree; it may be negative.
        spot, volatility, dividend: a number or (2,).
        correlation: above -1 and below 1.
        rate, maturity: numbers.
        dates: how many equally spaced exercise dates, a divisor of ``steps``.

    Raises:
        TypeError: for what is no real number, steps and dates that are no whole numbers, and a payoff that is no function.
        ValueError: for a spot, volatility or maturity that isn't positive, a correlation outside -1 to 1, NaN or infinity; dates
            that don't divide the steps; a tree with prices beyond float64; a payoff of another shape, or not finite.
    """
    given = dict(spot=spot, volatility=volatility, dividend=dividend, correlation=correlation, rate=rate, maturity=maturity)
    each = dict(shapes=((), (2,)))
    limits = dict(
        spot=dict(above=0.0, **each), volatility=dict(above=0.0, **each), dividend=each,
        correlation=dict(above=-1.0, below=1.0), rate={}, maturity=dict(above=0.0),
    )  # fmt: skip
    checked = [_real(name, value, **limits[name]) for name, value in given.items()]
    spot, volatility, dividend = (np.broadcast_to(value, (2,)) for value in checked[:3])
    correlation, rate, maturity = map(float, checked[3:])
    _check_dates(dates, steps)
    if not callable(payoff):
        raise TypeError(f"payoff is {payoff!r}; expected a function of prices (…, 2) -> (…)")
    dt = maturity / steps
    mix = np.linalg.cholesky(np.array([[1.0, correlation], [correlation, 1.0]]))  # (2, 2)
    coins = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]]) @ mix.T  # (4, 2)
    with np.errstate(over="ignore", invalid="ignore"):
        compensation = np.log(np.mean(np.exp(volatility * np.sqrt(dt) * coins), axis=0))  # (2,): exact growth on the tree
        drift = (rate - dividend) * dt - compensation
        rise = np.maximum(drift + volatility * np.sqrt(dt) * coins.max(axis=0), 0.0)  # (2,): of a logarithm, the largest in a step
        highest = np.log(spot) + rise * steps + max(-rate * maturity, 0.0)
    _refuse(not (np.isfinite(drift) & (highest < LOGS)).all(), "prices of the tree below 1e308; try fewer steps", **given, steps=steps)

    def prices_at(step):
        heads = np.arange(-step, step + 1, 2.0)
        shocks = np.stack(np.meshgrid(heads, heads, indexing="ij"), axis=-1) @ mix.T  # (step + 1, step + 1, 2)
        return spot * np.exp(drift * step + volatility * np.sqrt(dt) * shocks)

    def pays(prices):
        value = np.asarray(payoff(prices))
        if value.dtype.kind not in "iuf":
            raise TypeError(f"payoff yields {value.dtype}; expected real numbers")
        if value.shape != prices.shape[:-1]:
            raise ValueError(f"payoff maps prices {prices.shape} to {value.shape}; expected {prices.shape[:-1]}: (…, 2) -> (…)")
        if not (finite := np.isfinite(value)).all():
            raise ValueError(f"payoff yields {value[~finite][0]} at prices {prices[~finite][0]}; expected finite numbers")
        return value.astype(float)

    pays(np.broadcast_to(spot, (3, 4, 2)))  # sides of three lengths, so that no reduction of a wrong one passes
    values = pays(prices_at(steps))
    for step in reversed(range(steps)):
        values = np.exp(-rate * dt) * (values[1:, 1:] + values[1:, :-1] + values[:-1, 1:] + values[:-1, :-1]) / 4
        if step and step % (steps // dates) == 0:
            values = np.maximum(values, pays(prices_at(step)))
    _refuse(not np.isfinite(values).all(), "a price below 1.8e308", **given, steps=steps)
    return float(values[0, 0])
