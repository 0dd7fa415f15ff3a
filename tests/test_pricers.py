"""The witnesses that prices are held against are themselves held against closed forms, trees, and published values."""

import sys
from pathlib import Path

import numpy as np
import pricers
import pytest

from course_utils import reference

sys.path.append(str(Path(__file__).parent / "benchmarks"))
import sixty  # noqa: E402, a program beside the benchmarks

CLAIM = 1e-8  # of the larger of the price and 1e-4 of the spot
PUTS = reference.table("course_puts")
ROWS = reference.table("longstaff_schwartz_2001_table1")
put = lambda strike: lambda price: np.maximum(strike - price, 0.0)
call = lambda strike: lambda price: np.maximum(price - strike, 0.0)


def near(expected, spot, claim=CLAIM):
    return pytest.approx(expected, rel=claim, abs=claim * 1e-4 * spot)


@pytest.mark.parametrize("deviation", [0.001, 0.01, 0.1, 0.5, 1.0, 3.0, 6.0, 10.0])
@pytest.mark.parametrize("maturity", [1 / 365, 1.0, 30.0])
def test_one_date_is_european(deviation, maturity):
    """Over volatility √maturity from .001 to 10, deep in and far out of the money, with carry of either sign."""
    for strike in (50.0, 99.9, 100.0, 103.0, 300.0):
        for rate, dividend in ((0.05, 0.02), (-0.05, 0.0), (0.0, 0.1)):
            for kind, payoff in (("put", put), ("call", call)):
                terms = deviation / np.sqrt(maturity), rate
                price = pricers.bermudan(payoff(strike), 100.0, *terms, [maturity], dividend, [strike])
                assert price == near(pricers.european(kind, 100.0, strike, *terms, maturity, dividend), 100.0)
                black_scholes = reference.black_scholes(kind, 100.0, strike, *terms, maturity, dividend)
                assert price == near(float(black_scholes), 100.0, 1e-7)


@pytest.mark.parametrize("row", PUTS, ids=lambda row: f"{row['spot']:.0f}-{row['volatility']}")
def test_published_puts(row):
    price = pricers.bermudan(put(40.0), row["spot"], row["volatility"], 0.06, np.arange(1, 51) / 50, kinks=[40.0])
    assert price == pytest.approx(row["bermudan50"], abs=6e-5)


@pytest.mark.parametrize("row", ROWS[::4], ids=lambda row: f"{row['spot']:.0f}-{row['volatility']}-{row['maturity']:.0f}")
def test_longstaff_schwartz(row):
    dates = int(50 * row["maturity"])
    times = np.arange(1, dates + 1) / 50
    price = pricers.bermudan(put(40.0), row["spot"], row["volatility"], 0.06, times, kinks=[40.0])
    assert price == pytest.approx(row["bermudan"], abs=1e-4)
    if row["published_fd"] is not None:
        assert price == pytest.approx(row["published_fd"], abs=1.5e-3)  # the authors' finite differences, three places


@pytest.mark.parametrize(
    "kind, spot, strike, volatility, rate, maturity, dates, dividend",
    [
        ("put", 36.0, 40.0, 0.2, 0.06, 1.0, 10, 0.0),
        ("call", 100.0, 110.0, 0.3, 0.02, 3.0, 6, 0.08),
        ("put", 100.0, 90.0, 0.8, 0.01, 10.0, 10, 0.0),
        ("put", 100.0, 100.0, 0.2, -0.02, 2.0, 4, -0.05),  # dividend < rate < 0: exercised where neither deep nor shallow
        ("call", 100.0, 100.0, 0.2, -0.04, 2.0, 4, -0.01),
        ("put", 7.8, 7.9, 0.003, 0.05, 1.0, 12, 0.0),
    ],
)
def test_against_trees(kind, spot, strike, volatility, rate, maturity, dates, dividend):
    """Two trees of 6,000 and 3,000 steps: the larger is off by a thousandth of a deviation at most."""
    payoff = {"put": put, "call": call}[kind](strike)
    price = pricers.bermudan(payoff, spot, volatility, rate, maturity * np.arange(1, dates + 1) / dates, dividend, [strike])
    tree = reference.binomial(kind, spot, strike, volatility, rate, maturity, 6000, dates, dividend)[0]
    assert price == pytest.approx(tree, abs=1e-3 * volatility * np.sqrt(maturity) * spot * 0.3)


