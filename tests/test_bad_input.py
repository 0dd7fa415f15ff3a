"""Bad input is refused before anything is simulated, by an error that names the argument and its value."""

import re
from dataclasses import dataclass, replace
from functools import partial

import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings

from course_utils import lsmc, payoffs, regressors, simulate

NAN, INF = float("nan"), float("inf")
MARKET = simulate.BlackScholes(36.0, 0.2, 0.06)
OPTION = lsmc.Bermudan(payoffs.put(40.0), 1.0, 3)
MIN_PUT = lsmc.Bermudan(payoffs.min_put(40.0), 1.0, 3)
PAIR = simulate.BlackScholes([36.0, 40.0], [0.2, 0.3], 0.06, correlation=[[1.0, 0.5], [0.5, 1.0]])
TRIPLE = simulate.BlackScholes([36.0, 40.0, 44.0], 0.2, 0.06)
CUBIC = regressors.Polynomial(degree=3)
fast = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def price(
    market=MARKET, option=OPTION, *, key=jax.random.key(0), regressor=CUBIC, fit_paths=200, price_paths=200, **others
):
    return lsmc.price(
        market, option, key=key, regressor=regressor, fit_paths=fit_paths, price_paths=price_paths, **others
    )


@pytest.fixture
def refused(monkeypatch):
    """A function that calls `price` with bad input and demands the error, and that nothing was simulated before it."""

    def forbidden(*_, **__):
        pytest.fail("the simulation had begun")

    normal = jax.random.normal

    def normal_in_traces(key, *arguments, **keywords):  # tracing the payoff for its shape computes nothing
        assert isinstance(key, jax.core.Tracer), "random numbers were drawn"
        return normal(key, *arguments, **keywords)

    monkeypatch.setattr(lsmc, "fit", forbidden)
    monkeypatch.setattr(lsmc, "evaluate", forbidden)
    monkeypatch.setattr(jax.random, "normal", normal_in_traces)

    def call(error, name, value="", **arguments):
        with pytest.raises(error) as caught:
            price(**arguments)
        assert type(caught.value) is error
        message = str(caught.value)
        assert re.search(rf"\b{name}\b", message), message
        assert value in message, message
        assert "expected" in message or "use " in message, message  # and says what would do

    return call


NO_NUMBER = [
    "36",
    "",
    b"36",
    None,
    True,
    False,
    object(),
    1j,
    [36.0, "a"],
    [[36.0], [1.0, 2.0]],
    np.array([True]),
    {"a": 1},
]
NOT_FINITE = [NAN, INF, -INF, np.float32(NAN), [36.0, NAN], np.array([INF]), 1e300]
NOT_POSITIVE = [0, 0.0, -1, -0.2, [0.2, -0.1], np.array([0.0]), 1e-300]
OF_MARKET = (
    [(field, value, TypeError) for field in ("spot", "volatility", "rate", "dividend") for value in NO_NUMBER]
    + [(field, value, ValueError) for field in ("spot", "volatility", "dividend") for value in NOT_FINITE]
    + [("rate", value, ValueError) for value in (NAN, INF, 1e300, [0.06], np.array([[0.06]]), [])]
    + [(field, value, ValueError) for field in ("spot", "volatility") for value in NOT_POSITIVE]
    + [(field, value, ValueError) for field in ("spot", "volatility", "dividend") for value in ([], np.ones((2, 2)))]
)


@pytest.mark.parametrize("field, value, error", OF_MARKET, ids=lambda value: re.sub(r" at 0x\w+", "", repr(value))[:20])
def test_market(refused, field, value, error):
    shown = repr(value) if np.ndim(value if isinstance(value, (int, float)) else [0]) == 0 else ""
    refused(error, field, shown, market=replace(MARKET, **{field: value}))


