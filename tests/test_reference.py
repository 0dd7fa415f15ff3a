"""What prices are held against is itself held against published values and the tables' own columns."""

import numpy as np
import pytest

from course_utils import reference

PUTS = reference.table("course_puts")
ROWS = reference.table("longstaff_schwartz_2001_table1")
MAX_CALLS = [row for row in reference.table("becker_cheridito_jentzen_2019_max_call") if row["assets"] == 2]
TREE = 6e-4  # how far a tree of 5,000 steps is off, at most, on a price of some units; the columns have 4 places


def test_black_scholes_published():
    """J. Hull, Options, Futures, and Other Derivatives, example 15.6: 4.76 and 0.81."""
    arguments = dict(spot=42.0, strike=40.0, volatility=0.2, rate=0.1, maturity=0.5)
    assert reference.black_scholes("call", **arguments) == pytest.approx(4.76, abs=0.005)
    assert reference.black_scholes("put", **arguments) == pytest.approx(0.81, abs=0.005)


def test_put_call_parity():
    """Exact, up to float64; with a dividend, over a grid of spots and maturities at once."""
    spot, maturity = np.array([[20.0], [40.0], [90.0]]), np.array([0.1, 1.0, 7.0])  # (3, 1), (3,)
    call, put = (
        reference.black_scholes(kind, spot, 40.0, 0.3, 0.06, maturity, dividend=0.02) for kind in ("call", "put")
    )
    assert call.shape == (3, 3)
    np.testing.assert_allclose(
        call - put, spot * np.exp(-0.02 * maturity) - 40.0 * np.exp(-0.06 * maturity), atol=1e-12
    )


def test_normal_distribution():
    np.testing.assert_allclose(
        reference.normal_distribution([-1.959963985, 0.0, 1.0]), [0.025, 0.5, 0.8413447461], atol=1e-9
    )


@pytest.mark.parametrize("row", PUTS, ids=lambda row: f"{row['spot']:.0f}-{row['volatility']}")
def test_course_puts(row):
    arguments = ("put", row["spot"], 40.0, row["volatility"], 0.06, 1.0)
    assert reference.black_scholes(*arguments) == pytest.approx(row["european"], abs=6e-5)
    assert reference.binomial(*arguments)[0] == pytest.approx(row["american"], abs=TREE)
    assert reference.binomial(*arguments, dates=50)[0] == pytest.approx(row["bermudan50"], abs=TREE)
    assert reference.binomial(*arguments, dates=1)[0] == pytest.approx(row["european"], abs=TREE)


@pytest.mark.parametrize(
    "row", ROWS[::3], ids=lambda row: f"{row['spot']:.0f}-{row['volatility']}-{row['maturity']:.0f}"
)
def test_longstaff_schwartz(row):
    arguments = ("put", row["spot"], 40.0, row["volatility"], 0.06, row["maturity"])
    assert reference.binomial(*arguments)[0] == pytest.approx(row["american"], abs=TREE)
    assert reference.binomial(*arguments, dates=int(50 * row["maturity"]))[0] == pytest.approx(
        row["bermudan"], abs=TREE
    )


def test_binomial_call_with_dividend():
    """C(S, K, r, q) = P(K, S, q, r), within twice the tree's error. Without dividend a call waits."""
    call, _ = reference.binomial("call", 36.0, 40.0, 0.2, 0.02, 1.0, dividend=0.06)
    put, _ = reference.binomial("put", 40.0, 36.0, 0.2, 0.06, 1.0, dividend=0.02)
    assert call == pytest.approx(put, abs=2 * TREE)
    american = reference.binomial("call", 36.0, 40.0, 0.2, 0.06, 1.0)[0]
    assert american == pytest.approx(reference.black_scholes("call", 36.0, 40.0, 0.2, 0.06, 1.0), abs=TREE)


def test_boundary_of_a_put():
    """It rises to the strike, holds where exercise is worth as much as waiting, and a call's lies above the strike."""
    times, boundary = reference.binomial("put", 36.0, 40.0, 0.2, 0.06, 1.0, steps=1000, dates=10)[1]
    np.testing.assert_allclose(times, np.arange(1, 11) / 10)
    assert (np.diff(boundary) > -1e-9).all() and boundary[0] < 35.0 and boundary[-1] == 40.0
    for time, price in zip(times[:-1], boundary[:-1]):
        left = round((1.0 - time) * 10)
        waiting, _ = reference.binomial(
            "put", price, 40.0, 0.2, 0.06, 1.0 - time, steps=1000 // left * left, dates=left
        )
        spacing = 40.0 * 2 * 0.2 * np.sqrt(1 / 1000)  # of the tree's prices, which is how far the boundary may lie off
        assert abs(waiting - (40.0 - price)) < spacing
    _, boundary = reference.binomial("call", 36.0, 40.0, 0.2, 0.06, 1.0, steps=1000, dates=10, dividend=0.06)[1]
    assert (boundary[:-1] > 40.0).all()


