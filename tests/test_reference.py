"""What prices are held against is itself held against published values and the tables' own columns."""

import math
import warnings
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pricers
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from course_utils import payoffs, reference

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


# --- Where the tree of Cox, Ross and Rubinstein isn't right, another is: held against quadrature.


def quadrature(kind, spot, strike, volatility, rate, maturity, dates, dividend=0.0):
    """A put or a call by ``pricers.bermudan``, within 1e-8."""
    sign = -1.0 if kind == "put" else 1.0
    times = maturity * np.arange(1, dates + 1) / dates
    return pricers.bermudan(lambda price: np.maximum(sign * (price - strike), 0.0), spot, volatility, rate, times, dividend, [strike])


def plain_tree(kind, spot, strike, volatility, rate, maturity, steps, dates, dividend=0.0):
    """Cox, Ross and Rubinstein's price as one would write it, and their probability of a rise."""
    sign, dt = -1.0 if kind == "put" else 1.0, maturity / steps
    up = np.exp(volatility * np.sqrt(dt))
    rise = (np.exp((rate - dividend) * dt) - 1 / up) / (up - 1 / up)
    values = np.maximum(sign * (spot * up ** np.arange(-steps, steps + 1, 2.0) - strike), 0.0)
    for step in reversed(range(steps)):
        values = np.exp(-rate * dt) * (rise * values[1:] + (1 - rise) * values[:-1])
        if step and step % (steps // dates) == 0:
            values = np.maximum(values, sign * (spot * up ** np.arange(-step, step + 1, 2.0) - strike))
    return values[0], rise


CALM = [  # kind, spot, strike, volatility, rate, maturity, dates, dividend, steps: little volatility for so much carry
    ("put", 7.8, 7.9, 0.003, 0.05, 1.0, 12, 0.0, 120),
    ("put", 7.8, 7.9, 0.003, 0.05, 1.0, 1, 0.0, 120),
    ("call", 100.0, 100.0, 0.001, 0.10, 30.0, 3, 0.0, 30),
    ("call", 100.0, 99.0, 0.004, -0.05, 2.0, 4, 0.03, 100),
    ("call", 50.0, 49.0, 0.01, 0.01, 1.0, 10, 0.12, 50),
    ("put", 50.0, 51.0, 0.01, -0.03, 1.0, 10, -0.10, 50),
    ("put", 100.0, 102.0, 0.02, 0.30, 0.5, 5, 0.0, 10),
    ("call", 20.0, 20.0, 0.05, 1.0, 1.0, 2, 0.0, 4),
    ("put", 100.0, 95.0, 0.1, -1.0, 1.0, 6, 0.5, 60),
]


@pytest.mark.parametrize("row", CALM, ids=lambda row: f"{row[0]}-{row[3]}-{row[4]}-{row[7]}-{row[8]} steps")
def test_binomial_where_volatility_is_low(row):
    """There the plain tree has a probability outside 0 to 1, or close to it; ours is off by what any tree of so many steps is off."""
    kind, spot, strike, volatility, rate, maturity, dates, dividend, steps = row
    price, (times, boundary) = reference.binomial(*row[:6], steps=steps, dates=dates, dividend=dividend)
    assert not reference.TRUSTED[0] <= plain_tree(*row[:6], steps, dates, dividend)[1] <= reference.TRUSTED[1]
    expected = quadrature(*row[:7], dividend)
    assert price == pytest.approx(expected, rel=1e-9, abs=strike * volatility * np.sqrt(maturity) / steps)
    assert len(times) == len(boundary) == dates and boundary[-1] == strike


@pytest.mark.parametrize("steps", [60, 200, 1000, 4000])
def test_a_probability_near_1_loses_variance(steps):
    """At the forward, where variance is all there is to a price, and p falls from outside 0 to 1 toward ½: within 1/steps."""
    row = ("put", 100.0, 100.0 * np.exp(0.05), 0.006, 0.05, 1.0)
    expected = quadrature(*row, 1)
    assert reference.binomial(*row, steps=steps, dates=1)[0] == pytest.approx(expected, rel=1 / steps)
    price, rise = plain_tree(*row, steps, 1)
    assert abs(price / expected - 1) > min(0.01, 1 / steps) and rise > 0.55


def test_the_trees_meet():
    """On both sides of ``TRUSTED``, each within its error of the quadrature: nothing jumps."""
    for rate in (0.1005, 0.1025):
        row, steps = ("call", 100.0, 100.0, 0.05, rate, 1.0), 400
        assert (plain_tree(*row, steps, 4)[1] > reference.TRUSTED[1]) == (rate > 0.1015)
        assert reference.binomial(*row, steps=steps, dates=4)[0] == pytest.approx(quadrature(*row, 4), abs=2.5 / steps)


@given(
    kind=st.sampled_from(["put", "call"]),
    spot=st.floats(20.0, 200.0),
    volatility=st.floats(0.1, 1.5),
    rate=st.floats(-0.05, 0.1),
    dividend=st.floats(-0.05, 0.1),
    maturity=st.floats(0.01, 5.0),
)
@settings(max_examples=40, deadline=None, derandomize=True)
def test_elsewhere_the_tree_is_the_plain_one(kind, spot, volatility, rate, dividend, maturity):
    expected, rise = plain_tree(kind, spot, 100.0, volatility, rate, maturity, 60, 4, dividend)
    price, _ = reference.binomial(kind, spot, 100.0, volatility, rate, maturity, steps=60, dates=4, dividend=dividend)
    if reference.TRUSTED[0] <= rise <= reference.TRUSTED[1]:
        assert price == pytest.approx(expected, rel=1e-12, abs=1e-12)
    exact = quadrature(kind, spot, 100.0, volatility, rate, maturity, 4, dividend)
    assert price == pytest.approx(exact, abs=1.2 * max(spot, 100.0) * volatility * np.sqrt(maturity) / 60)


# --- Limits.


@pytest.mark.parametrize("still", [dict(volatility=0.0), dict(maturity=0.0), dict(volatility=1e-200), dict(maturity=1e-300)])
@pytest.mark.parametrize("rate, dividend", [(0.05, 0.0), (-0.03, 0.02), (0.02, 0.02)])
def test_nothing_left_to_chance(still, rate, dividend):
    """The discounted forward above the strike, or below it; at the forward too, where a formula divides 0 by 0."""
    terms = dict(volatility=0.2, maturity=2.0, rate=rate, dividend=dividend) | still
    spot = np.array([80.0, 100.0, 100.0 * np.exp((dividend - rate) * terms["maturity"]), 120.0])
    ahead = spot * np.exp(-dividend * terms["maturity"]) - 100.0 * np.exp(-rate * terms["maturity"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        call, put = (reference.black_scholes(kind, spot, 100.0, **terms) for kind in ("call", "put"))
    np.testing.assert_allclose(call, np.maximum(ahead, 0.0), atol=1e-12)
    np.testing.assert_allclose(put, np.maximum(-ahead, 0.0), atol=1e-12)


@pytest.mark.parametrize("deviation", [1e-3, 1e-2, 0.5, 3.0, 10.0])
@pytest.mark.parametrize("strike", [50.0, 99.0, 101.0, 400.0])
def test_black_scholes_against_quadrature(deviation, strike):
    for kind in ("put", "call"):
        terms = kind, 100.0, strike, deviation / 2, 0.03
        expected = quadrature(*terms, 4.0, 1, 0.01)
        assert reference.black_scholes(*terms, 4.0, dividend=0.01) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_far_ends():
    """What float64 holds is priced: spots and strikes far apart, and more volatility than any asset has."""
    assert reference.black_scholes("call", 1e300, 1e-300, 0.2, 0.05, 1.0) == 1e300
    assert reference.black_scholes("put", 1e-300, 1e300, 0.2, 0.0, 1.0) == 1e300
    assert reference.black_scholes("call", 1.0, 1.0, 1e150, 0.0, 1.0) == 1.0
    assert reference.black_scholes("put", 1.0, 1.0, 0.2, 1e5, 1.0) == 0.0
    assert reference.binomial("put", 1e300, 1e300, 0.2, 0.05, 1.0, steps=10)[0] > 1e298
    np.testing.assert_array_equal(reference.normal_distribution([-np.inf, np.inf, 50.0]), [0.0, 1.0, 1.0])


def test_float64_whatever_comes_in():
    """Floats of 16 and 32 bits, integers of any length: computed and returned in float64, not in what came in."""
    expected = reference.black_scholes("put", 36.0, 40.0, 0.25, 0.0625, 1.0)
    for array in (partial(np.array, dtype=np.float32), jnp.asarray, partial(jnp.asarray, dtype=jnp.bfloat16), np.float16):
        price = reference.black_scholes("put", array(36.0), array(40.0), array(0.25), array(0.0625), 1)
        assert isinstance(price, np.float64) and price == expected
    assert reference.black_scholes("put", 2**70, 2**70, 0.25, 0, 1) == pytest.approx(2**70 * reference.black_scholes("put", 1, 1, 0.25, 0, 1))
    assert reference.binomial("put", np.float32(36), np.int64(40), 0.25, 0.0625, 1, steps=np.int64(50))[0] == (
        reference.binomial("put", 36.0, 40.0, 0.25, 0.0625, 1.0, steps=50)[0]
    )


# --- Bad input.

ONE = dict(kind="put", spot=36.0, strike=40.0, volatility=0.2, rate=0.06, maturity=1.0, dividend=0.0)
TWO = dict(payoff=lambda prices: prices[..., 0], spot=[36.0, 40.0], volatility=0.2, correlation=0.3, rate=0.06, maturity=1.0,
           dates=2, steps=4, dividend=0.0)  # fmt: skip
FUNCTIONS = {"black_scholes": ONE, "binomial": ONE | dict(steps=10, dates=5), "binomial_two_assets": TWO}
NO_NUMBERS = ["36", b"36", None, True, 1j, [1.0, [2.0]], object(), {}, lambda: 1.0, np.array("a"), np.array([True, False])]
NO_FLOATS = [math.nan, math.inf, -math.inf, np.float32("nan"), 10**400, [1.0, math.nan]]
NEVER = [-1.0, -1e-300, -3, np.array(-1.0), jnp.asarray(-1.0)]
COUNTS = [0, -5, 2.0, "3", True, np.True_, math.nan, [1], 1.5, np.float64(4)]


def refused(function, **arguments):
    """The message with which a function refuses its arguments, and warns of nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises((TypeError, ValueError)) as caught:
            getattr(reference, function)(**FUNCTIONS[function] | arguments)
    assert "; expected " in str(caught.value) or "try steps=" in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("name", ["spot", "strike", "volatility", "rate", "maturity", "dividend", "correlation", "steps", "dates"])
def test_bad_numbers_are_refused_by_name(function, name):
    if name not in FUNCTIONS[function]:
        return
    bad = NO_NUMBERS + NO_FLOATS
    if name in ("spot", "strike", "volatility", "maturity"):
        bad = bad + NEVER
        bad = bad + ([0.0, -0.0] if function != "black_scholes" or name in ("spot", "strike") else [])
    elif name == "correlation":
        bad = bad + [-1.0, 1.0, 1.5, -2, [0.1, 0.2]]
    elif name in ("steps", "dates"):
        bad = COUNTS + ([None] if (function, name) != ("binomial", "dates") else [])
    for value in bad:
        assert refused(function, **{name: value}).startswith(name), value


@pytest.mark.parametrize("name", ["spot", "strike", "volatility", "rate", "maturity", "dividend"])
def test_the_tree_takes_one_number(name):
    for value in ([36.0], [36.0, 40.0], np.ones((1, 1)), []):
        assert refused("binomial", **{name: value}).startswith(f"{name} has shape {np.shape(value)}")
    for value in ([36.0], [36.0] * 3, np.ones((2, 1))):
        if name in TWO:
            assert refused("binomial_two_assets", **{name: value}).startswith(f"{name} has shape {np.shape(value)}")


@given(st.data())
@settings(max_examples=300, deadline=None, derandomize=True)
def test_a_price_or_a_refusal(data):
    """Whatever the floats: a finite price within its bounds, or a ValueError. Nothing warns."""
    floats = st.floats() | st.floats(-10.0, 10.0) | st.floats(1e-3, 200.0)
    terms = {name: data.draw(floats, name) for name in ("spot", "strike", "volatility", "rate", "maturity", "dividend")}
    kind, steps = data.draw(st.sampled_from(["put", "call"])), data.draw(st.integers(1, 30))
    pays = lambda prices: np.maximum(terms["strike"] - prices.min(axis=-1), 0.0)
    two = {name: value for name, value in terms.items() if name != "strike"} | dict(correlation=data.draw(st.floats(-1.5, 1.5)))
    prices = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for function in (
            lambda: reference.black_scholes(kind, **terms),
            lambda: reference.binomial(kind, **terms, steps=steps, dates=steps)[0],
            lambda: reference.binomial_two_assets(pays, **two, dates=1, steps=steps),
        ):
            try:
                prices.append(function())
            except ValueError as error:
                assert "expected" in str(error)
                prices.append(None)
    for price in (price for price in prices if price is not None):
        assert np.isfinite(price) and price >= 0.0
    if prices[0] is not None:
        held, carry = ("strike", "rate") if kind == "put" else ("spot", "dividend")
        assert prices[0] <= terms[held] * math.exp(-terms[carry] * terms["maturity"]) * (1 + 1e-12)


@given(x=st.floats() | st.text() | st.booleans() | st.none() | st.complex_numbers())
@example(x=math.nan)
@settings(deadline=None, derandomize=True)
def test_normal_distribution_takes_numbers(x):
    if type(x) is float and not math.isnan(x):
        assert 0.0 <= reference.normal_distribution(x) <= 1.0
        assert reference.normal_distribution(x) + reference.normal_distribution(-x) == pytest.approx(1.0, abs=1e-15)
    else:
        with pytest.raises((TypeError, ValueError), match="^x is .*; expected a number"):
            reference.normal_distribution(x)
    assert reference.normal_distribution(np.zeros((2, 0))).shape == (2, 0)


@pytest.mark.parametrize(
    "function, terms",
    [
        ("black_scholes", dict(dividend=-1e3)),  # the forward
        ("black_scholes", dict(rate=-800.0)),  # the discounted strike
        ("black_scholes", dict(volatility=1e200, maturity=1e300)),
        ("black_scholes", dict(spot=np.array([36.0, 1e308]), dividend=-5.0)),  # one of two
        ("binomial", dict(volatility=10.0, steps=6000, dates=1)),  # spot·upⁿ is e^775
        ("binomial", dict(volatility=10.0, steps=5000, dates=None)),  # and here e^707, times 36
        ("binomial", dict(rate=900.0)),
        ("binomial", dict(dividend=900.0)),
        ("binomial", dict(rate=-400.0, dividend=-1.0)),  # of prices e^-400 times discounts e^400 nothing is left
        ("binomial", dict(spot=1e-310)),
        ("binomial", dict(strike=1e308, rate=-1.0)),
        ("binomial", dict(rate=1e308, dividend=-1e308)),
        ("binomial_two_assets", dict(volatility=[0.2, 1e4])),
        ("binomial_two_assets", dict(spot=[1.0, 1e308])),
        ("binomial_two_assets", dict(rate=-800.0)),
        ("binomial_two_assets", dict(rate=1e308, dividend=-1e308)),
    ],
)
def test_overflow_is_refused(function, terms):
    message = refused(function, **terms)
    assert all(f"{name} is " in message for name in terms if name != "dates") and "e308" in message


def test_shapes_that_do_not_broadcast():
    message = refused("black_scholes", spot=np.ones(3), strike=np.ones((2, 2)))
    assert message.startswith("shapes are spot (3,), strike (2, 2), volatility ()")


@pytest.mark.parametrize("kind", ["straddle", "Put", "", None, 1, ["put"], np.array(["put", "call"]), {}, b"put"])
def test_kinds_that_are_none(kind):
    for function in ("black_scholes", "binomial"):
        assert refused(function, kind=kind).startswith(f"kind is {kind!r}")


@pytest.mark.parametrize(
    "payoff, words",
    [
        (np.min, r"payoff maps prices \(3, 4, 2\) to \(\)"),
        (lambda prices: prices, r"to \(3, 4, 2\)"),
        (lambda prices: prices.max(axis=0), r"to \(4, 2\)"),
        (lambda prices: prices.sum(axis=-1, keepdims=True), r"to \(3, 4, 1\)"),
        (lambda prices: prices[..., 0].T, r"to \(4, 3\)"),
        (lambda prices: prices[..., 0] > 36.0, "payoff yields bool"),
        (lambda prices: None, "payoff yields object"),
        (lambda prices: prices[..., 0] + 1j, "payoff yields complex128"),
        (lambda prices: np.log(prices[..., 0] - 35.9), "payoff yields nan at prices"),  # below 35.9
        (lambda prices: np.log(prices[..., 1] * 0.0), "payoff yields -inf at prices"),  # minus infinity
        (40.0, "payoff is 40.0"),
        (None, "payoff is None"),
        ("put", "payoff is 'put'"),
    ],
)
def test_payoffs_that_are_refused(payoff, words):
    with np.errstate(all="ignore"), pytest.raises((TypeError, ValueError), match=words + ".*; expected"):
        reference.binomial_two_assets(**TWO | dict(payoff=payoff))


def test_a_traced_number_is_refused():
    with pytest.raises(TypeError, match="spot is .*; expected a finite number"):
        jax.jit(lambda spot: reference.binomial(**ONE | dict(spot=spot), steps=10)[0])(36.0)


@pytest.mark.parametrize("name", [["course_puts"], 3, np.array(["course_puts"] * 2), b"course_puts", {}])
def test_names_that_are_none(name):
    with pytest.raises(ValueError, match="name is .*course_puts"):
        reference.table(name)


def test_two_assets_with_little_volatility_and_much_carry():
    """No probability depends on the rate: a put on either asset is that asset's own, where the plain tree on one fails."""
    for rate in (0.3, -0.3):
        terms = dict(spot=[100.0, 60.0], volatility=[0.02, 0.5], correlation=-0.7, rate=rate, maturity=1.0, dates=4, steps=40)
        price = reference.binomial_two_assets(lambda prices: np.maximum(105.0 - prices[..., 0], 0.0), **terms)
        assert price == pytest.approx(quadrature("put", 100.0, 105.0, 0.02, rate, 1.0, 4), rel=0.01, abs=0.02)


def test_two_assets_signed_payoff():
    """40 less the price, exercised at a loss if never before; and the course's payoffs, which compute in float32."""
    terms = TWO | dict(steps=200, dates=10)
    price = reference.binomial_two_assets(**terms | dict(payoff=lambda prices: 40.0 - prices[..., 0]))
    times = np.arange(1, 11) / 10
    assert price == pytest.approx(pricers.bermudan(lambda price: 40.0 - price, 36.0, 0.2, 0.06, times), rel=1e-3)
    minimum = lambda prices: np.maximum(40.0 - prices.min(axis=-1), 0.0)
    ours = reference.binomial_two_assets(**terms | dict(payoff=payoffs.min_put(40.0)))
    assert ours == pytest.approx(reference.binomial_two_assets(**terms | dict(payoff=minimum)), rel=1e-5)