@pytest.mark.parametrize(
    "correlation, error, value",
    [
        ([[1.0, 0.5], [0.4, 1.0]], ValueError, "is 0.5"),  # asymmetric
        ([[1.0, 0.5], [0.5, 0.9]], ValueError, "correlation[1, 1] is 0.9"),
        ([[0.04, 0.01], [0.01, 0.09]], ValueError, "covariances"),
        ([[1.0, 1.5], [1.5, 1.0]], ValueError, "is 1.5"),
        ([[1.0, 1.0], [1.0, 1.0]], ValueError, "eigenvalue"),
        ([[1.0, NAN], [NAN, 1.0]], ValueError, "nan"),
        ([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], ValueError, "(2, 3)"),
        ([1.0, 0.5], ValueError, "(2,)"),
        (0.5, ValueError, "()"),
        (np.eye(3), ValueError, "correlation 3"),  # for two assets
        ([[1.0]], ValueError, "correlation 1"),
        ("0.5", TypeError, "'0.5'"),
        (True, TypeError, "True"),
        ([["1", "0"], ["0", "1"]], TypeError, "'1'"),
    ],
)
def test_correlation(refused, correlation, error, value):
    market = replace(PAIR, correlation=correlation)
    refused(error, "correlation", value, market=market, option=MIN_PUT)


def test_correlations_that_do_not_fit_together(refused):
    """Each pair may be so, but not all three at once."""
    matrix = np.array([[1.0, 0.9, -0.9], [0.9, 1.0, 0.9], [-0.9, 0.9, 1.0]])
    refused(ValueError, "correlation", "-8.0e-01", market=replace(TRIPLE, correlation=matrix), option=MIN_PUT)


@pytest.mark.parametrize("changes", [{"volatility": [0.2, 0.2, 0.2]}, {"spot": [36.0]}, {"dividend": [0.0, 0.0, 0.1]}])
def test_lengths(refused, changes):
    ((field, value),) = changes.items()
    refused(ValueError, field, f"{field} {len(value)}", market=replace(PAIR, **changes), option=MIN_PUT)


OF_OPTION = (
    [("dates", value, ValueError) for value in (0, -1)]
    + [
        ("dates", value, TypeError)
        for value in (3.0, "3", None, True, NAN, np.float64(3), np.array(3.0), np.array([3]), [3])
    ]
    + [("maturity", value, ValueError) for value in (0, -1.0, NAN, INF, [1.0], 1e300)]
    + [("maturity", value, TypeError) for value in ("1", None, True)]
    + [("payoff", value, TypeError) for value in (None, 40.0, "put", jnp.ones(3))]
    + [
        ("payoff", value, ValueError)
        for value in (lambda p: p, lambda p: 1.0, lambda p: p.sum(), lambda p: (p[..., 0], 1), payoffs.put)
    ]
    + [("payoff", value, TypeError) for value in (lambda p: p[..., 0] < 40.0, lambda p: jnp.int32(p[..., 0]))]
)


@pytest.mark.parametrize("field, value, error", OF_OPTION, ids=lambda value: re.sub(r" at 0x\w+", "", repr(value))[:20])
def test_option(refused, field, value, error):
    refused(
        error, field, "" if callable(value) or isinstance(value, list) else repr(value), option=replace(OPTION, **{field: value})
    )


@pytest.mark.parametrize(
    "strike, error",
    [
        (0.0, ValueError),
        (-40, ValueError),
        (NAN, ValueError),
        ([40.0], ValueError),
        ("40", TypeError),
        (None, TypeError),
    ],
)
def test_strike(refused, strike, error):
    refused(error, "strike", option=replace(OPTION, payoff=payoffs.put(strike)))


@pytest.mark.parametrize("kind", ["put", "call"])
def test_one_asset_payoff_on_three(refused, kind):
    refused(
        ValueError,
        f"payoffs.{kind}",
        "prices have 3",
        market=TRIPLE,
        option=replace(OPTION, payoff=getattr(payoffs, kind)(40.0)),
    )


@pytest.mark.parametrize("name", ["fit_paths", "price_paths"])
@pytest.mark.parametrize(
    "value, error",
    [(value, ValueError) for value in (0, 2, 98, 101, -100)]
    + [(value, TypeError) for value in (1e5, "1000", True, NAN, jnp.array(1000.0), np.array([1000]))],
)
def test_paths(refused, name, value, error):
    refused(error, name, repr(value), **{name: value})


