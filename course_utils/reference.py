"""What prices are held against: closed forms, binomial trees, and published tables.

These are in NumPy and float64: they are to be right, and are called once.
"""

import csv
import math
from importlib import resources

import numpy as np

TABLES = (
    "longstaff_schwartz_2001_table1", "course_puts", "becker_cheridito_jentzen_2019_max_call",
    "max_call_stored_run",  # no reference: what this course computed, by `make tables`
)  # fmt: skip


def table(name: str) -> list[dict[str, float | str | None]]:
    """A published table as a list of rows; its sources stand in the first lines of its file in ``course_utils/data``.

    Numbers are floats, what is no number stays text, and what the source leaves blank is None.

    Raises:
        ValueError: for a name that isn't in ``TABLES``.
    """
    if name not in TABLES:
        raise ValueError(f"name is {name!r}; expected one of {', '.join(TABLES)}")

    def read(text):
        try:
            return float(text) if text else None
        except ValueError:
            return text

    lines = resources.files("course_utils.data").joinpath(f"{name}.csv").read_text().splitlines()
    rows = csv.DictReader(line for line in lines if not line.startswith("#"))
    return [{column: read(text) for column, text in row.items()} for row in rows]


@np.vectorize
def normal_distribution(x: float) -> float:
    """The probability that a standard normal variable is at most ``x``."""
    return math.erfc(-x / math.sqrt(2.0)) / 2


def black_scholes(kind: str, spot, strike, volatility, rate, maturity, dividend=0.0) -> np.ndarray:
    """The price of a European put or call (F. Black, M. Scholes, 1973; dividend yield: R. Merton, 1973).

    All arguments are numbers or arrays that broadcast; years and continuous compounding.

    Raises:
        ValueError: for a kind other than "put" and "call".
    """
    sign = {"put": -1.0, "call": 1.0}.get(kind)
    if sign is None:
        raise ValueError(f'kind is {kind!r}; expected "put" or "call"')
    spot, strike, volatility, rate, maturity, dividend = np.broadcast_arrays(spot, strike, volatility, rate, maturity, dividend)
    deviation = volatility * np.sqrt(maturity)
    d1 = (np.log(spot / strike) + (rate - dividend) * maturity) / deviation + deviation / 2
    forward, cash = spot * np.exp(-dividend * maturity), strike * np.exp(-rate * maturity)
    return sign * (forward * normal_distribution(sign * d1) - cash * normal_distribution(sign * (d1 - deviation)))


def binomial(kind: str, spot, strike, volatility, rate, maturity, steps: int = 5000, dates: int | None = None, dividend=0.0):
    """The price of a put or call on the binomial tree (J. Cox, S. Ross, M. Rubinstein, 1979).

    Args:
        steps: of the tree; the error falls like 1/steps.
        dates: how many equally spaced exercise dates, a divisor of ``steps``; None for an American option (every step and
            time 0), 1 for a European one.

    Returns:
        The price, and the exercise boundary: times (n,) and critical prices (n,), NaN where nothing is exercised.

    Raises:
        ValueError: for an unknown kind, or dates that don't divide the steps.
    """
    if kind not in ("put", "call"):
        raise ValueError(f'kind is {kind!r}; expected "put" or "call"')
    if dates is not None and steps % dates:
        raise ValueError(f"dates is {dates}, which doesn't divide the {steps} steps; try steps={dates * (steps // dates + 1)}")
    sign = -1.0 if kind == "put" else 1.0
    dt = maturity / steps
    up = np.exp(volatility * np.sqrt(dt))
    probability = (np.exp((rate - dividend) * dt) - 1 / up) / (up - 1 / up)
    discount = np.exp(-rate * dt)
    every = 1 if dates is None else steps // dates

    prices = spot * up ** np.arange(-steps, steps + 1, 2.0)  # (steps + 1,) at maturity
    values = np.maximum(sign * (prices - strike), 0.0)
    times, boundary = [maturity], [float(strike)]
    for step in reversed(range(steps)):
        prices = prices[:-1] * up  # (step + 1,)
        values = discount * (probability * values[1:] + (1 - probability) * values[:-1])
        if step % every == 0 and (step or dates is None):
            payoff = sign * (prices - strike)
            stop = (payoff > 0) & (payoff >= values)
            values = np.where(stop, payoff, values)
            times.append(step * dt)
            boundary.append(np.nan if not stop.any() else prices[stop].max() if kind == "put" else prices[stop].min())
    return float(values[0]), (np.array(times[::-1]), np.array(boundary[::-1]))


def binomial_two_assets(payoff, spot, volatility, correlation: float, rate, maturity, dates: int, steps: int, dividend=0.0) -> float:
    """The Bermudan price of ``payoff`` on two correlated assets, on a tree whose two shocks are independent coins.

    (M. Rubinstein, "Return to Oz", Risk 7, 1994.) ``payoff`` maps (…, 2) to (…); ``spot``, ``volatility`` and ``dividend`` are a number or (2,).

    Raises:
        ValueError: where dates don't divide the steps.
    """
    if steps % dates:
        raise ValueError(f"dates is {dates}, which doesn't divide the {steps} steps; try steps={dates * (steps // dates + 1)}")
    dt = maturity / steps
    spot, volatility, dividend = (np.broadcast_to(np.asarray(value, float), (2,)) for value in (spot, volatility, dividend))
    mix = np.linalg.cholesky(np.array([[1.0, correlation], [correlation, 1.0]]))  # (2, 2)
    coins = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]]) @ mix.T  # (4, 2)
    compensation = np.log(np.mean(np.exp(volatility * np.sqrt(dt) * coins), axis=0))  # (2,): exact growth on the tree
    drift = (rate - dividend) * dt - compensation

    def prices_at(step):
        heads = np.arange(-step, step + 1, 2.0)
        shocks = np.stack(np.meshgrid(heads, heads, indexing="ij"), axis=-1) @ mix.T  # (step + 1, step + 1, 2)
        return spot * np.exp(drift * step + volatility * np.sqrt(dt) * shocks)

    values = np.asarray(payoff(prices_at(steps)))
    for step in reversed(range(steps)):
        values = np.exp(-rate * dt) * (values[1:, 1:] + values[1:, :-1] + values[:-1, 1:] + values[:-1, :-1]) / 4
        if step and step % (steps // dates) == 0:
            values = np.maximum(values, payoff(prices_at(step)))
    return float(values[0, 0])