def test_a_call_without_dividend_waits():
    for strike in (80.0, 120.0):
        price = pricers.bermudan(call(strike), 100.0, 0.2, 0.05, np.arange(1, 11) / 40, kinks=[strike])
        assert price == near(pricers.european("call", 100.0, strike, 0.2, 0.05, 0.25), 100.0)


def test_put_and_call_are_one():
    """C(S, K, r, q) = P(K, S, q, r), over unequal dates."""
    for rate, dividend in ((0.02, 0.06), (-0.03, -0.01), (0.0, 0.05)):
        for times in ([0.1, 0.11, 0.5, 2.0], [0.0, 1.0, 7.0], [1 / 365, 10.0]):
            one = pricers.bermudan(call(40.0), 36.0, 0.3, rate, times, dividend, [40.0])
            assert one == near(pricers.bermudan(put(36.0), 40.0, 0.3, dividend, times, rate, [36.0]), 36.0)


def test_signed_payoffs():
    """40 less the price: 3.7607 at ten dates. The price less 30 waits to the last date; without rate or dividend it's all the same."""
    assert pricers.bermudan(lambda price: 40.0 - price, 36.0, 0.2, 0.06, np.arange(1, 11) / 10) == pytest.approx(3.7607, abs=5e-5)
    own = lambda price: price - 30.0
    assert pricers.bermudan(own, 36.0, 0.2, 0.06, np.arange(1, 11) / 10) == near(36.0 - 30.0 * np.exp(-0.06), 36.0)
    assert pricers.bermudan(own, 36.0, 0.2, 0.0, np.arange(1, 11) / 10) == near(6.0, 36.0)
    assert pricers.bermudan(lambda price: price - 50.0, 36.0, 0.2, 0.0, [1.0]) == near(-14.0, 36.0)


def test_exercise_today():
    times = np.arange(1, 11) / 10
    later = pricers.bermudan(put(40.0), 36.0, 0.2, 0.06, times, kinks=[40.0])
    assert pricers.bermudan(put(40.0), 36.0, 0.2, 0.06, [0.0, *times], kinks=[40.0]) == later
    assert pricers.bermudan(put(40.0), 30.0, 0.2, 0.06, [0.0, *times], kinks=[40.0]) == 10.0
    assert pricers.bermudan(put(40.0), 30.0, 0.2, 0.06, [0.0]) == 10.0
    for times in ([-0.1, 1.0], [0.5, 0.5], [1.0, 0.5], [np.nan]):
        with pytest.raises(ValueError, match="expected years that rise"):
            pricers.bermudan(put(40.0), 30.0, 0.2, 0.06, times)


def test_more_dates_are_worth_more_and_soon_no_more():
    """A date at which nobody exercises, a moment before another, changes nothing: the grid stands steps of very different lengths."""
    base = pricers.bermudan(put(100.0), 100.0, 0.2, 0.03, [1.0, 10.0, 30.0], kinks=[100.0])
    close = pricers.bermudan(put(100.0), 100.0, 0.2, 0.03, [1.0, 1.0 + 1e-5, 10.0, 30.0], kinks=[100.0])
    assert base < close < base * (1 + 1e-4)