def test_no_number_of_paths_to_price_on(refused):
    """Of those to learn from None takes the default."""
    refused(TypeError, "price_paths", "None", price_paths=None)


@pytest.mark.parametrize(
    "key",
    [0, None, "key", np.uint32(0), jax.random.PRNGKey(0), jax.random.split(jax.random.key(0)), np.zeros(2, np.uint32)],
    ids=repr,
)
def test_key(refused, key):
    refused(TypeError, "key", "jax.random.key(0)", key=key)


class Unregistered(simulate.BlackScholes):
    """A subclass is not registered as a pytree, so jax wouldn't know its numbers."""


class Half:
    init = predict = simulate = lambda self: None
    __repr__ = lambda self: "Half()"


@pytest.mark.parametrize(
    "market",
    [None, 36.0, {}, Half(), payoffs.put(40.0), simulate.BlackScholes, Unregistered(36.0, 0.2, 0.06)],
    ids=repr,
)
def test_no_market(refused, market):
    refused(TypeError, "market", repr(market), market=market)


@pytest.mark.parametrize(
    "regressor", [None, "network", Half(), regressors.Network, CUBIC.fit], ids=lambda value: repr(value)[:30]
)
def test_no_regressor(refused, regressor):
    refused(TypeError, "regressor", repr(regressor), regressor=regressor)


@pytest.mark.parametrize("option", [None, payoffs.put(40.0), {"dates": 3}, lsmc.Bermudan], ids=repr)
def test_no_option(refused, option):
    refused(TypeError, "option", repr(option), option=option)


@pytest.mark.parametrize("upper", [None, 1, 0, "yes", 0.5, np.True_], ids=repr)
def test_upper(refused, upper):
    refused(TypeError, "upper", repr(upper), upper=upper)


def test_no_restart_no_upper_bound(refused):
    class Market:
        simulate, prices, discount = MARKET.simulate, MARKET.prices, MARKET.discount

    refused(TypeError, "restart", "upper=True", market=Market(), upper=True)


# The same, with hypothesis


@fast
@example(value=-(10**30), field="spot")
@example(value=-(10**400), field="volatility")
@given(
    value=st.floats(max_value=0.0) | st.just(NAN) | st.integers(max_value=0),
    field=st.sampled_from(["spot", "volatility"]),
)
def test_whatever_is_not_positive(refused, value, field):
    refused(ValueError, field, repr(value), market=replace(MARKET, **{field: value}))
    refused(ValueError, field, market=replace(PAIR, **{field: [0.3, value]}), option=MIN_PUT)


@fast
@given(value=st.text() | st.binary() | st.none() | st.booleans() | st.lists(st.text(), min_size=1),
       field=st.sampled_from(["spot", "volatility", "rate", "dividend", "correlation"]))  # fmt: skip
def test_whatever_is_no_number(refused, value, field):
    if (field, value) != ("correlation", None):
        refused(TypeError, field, market=replace(MARKET, **{field: value}))


@fast
@given(lengths=st.tuples(*[st.integers(1, 4)] * 3).filter(lambda lengths: len(set(lengths)) > 1))
def test_whatever_lengths_differ(refused, lengths):
    values = {field: [0.2] * length for field, length in zip(("spot", "volatility", "dividend"), lengths)}
    refused(ValueError, "volatility", market=replace(MARKET, **values))


@fast
@given(entries=st.lists(st.floats(-1.5, 1.5), min_size=9, max_size=9))
def test_whatever_is_no_correlation(refused, entries):
    """Random entries are none; made symmetric with ones on the diagonal, they are one where the eigenvalues say so."""
    matrix = np.reshape(entries, (3, 3))
    if np.abs(matrix - matrix.T).max() > 1e-3 or np.abs(np.diag(matrix) - 1).max() > 1e-3:
        refused(ValueError, "correlation", market=replace(TRIPLE, correlation=matrix), option=MIN_PUT)
    matrix = np.where(np.eye(3), 1.0, (matrix + matrix.T) / 2)
    smallest = np.linalg.eigvalsh(matrix)[0]
    if smallest < 0:
        refused(ValueError, "correlation", market=replace(TRIPLE, correlation=matrix), option=MIN_PUT)
    elif smallest > 1e-3 and np.abs(matrix).max() <= 1:
        replace(TRIPLE, correlation=matrix).check()


