"""Prices in NumPy and float64 that share no method with ``course_utils``: what its trees and its simulations are held against.

``bermudan`` integrates against the normal density, date by date; the others are closed forms. Years and continuous compounding.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np

REACH = 9.0  # standard deviations that the integrals cover; beyond lie 2e-19
NODES, WEIGHTS = np.polynomial.legendre.leggauss(16)
AT_ONCE = 1 << 21  # products of points and nodes in memory


def bermudan(
    payoff: Callable[[np.ndarray], np.ndarray],
    spot: float,
    volatility: float,
    rate: float,
    times: Sequence[float],
    dividend: float = 0.0,
    kinks: Sequence[float] = (),
) -> float:
    """The price of an option on one asset that follows geometric Brownian motion, exercised at one of ``times``.

    Backward induction: what waiting is worth at a date is the integral of the next date's value against the normal density of
    the log-price in between, by Gauss–Legendre quadrature with 16 nodes on pieces of at most two standard deviations. The pieces
    end where the value has a kink: at those of the payoff, which are given, and at the exercise boundaries, which are searched for
    by bisection. Nothing is interpolated: waiting is integrated anew wherever it is asked for. (Quadrature for early exercise:
    M. Sullivan, "Valuing American put options using Gaussian quadrature", Review of Financial Studies 13, 2000.)

    Within 1e-9 of the larger of the price and 1e-4 of the spot, for volatility √(last time) from .001 to 10 and up to 50 dates,
    equally spaced or not: 40 nodes instead of 16, and 11 deviations instead of 9, change less. It takes up to .5 s.

    Args:
        payoff: prices (n,) -> (n,), growing no faster than linearly; it may be negative, and then may be exercised at a loss.
        spot: today's price of the asset, positive.
        volatility: per square root of a year, positive.
        rate, dividend: of either sign.
        times: the exercise dates in years, rising; 0 is today. At the last the payoff is taken, whatever it is; at an
            earlier one, where it is more than waiting is worth.
        kinks: the prices at which the payoff isn't smooth; those left out cost accuracy.
    """
    times = np.asarray(times, float)
    if not (times[0] >= 0.0 and (np.diff(times) > 0.0).all()):
        raise ValueError(f"times is {times}; expected years that rise, the first at least 0")
    drift, bends = rate - dividend - volatility**2 / 2, np.log(np.asarray(kinks, float) / spot)
    pays = lambda x: np.asarray(payoff(spot * np.exp(x)), float)  # x (n,) is log(price / spot)
    steps = np.diff(times, prepend=0.0)  # (dates,)
    deviations = volatility * np.sqrt(steps)  # of the log-price, over the step that ends at a date
    waiting = None  # x (n,) -> what is to be had later, (n,)
    for date in reversed(range(len(times))):
        if steps[date] == 0.0:  # today
            now = pays(np.zeros(1))
            return float((now if waiting is None else np.maximum(now, waiting(np.zeros(1))))[0])
        finest = min(deviations[date : date + 2])  # the density's scale, and that of what waiting is worth
        middle, width = drift * times[date], REACH * volatility * math.sqrt(times[date])
        ends = middle - width, middle + width + volatility**2 * times[date]  # prices have their mass as much as σ²t higher
        marks = np.linspace(*ends, 2 + int((ends[1] - ends[0]) / min(2 * finest, 1.0)))
        inside = bends[(bends > ends[0]) & (bends < ends[1])]
        marks = np.union1d(marks, inside)
        if waiting is not None:
            marks = np.union1d(marks, boundaries(pays, waiting, marks))
        nodes, weights = quadrature(marks)
        values = pays(nodes)
        if waiting is not None:
            values = np.maximum(values, waiting(nodes))
        waiting = expectation(nodes, weights * values * math.exp(-rate * steps[date]), drift * steps[date], deviations[date])
    return float(waiting(np.zeros(1))[0])


def quadrature(marks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights, (16 n,) each, of the Gauss–Legendre rule on each of the n pieces between ``marks`` (n + 1,)."""
    half = np.diff(marks)[:, None] / 2  # (n, 1)
    return (marks[:-1, None] + half + half * NODES).ravel(), (half * WEIGHTS).ravel()