@pytest.mark.parametrize("seed", range(12))
def test_finer_pieces_change_nothing(seed, monkeypatch):
    """40 nodes a piece for 16 and 11 deviations for 9, on random options: dates equally spaced or not, carry of either sign."""
    rng = np.random.default_rng(seed)
    maturity, deviation, dates = 10 ** rng.uniform(-2.5, 1.5), 10 ** rng.uniform(-3.0, 1.0), int(rng.integers(1, 20))
    times = maturity * (np.sort(rng.uniform(size=dates)) if seed % 2 else np.arange(1, dates + 1) / dates)
    rate, dividend = rng.uniform(-0.05, 0.1, 2)
    strike = 100.0 * np.exp(rng.normal() * min(deviation, 1.0))
    payoff, kinks = [(put(strike), [strike]), (call(strike), [strike]), (lambda price: strike - price, [])][seed % 3]
    terms = payoff, 100.0, deviation / maturity**0.5, rate, times, dividend, kinks
    price = pricers.bermudan(*terms)
    nodes, weights = np.polynomial.legendre.leggauss(40)
    monkeypatch.setattr(pricers, "NODES", nodes)
    monkeypatch.setattr(pricers, "WEIGHTS", weights)
    monkeypatch.setattr(pricers, "REACH", 11.0)
    assert price == near(pricers.bermudan(*terms), 100.0, 1e-9)


def test_kinks_that_are_left_out_cost_accuracy():
    """And not much of it: a thousandth, of a butterfly."""
    pays = lambda price: np.maximum(10.0 - np.abs(price - 100.0), 0.0)
    terms = pays, 100.0, 0.2, 0.05, np.arange(1, 11) / 10
    exact = pricers.bermudan(*terms, kinks=[90.0, 100.0, 110.0])
    assert pricers.bermudan(*terms, kinks=[90.0, 95.0, 100.0, 110.0, 111.0]) == near(exact, 100.0)
    assert 1e-6 < abs(pricers.bermudan(*terms) / exact - 1) < 1e-3


def test_butterfly_is_three_calls():
    terms = 100.0, 0.2, 0.05, 1.0
    butterfly = pricers.bermudan(lambda price: np.maximum(10.0 - np.abs(price - 95.0), 0.0), *terms[:3], [1.0], kinks=[85.0, 95.0, 105.0])
    calls = [pricers.european("call", 100.0, strike, 0.2, 0.05, 1.0) for strike in (85.0, 95.0, 105.0)]
    assert butterfly == near(calls[0] - 2 * calls[1] + calls[2], 100.0)


def test_exchange():
    """Against the tree of two assets, and against Black and Scholes where the second doesn't move."""
    exchange = lambda prices: np.maximum(prices[..., 0] - prices[..., 1], 0.0)
    tree = reference.binomial_two_assets(exchange, [40.0, 38.0], [0.3, 0.2], 0.4, 0.05, 1.0, 1, 300, [0.02, 0.04])
    assert pricers.exchange((40.0, 38.0), (0.3, 0.2), 0.4, 1.0, (0.02, 0.04)) == pytest.approx(tree, rel=2e-3)
    for kind in ("put", "call"):
        expected = reference.black_scholes(kind, 36.0, 40.0, 0.2, 0.06, 1.0, 0.01)
        assert pricers.european(kind, 36.0, 40.0, 0.2, 0.06, 1.0, 0.01) == pytest.approx(float(expected), rel=1e-13)


def test_geometric_mean():
    """Mean and variance of the mean's logarithm on simulated unequal assets; of one asset it is the asset; with two, the tree's put."""
    spot, volatility, dividend = np.array([90.0, 100.0, 120.0]), np.array([0.2, 0.3, 0.5]), np.array([0.0, 0.03, 0.01])
    correlation = np.array([[1.0, 0.5, 0.2], [0.5, 1.0, -0.3], [0.2, -0.3, 1.0]])
    normals = np.random.default_rng(0).normal(size=(200_000, 3)) @ np.linalg.cholesky(correlation).T
    logs = (np.log(spot) + 0.05 - dividend - volatility**2 / 2 + volatility * normals).mean(axis=1)
    one, sigma, carry = pricers.geometric(spot, volatility, dividend, correlation)
    assert logs.mean() == pytest.approx(np.log(one) + 0.05 - carry - sigma**2 / 2, abs=4 * sigma / 200_000**0.5)
    assert logs.std() == pytest.approx(sigma, rel=0.01)
    assert pricers.geometric(36.0, 0.2, 0.03, assets=1) == pytest.approx((36.0, 0.2, 0.03))
    pays = lambda prices: np.maximum(100.0 - np.sqrt(prices[..., 0] * prices[..., 1]), 0.0)
    tree = reference.binomial_two_assets(pays, [90.0, 110.0], [0.2, 0.4], 0.5, 0.05, 1.0, 1, 300)
    assert pricers.geometric_put([90.0, 110.0], 100.0, [0.2, 0.4], 0.05, 1.0, correlation=0.5) == pytest.approx(tree, rel=2e-3)