@fast
@given(
    paths=st.integers(max_value=99) | st.integers(min_value=50).map(lambda n: 2 * n + 1),
    name=st.sampled_from(["fit_paths", "price_paths"]),
)
def test_whatever_paths_are_odd_or_few(refused, paths, name):
    refused(ValueError, name, str(paths), **{name: paths})


positive = st.floats(1e-30, 1e30) | st.floats(0.01, 100.0)


@settings(max_examples=100, deadline=None)
@given(
    spot=positive,
    strike=positive,
    volatility=st.floats(1e-6, 30.0),
    rate=st.floats(-2.0, 2.0),
    dividend=st.floats(-2.0, 2.0),
    maturity=st.floats(1e-4, 50.0),
)
@example(spot=1.0, strike=1.0, volatility=1.0, rate=-1.5, dividend=0.0, maturity=30.0)  # 3e19, whose square is too large for float32
def test_a_price_is_finite_or_none_comes_back(spot, strike, volatility, rate, dividend, maturity):
    """However extreme the numbers: a finite price, or a ValueError that says what happened."""
    market = simulate.BlackScholes(spot, volatility, rate, dividend)
    try:
        result = price(market, lsmc.Bermudan(payoffs.put(strike), maturity, 3))
    except ValueError as error:
        assert "NaN or infinity" in str(error)
    else:
        assert np.isfinite(result[:2]).all() and result.lower_stderr >= 0.0


# What shows only later is an error too, never a price


def test_a_payoff_that_yields_nan_at_some_path():
    market = simulate.BlackScholes(40.0, 0.2, 0.06)
    for bad in (jnp.nan, jnp.inf):
        payoff = lambda p: jnp.where(p[..., 0] < 25.0, bad, jnp.maximum(40.0 - p[..., 0], 0.0))
        with pytest.raises(ValueError, match="NaN or infinity came up: the payoff"):
            price(market, replace(OPTION, payoff=payoff), fit_paths=2000, price_paths=2000)


@dataclass(frozen=True)
class Broken(regressors.Polynomial):
    """Yields NaN above a price, which is what a fit gone wrong at one date looks like."""

    above: float = 45.0

    def predict(self, parameters, x):
        return jnp.where(x[:, 0] > self.above, jnp.nan, super().predict(parameters, x))


@pytest.mark.parametrize("above", [0.0, 45.0])
def test_a_regressor_that_yields_nan(above):
    with pytest.raises(ValueError, match="NaN or infinity came up: .*regressor"):
        price(regressor=Broken(above=above))


@partial(jax.tree_util.register_dataclass, data_fields=["spot"], meta_fields=[])
@dataclass(frozen=True)
class Leaky:
    """A market with NaN on a few paths."""

    spot: float

    def simulate(self, key, times, paths):
        normals = jax.random.normal(key, (times.shape[0], paths, 1))
        return self.spot * jnp.where(normals > 2.0, jnp.nan, jnp.exp(0.1 * normals))

    def prices(self, state):
        return state

    def discount(self, times):
        return jnp.ones_like(times)


def test_a_market_that_yields_nan():
    with pytest.raises(ValueError, match="NaN or infinity came up: the payoff, the market"):
        price(Leaky(36.0))


# What looks odd and is fine


def test_integers_and_arrays_are_accepted():
    market = simulate.BlackScholes(np.array([36, 40]), (1, 1), 0, [0, 0], np.eye(2, dtype=int))
    assert np.isfinite(
        price(market, lsmc.Bermudan(payoffs.min_put(np.int64(40)), 1, np.int32(3)), fit_paths=np.int64(200)).lower
    )
    for spot in (np.float16(36), np.uint8(36), jnp.bfloat16(36), jnp.int32(36), np.array(36.0)):
        replace(MARKET, spot=spot).check()


def test_dates_as_numbers_of_numpy():
    assert price(option=replace(OPTION, dates=np.int64(3))).lower == price().lower