def expectation(nodes: np.ndarray, weighted: np.ndarray, mean: float, deviation: float) -> Callable[[np.ndarray], np.ndarray]:
    """x (n,) -> E[value(x + mean + deviation Z)], Z standard normal, from weighted values (m,) at rising nodes (m,)."""

    def reached(x):  # the nodes between which the density, or that times a price, isn't nothing
        ends = mean - REACH * deviation, mean + REACH * deviation + deviation**2
        return np.searchsorted(nodes, [x + end for end in ends])

    def expect(x):
        order, result, start = np.argsort(x), np.empty(len(x)), 0
        while start < len(x):  # points in rising order; those taken together share the nodes within reach
            first, last = reached(x[order[start]])
            block = order[start : start + max(1, min(256, AT_ONCE // (1 + last - first)))]
            last = reached(x[block[-1]])[1]
            z = (nodes[first:last] - x[block, None] - mean) / deviation  # (block, nodes)
            result[block] = np.exp(-(z**2) / 2) @ weighted[first:last] / (math.sqrt(2 * math.pi) * deviation)
            start += len(block)
        return result

    return expect


def boundaries(pays, waiting, marks: np.ndarray) -> np.ndarray:
    """Where exercise begins or ends to be worth more than waiting, (n,): searched for at 8 points of each piece between ``marks``."""

    def better(x):
        now, later = pays(x), waiting(x)
        return now - later > 1e-13 * (np.abs(now) + np.abs(later))  # a tie, as of a martingale, is no boundary

    x = np.union1d(marks, (marks[:-1, None] + np.diff(marks)[:, None] * np.arange(1, 8) / 8).ravel())
    known = better(x)
    change = np.flatnonzero(known[1:] != known[:-1])
    low, high, before = x[change], x[change + 1], known[change]
    for _ in range(44 if len(change) else 0):
        middle = (low + high) / 2
        same = better(middle) == before
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    return (low + high) / 2


def normal(x) -> np.ndarray:
    """The standard normal distribution function of ``x`` (…)."""
    return np.vectorize(math.erfc, otypes=[float])(-np.asarray(x, float) / math.sqrt(2.0)) / 2


def exchange(spot, volatility, correlation: float, maturity: float, dividend=(0.0, 0.0)) -> float:
    """The European right to give the second asset for the first (W. Margrabe, Journal of Finance 33, 1978); pairs of numbers."""
    deviation = math.sqrt((volatility[0] ** 2 + volatility[1] ** 2 - 2 * correlation * volatility[0] * volatility[1]) * maturity)
    get, give = (price * math.exp(-carry * maturity) for price, carry in zip(spot, dividend))
    d1 = math.log(get / give) / deviation + deviation / 2
    return float(get * normal(d1) - give * normal(d1 - deviation))


def european(kind: str, spot: float, strike: float, volatility: float, rate: float, maturity: float, dividend: float = 0.0) -> float:
    """A European "put" or "call": the exchange of the asset and of the strike's bond, which doesn't move."""
    asset, bond = (spot, dividend), (strike, rate)
    (get, get_carry), (give, give_carry) = (asset, bond) if kind == "call" else (bond, asset)
    return exchange((get, give), (volatility, 0.0), 0.0, maturity, (get_carry, give_carry))


def geometric(spot, volatility, dividend=0.0, correlation=None, assets: int | None = None) -> tuple[float, float, float]:
    """Spot, volatility and dividend of the one asset that the geometric mean of some assets is, which is log-normal where they are.

    Args:
        spot, volatility, dividend: a number, or (assets,).
        correlation: (assets, assets), or one number for every pair, or None where they are independent.
        assets: how many; None where an argument is an array.
    """
    n = assets or max(np.size(value) for value in (spot, volatility, dividend))
    spot, volatility, dividend = (np.broadcast_to(np.asarray(value, float), (n,)) for value in (spot, volatility, dividend))
    between = np.full((n, n), 0.0 if correlation is None else correlation)
    np.fill_diagonal(between, 1.0)
    variance = volatility @ between @ volatility / n**2
    return float(np.exp(np.log(spot).mean())), math.sqrt(variance), float((dividend + volatility**2 / 2).mean() - variance / 2)


def geometric_put(spot, strike, volatility, rate, maturity, dividend=0.0, correlation=None, assets: int | None = None) -> float:
    """A European put on the geometric mean; arguments as of ``geometric``."""
    spot, volatility, dividend = geometric(spot, volatility, dividend, correlation, assets)
    return european("put", spot, strike, volatility, rate, maturity, dividend)


def max_call(assets: int, spot, strike, volatility, rate, maturity, dividend=0.0) -> float:
    """A European call on the dearest of so many equal independent assets.

    The integral, over prices above the strike, of the probability that the dearest is above them: 1 - N(z)^assets, where z is the
    price's normal deviate. Within 1e-10 of the spot, for volatility √maturity up to 3.
    """
    deviation, middle = volatility * math.sqrt(maturity), math.log(spot) + (rate - dividend - volatility**2 / 2) * maturity
    low = max((math.log(strike) - middle) / deviation, -40.0)  # below, the probability is 1
    z, weights = quadrature(np.linspace(low, max(low, 0.0) + 2 * deviation + 12.0, 200))
    price = np.exp(middle + deviation * z)
    above = -np.expm1(assets * np.log1p(-np.minimum(normal(-z), 1.0 - 1e-16)))
    head = math.exp(middle + deviation * low) - strike  # 0 unless the strike is below all
    return math.exp(-rate * maturity) * (head + float(weights @ (above * price * deviation)))