def test_max_call():
    """One asset is a call; two are the tree's; many are what sampling says; a strike of next to nothing leaves the mean."""
    for strike, deviation in ((60.0, 0.2), (100.0, 0.2), (200.0, 0.2), (100.0, 3.0), (100.0, 0.01)):
        expected = pricers.european("call", 100.0, strike, deviation, 0.05, 1.0, 0.1)
        assert pricers.max_call(1, 100.0, strike, deviation, 0.05, 1.0, 0.1) == pytest.approx(expected, abs=1e-8)
    tree = reference.binomial_two_assets(lambda prices: np.maximum(prices.max(axis=-1) - 100.0, 0.0), 90.0, 0.2, 0.0, 0.05, 3.0, 1, 300, 0.1)
    assert pricers.max_call(2, 90.0, 100.0, 0.2, 0.05, 3.0, 0.1) == pytest.approx(tree, rel=2e-3)
    normals = np.random.default_rng(0).normal(size=(200_000, 20)).max(axis=1)
    pays = np.exp(-0.05) * np.maximum(100.0 * np.exp(0.05 - 0.045 + 0.3 * normals) - 150.0, 0.0)
    assert pricers.max_call(20, 100.0, 150.0, 0.3, 0.05, 1.0) == pytest.approx(pays.mean(), abs=4 * pays.std() / 200_000**0.5)
    low = np.exp(-0.05) * (100.0 * np.exp(0.05 - 0.02 + 0.2 * np.random.default_rng(1).normal(size=(200_000, 5)).max(axis=1)) - 1.0).mean()
    assert pricers.max_call(5, 100.0, 1.0, 0.2, 0.05, 1.0) == pytest.approx(low, rel=2e-3)


# --- The sixty options that the pricer is measured on.


def test_sixty_rows_cover_what_they_are_to_cover():
    rows = sixty.ROWS
    assert len(rows) == 60 and len({row.name for row in rows}) == 60
    each = lambda value: np.ravel(value)
    last = [row.times[-1] for row in rows]
    deviations = [each(row.volatility).max() * time**0.5 for row, time in zip(rows, last)]
    assert min(each(row.volatility).min() for row in rows) == 0.001 and max(each(row.volatility).max() for row in rows) >= 1.5
    assert min(last) <= 1 / 365 and max(last) == 30.0 and 6.0 < max(deviations) ** 2 < 10.01
    assert min(row.rate for row in rows) == -0.05 and max(row.rate for row in rows) == 0.1
    assert {row.assets for row in rows} >= {1, 2, 3, 5, 20, 50, 100} and {len(row.times) for row in rows} >= {1, 2, 10, 50}
    assert {row.kind for row in rows} == set(sixty.PAYOFFS) and {row.price_paths for row in rows} == {100, 400, 1000, 20_000}
    assert sum(not row.equally_spaced for row in rows) >= 5 and any(row.times[0] == 0.0 for row in rows)


@pytest.mark.parametrize("row", sixty.ROWS, ids=lambda row: row.name)
def test_stored_references(row):
    assert row.reference == pytest.approx(sixty.recompute(row), rel=1e-6)
    assert row.reference > 0.0