@pytest.mark.parametrize("row", MAX_CALLS, ids=lambda row: f"{row['spot']:.0f}")
def test_two_assets_published(row):
    """Max-calls on two assets, 8.075, 13.902, 21.345 in the literature; with 360 steps within 0.05%."""
    price = reference.binomial_two_assets(
        lambda prices: np.maximum(prices.max(axis=-1) - 100.0, 0.0),
        row["spot"],
        0.2,
        0.0,
        0.05,
        3.0,
        9,
        360,
        dividend=0.1,
    )
    assert price == pytest.approx(row["literature"], rel=5e-4)


def test_two_assets_knows_one_asset():
    """A put on the first asset is the one-asset put, whatever the second does; exchanged assets exchange."""
    put_on = lambda asset: lambda prices: np.maximum(40.0 - prices[..., asset], 0.0)
    market = dict(correlation=0.6, rate=0.06, maturity=1.0, dates=10, steps=200)
    first = reference.binomial_two_assets(put_on(0), [36.0, 90.0], [0.2, 0.4], **market)
    second = reference.binomial_two_assets(put_on(1), [90.0, 36.0], [0.4, 0.2], **market)
    expected, _ = reference.binomial("put", 36.0, 40.0, 0.2, 0.06, 1.0, dates=10)
    assert first == pytest.approx(expected, rel=1e-3)  # 200 steps
    assert second == pytest.approx(expected, rel=1e-3)


def test_two_assets_correlation():
    """One date: the forward contract to exchange one asset for the other has a closed form (W. Margrabe, 1978)."""
    exchange = lambda prices: np.maximum(prices[..., 0] - prices[..., 1], 0.0)
    for correlation in (-0.5, 0.0, 0.8):
        price = reference.binomial_two_assets(
            exchange, [40.0, 38.0], [0.3, 0.2], correlation, 0.05, 1.0, 1, 200, dividend=[0.02, 0.04]
        )
        volatility = np.sqrt(0.3**2 + 0.2**2 - 2 * correlation * 0.3 * 0.2)
        expected = reference.black_scholes("call", 40.0, 38.0, volatility, 0.04, 1.0, dividend=0.02)
        assert price == pytest.approx(float(expected), rel=2e-3)  # 200 steps


def test_table_reads_numbers_text_and_blanks():
    assert len(ROWS) == 20 and len(PUTS) == 3 and len(MAX_CALLS) == 3
    assert ROWS[0] == {
        "spot": 36.0, "volatility": 0.2, "maturity": 1.0, "published_fd": 4.478, "published_simulated": 4.472,
        "bermudan": 4.4778, "american": 4.4867,
    }  # fmt: skip
    assert next(row for row in ROWS if row["spot"] == 42)["published_fd"] is None
    assert reference.table("becker_cheridito_jentzen_2019_max_call")[4]["literature"] == "26.115-26.164"


@pytest.mark.parametrize("name", reference.TABLES)
def test_every_table_reads(name):
    assert all(None not in row for row in reference.table(name))  # no row has more fields than there are columns


@pytest.mark.parametrize("name", ["nonsense", "", None, "../data/course_puts"])
def test_table_refuses(name):
    with pytest.raises(ValueError, match="name is .*course_puts"):
        reference.table(name)


def test_kind_is_refused():
    for price in (reference.black_scholes, reference.binomial):
        with pytest.raises(ValueError, match="kind is 'straddle'"):
            price("straddle", 36.0, 40.0, 0.2, 0.06, 1.0)


def test_dates_that_do_not_divide_the_steps():
    with pytest.raises(ValueError, match="dates is 7, which doesn't divide the 100 steps; try steps=105"):
        reference.binomial("put", 36.0, 40.0, 0.2, 0.06, 1.0, steps=100, dates=7)
    with pytest.raises(ValueError, match="dates is 9, which doesn't divide the 100 steps; try steps=108"):
        reference.binomial_two_assets(np.min, 36.0, 0.2, 0.0, 0.06, 1.0, 9, 100)
