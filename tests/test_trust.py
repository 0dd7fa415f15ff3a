"""The pricer's promises away from the course's own options: never high, an honest bar, any payoff, never worse than waiting.

References are closed forms and the quadrature pricer of `pricers.py`. Where there is nothing to decide, z has mean 0 and variance 1
if a bar is honest, and hundreds of seeds, mapped, tell by how much it is not: over 200 of them chance moves the mean by .07 and the
root mean square by .05, so the bounds, .5 and .8 to 1.25, are far outside chance and an honest bar keeps them.
"""

import warnings
from dataclasses import dataclass, replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pricers
import pytest

from course_utils import bounds, greeks, lsmc, payoffs, reference, regressors, simulate

CUBIC = regressors.Polynomial(degree=3)
few = partial(lsmc.price, regressor=CUBIC, fit_paths=1000, price_paths=1000)
MARKET, OPTION = simulate.BlackScholes(36.0, 0.2, 0.06), lsmc.Bermudan(payoffs.put(40.0), 1.0, 3)
PUT = lambda prices: np.maximum(40.0 - prices, 0.0)


def scores(market, option, expected, paths, seeds=200):
    """z of a European option over seeds (seeds,), some at once."""
    market, option, _ = lsmc.checked(market, option, jax.random.key(0), CUBIC)
    estimates = jax.jit(jax.vmap(lambda key: lsmc.evaluate.compiled(market, option, key, CUBIC, None, paths)))
    parts = [estimates(keys) for keys in jnp.split(jax.random.split(jax.random.key(7), seeds), 10)]
    mean, stderr, finite, _ = (np.concatenate(column) for column in zip(*parts))
    assert finite.all()
    return (mean - expected) / stderr


def honest(z) -> bool:
    return z.mean() <= 0.5 and 0.8 <= np.sqrt(np.mean(z**2)) <= 1.25


# Control variates


@pytest.mark.parametrize("paths", [100, 1000, 20_000])
@pytest.mark.parametrize("volatility, maturity", [(0.2, 1.0), (0.8, 10.0), (1.0, 2.0), (1.5, 1.1), (0.5, 30.0), (1.0, 10.0)])
def test_bar_whatever_the_variance(volatility, maturity, paths):
    """European, σ²T from .04 to 10. Fitted on the paths that they correct, multiples left a mean z of 10 and more."""
    for kind, strike in (("put", 1.1), ("call", 1.1), ("call", 0.9 + volatility**2 * maturity / 4)):
        expected = float(reference.black_scholes(kind, 1.0, strike, volatility, 0.01, maturity))
        option = lsmc.Bermudan(getattr(payoffs, kind)(strike), maturity, 1)
        assert honest(scores(simulate.BlackScholes(1.0, volatility, 0.01), option, expected, paths)), (kind, strike)


@pytest.mark.parametrize(
    "assets, paths, seeds",
    [(2, 100, 200), (10, 100, 200), (10, 1000, 200), (100, 400, 100)]
    + [pytest.param(100, 100, 100, marks=pytest.mark.slow), pytest.param(100, 4000, 60, marks=pytest.mark.slow)],
)
def test_more_controls_than_pairs(assets, paths, seeds):
    """A European put on the geometric mean: three controls an asset, also where paths are fewer."""
    expected = float(
        reference.black_scholes("put", 100.0, 100.0, 0.3 / assets**0.5, 0.05, 1.0, 0.045 * (1 - 1 / assets))
    )  # fmt: skip
    market, option = simulate.BlackScholes([100.0] * assets, 0.3, 0.05), lsmc.Bermudan(payoffs.geometric_put(100.0), 1.0, 1)
    z = scores(market, option, expected, paths, seeds)
    assert abs(z.mean()) <= 0.5 and honest(z)


def test_bermudan_puts_are_never_high():
    """With dates to decide at: σ²T 6.4 was up to 3% high."""
    for volatility, maturity in ((0.8, 10.0), (1.0, 5.0), (0.2, 1.0)):
        market, option = simulate.BlackScholes(1.0, volatility, 0.0022), lsmc.Bermudan(payoffs.put(1.0), maturity, 10)
        expected = pricers.bermudan(lambda p: np.maximum(1.0 - p, 0.0), 1.0, volatility, 0.0022, option.times, kinks=(1.0,))
        results = [lsmc.price(market, option, key=jax.random.key(seed), regressor=CUBIC, price_paths=20_000) for seed in range(20)]
        z = np.array([(result.lower - expected) / result.lower_stderr for result in results])
        assert z.mean() <= 0.5 and z.max() <= 4.0
        assert np.mean([result.lower for result in results]) >= 0.99 * expected


@pytest.mark.parametrize("volatility", [0.001, 0.01, 0.05])
def test_rounding_of_controls_moves_no_price(volatility):
    """Of twins that all but cancel a control leaves its rounding error, and a multiple of 50,000 once made half a bar of it."""
    expected = float(reference.black_scholes("put", 100.0, 100.0, volatility, 0.0, 1.0))
    z = scores(simulate.BlackScholes(100.0, volatility, 0.0), lsmc.Bermudan(payoffs.put(100.0), 1.0, 1), expected, 20_000, seeds=400)
    assert abs(z.mean()) <= 0.2 and honest(z)  # four standard errors of the mean of 400


# Few paths that pay


@pytest.mark.parametrize("kind, strike, paths, warns", [
    ("put", 0.5, 1000, True), ("call", 3.0, 100_000, True), ("put", 0.5, 400_000, False), ("put", 1.1, 100, False), ("call", 0.5, 20_000, None),
])  # fmt: skip
def test_hardly_any_path_pays(kind, strike, paths, warns):
    """z told nothing there: the mean was inf where no path paid, and its root mean square 35 where fewer than three did."""
    market, option = simulate.BlackScholes(1.0, 0.2, 0.01), lsmc.Bermudan(getattr(payoffs, kind)(strike), 1.0, 1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = lsmc.price(market, option, key=jax.random.key(0), regressor=CUBIC, price_paths=paths)
    said = [str(warning.message) for warning in caught if "hardly any of the" in str(warning.message)]
    if warns is not None:
        assert bool(said) == warns, said
    expected = float(reference.black_scholes(kind, 1.0, strike, 0.2, 0.01, 1.0))
    if not said:
        assert abs(result.lower - expected) <= 4 * result.lower_stderr


def test_effective_observations():
    normal = jax.random.normal(jax.random.key(0), (100_000,))
    none = jnp.zeros((100_000, 0))
    assert lsmc.estimate(normal, none).effective == pytest.approx(50_000 / 3, rel=0.05)
    one = jnp.zeros(100_000).at[7].set(1.0)
    assert lsmc.estimate(one, none).effective == pytest.approx(1.0, rel=1e-3)
    assert lsmc.estimate(jnp.zeros(1000), jnp.zeros((1000, 0))).effective == 0.0
    assert lsmc.estimate(jnp.ones(1000), jnp.zeros((1000, 0))).effective == 500.0  # certain: nothing is unknown


def test_bar_of_the_course_puts_is_no_wider():
    """Half of what it was with multiples of growth and growth² from the same paths: .00285, .00305 and .00369 then."""
    for row, before in zip(reference.table("course_puts"), (0.00285, 0.00305, 0.00369)):
        market = simulate.BlackScholes(row["spot"], row["volatility"], 0.06)
        result = lsmc.price(market, lsmc.Bermudan(payoffs.put(40.0), 1.0, 50), key=jax.random.key(0))
        assert result.lower_stderr < before


def test_less_noise_is_unbiased_with_wild_controls():
    """Over many small samples the mean of exp(2z), helped by itself squared: the mean stays, and so it does without controls."""
    z = jax.random.normal(jax.random.key(0), (20_000, 64))
    values, wild = jnp.maximum(jnp.exp(z) - 1.0, 0.0), jnp.exp(2.0 * z - 2.0)[..., None] - 1.0
    means = jax.vmap(lambda y, x: lsmc.less_noise(y, x, jnp.ones(64)).mean())(values, wild)
    expected = float(reference.black_scholes("call", np.exp(0.5), 1.0, 1.0, 0.0, 1.0))
    assert abs(means.mean() - expected) <= 4 * means.std() / np.sqrt(len(means))


def test_bar_of_a_put_exercised_at_once():
    """What its twins add up to hardly varies, and its prices are rounded all the same."""
    expected = pricers.bermudan(lambda p: np.maximum(7.9 - p, 0.0), 7.8, 0.003, 0.05, np.arange(1, 13) / 12, kinks=(7.9,))
    market, option = simulate.BlackScholes(7.8, 0.003, 0.05), lsmc.Bermudan(payoffs.put(7.9), 1.0, 12)
    results = [lsmc.price(market, option, key=jax.random.key(seed), price_paths=20_000) for seed in range(5)]
    assert max(abs(result.lower - expected) / result.lower_stderr for result in results) <= 3.0
    assert max(result.lower_stderr for result in results) < 2e-6  # two units in the last place of the spot


def test_bar_is_never_below_what_rounding_leaves_unknown():
    """A call deep in the money is its own control: nothing is left but rounding, and the bar says how much that may be."""
    for volatility in (0.001, 0.01):
        market, option = simulate.BlackScholes(100.0, volatility, 0.05), lsmc.Bermudan(payoffs.call(10.0), 1.0, 1)
        result = lsmc.price(market, option, key=jax.random.key(0))
        assert 0.0 < result.lower_stderr < 1e-3
        assert abs(result.lower - (100.0 - 10.0 * np.exp(-0.05))) <= 4 * result.lower_stderr


# Payoffs that may be negative


POLYNOMIAL, NETWORK = regressors.Polynomial(), regressors.Network()


@pytest.mark.parametrize(
    "spot, payoff, kinks, regressor",
    [
        (36.0, lambda p: 40.0 - p, (), NETWORK),  # sold at a loss above 40
        (36.0, lambda p: 40.0 - p, (), POLYNOMIAL),
        (36.0, lambda p: p - 40.0, (), NETWORK),  # best at the end: without a dividend a price keeps up with the rate
        (36.0, lambda p: p - 40.0, (), POLYNOMIAL),
        (40.0, lambda p: 1.0 * (p < 38.0) * (38.0 - p) - 1.0, (38.0,), NETWORK),  # a put that one must pay for in the end
        (36.0, lambda p: -1.0 * (p > 30.0) * (p - 30.0), (30.0,), NETWORK),  # an obligation, and 0 the best it comes to
    ],
)  # fmt: skip
def test_gains_below_zero(spot, payoff, kinks, regressor):
    times = np.arange(1, 11) / 10
    expected = pricers.bermudan(payoff, spot, 0.2, 0.06, times, kinks=kinks)
    option = lsmc.Bermudan(lambda prices: payoff(prices[..., 0]), 1.0, 10)
    result = lsmc.price(simulate.BlackScholes(spot, 0.2, 0.06), option, key=jax.random.key(0), regressor=regressor)
    assert -4 * result.lower_stderr - 0.004 * abs(expected) - 0.002 <= result.lower - expected <= 4 * result.lower_stderr


# Never worse than what is known without learning


@pytest.mark.parametrize("strike", [80.0, 100.0, 120.0, 130.0])
@pytest.mark.parametrize("regressor", [regressors.Network(), regressors.Polynomial(), regressors.RandomFeatures()], ids=lambda r: type(r).__name__)
def test_calls_that_are_never_exercised_early(strike, regressor):
    """Without a dividend: the European value, within its noise."""
    expected = float(reference.black_scholes("call", 100.0, strike, 0.2, 0.05, 0.25))
    option = lsmc.Bermudan(payoffs.call(strike), 0.25, 10)
    for seed in range(3):
        result = lsmc.price(simulate.BlackScholes(100.0, 0.2, 0.05), option, key=jax.random.key(seed), regressor=regressor)
        assert abs(result.lower - expected) <= 4 * result.lower_stderr + 0.0005 * expected


def test_a_date_that_gains_nothing_always_waits():
    option = lsmc.Bermudan(payoffs.call(120.0), 0.25, 5)
    policy, _ = lsmc.fit(simulate.BlackScholes(100.0, 0.2, 0.05), option, jax.random.key(0), CUBIC, 10_000)
    assert np.isinf(policy.scale.y_mean).all()
    waits = regressors.never(regressors.Ensemble().init(jax.random.key(0), jnp.ones((4, 2))))
    assert np.isinf(regressors.Ensemble().predict(waits, jnp.ones((4, 2)))).all()
    assert regressors.never((1.0, 2.0)) == (1.0, 2.0)  # no Scale: it can't be told to


def test_what_exercising_today_pays():
    assert few(MARKET, OPTION, key=jax.random.key(0)).now == pytest.approx(4.0, rel=1e-6)
    assert few(replace(MARKET, spot=50.0), OPTION, key=jax.random.key(0)).now == 0.0
    deep = few(replace(MARKET, spot=20.0), replace(OPTION, dates=50), key=jax.random.key(0))
    assert deep.now == pytest.approx(20.0, rel=1e-6) and deep.lower < deep.now


# Exercise dates of one's own


@pytest.mark.parametrize("times", [[0.1, 0.15, 1.0], [0.0, 0.5, 1.0], [0.9, 0.95, 1.0], [2.0]])
def test_dates_of_ones_own(times):
    expected = pricers.bermudan(PUT, 36.0, 0.2, 0.06, np.array(times), kinks=(40.0,))
    option = lsmc.Bermudan.at(payoff=payoffs.put(40.0), times=times)
    result = lsmc.price(MARKET, option, key=jax.random.key(0))
    assert -4 * result.lower_stderr - 0.002 * expected <= result.lower - expected <= 4 * result.lower_stderr


def test_exercise_today_is_taken_where_it_is_best():
    option = lsmc.Bermudan.at(payoffs.put(40.0), [0.0, 0.5, 1.0])
    result = lsmc.price(replace(MARKET, spot=25.0), option, key=jax.random.key(0), upper=True)
    assert result.lower == pytest.approx(15.0, rel=1e-5) and result.lower <= result.upper + 4 * result.upper_stderr + 1e-4


def test_equal_dates_are_the_same_option_and_other_times_compile_nothing():
    times = np.array([1, 2, 3]) / 3
    given = few(MARKET, lsmc.Bermudan.at(payoffs.put(40.0), times), key=jax.random.key(0))
    assert given.lower == pytest.approx(few(MARKET, OPTION, key=jax.random.key(0)).lower, rel=1e-3)
    before = lsmc.fit._cache_size(), lsmc.evaluate._cache_size()
    other = few(MARKET, lsmc.Bermudan.at(payoffs.put(38.0), [0.2, 0.3, 2.0]), key=jax.random.key(0))
    assert (lsmc.fit._cache_size(), lsmc.evaluate._cache_size()) == before and other.lower != given.lower


@pytest.mark.parametrize(
    "times, error",
    [
        ([], ValueError), (1.0, ValueError), ("now", TypeError), ([0.5, "1"], TypeError), ([[0.5, 1.0]], ValueError),
        ([0.5, 0.5], ValueError), ([1.0, 0.5], ValueError), ([-0.1, 1.0], ValueError), ([0.1, float("nan")], ValueError),
        (None, TypeError), ([0.5, 0.5 + 1e-12], ValueError),
    ],
)  # fmt: skip
def test_times_that_are_none(times, error):
    with pytest.raises(error, match="times"):
        few(MARKET, lsmc.Bermudan.at(payoffs.put(40.0), times), key=jax.random.key(0))


def test_given_times_and_other_fields_must_agree():
    option = lsmc.Bermudan.at(payoffs.put(40.0), [0.5, 1.0])
    for wrong, name in ((replace(option, dates=3), "dates is 3"), (replace(option, maturity=2.0), "maturity is 2.0")):
        with pytest.raises(ValueError, match=name):
            few(MARKET, wrong, key=jax.random.key(0))


@partial(jax.tree_util.register_dataclass, data_fields=["payoff", "maturity", "given", "shift"], meta_fields=["dates"])
@dataclass(frozen=True)
class Shifted(lsmc.Bermudan):
    """An option with a field and times of its own."""

    shift: float = 0.0

    @property
    def times(self):
        return super().times - self.shift


def test_a_subclass_stays_what_it_is():
    """Also where the payoff is a plain function, which the pricer wraps."""
    plain = lambda prices: jnp.maximum(40.0 - prices[..., 0], 0.0)
    shifted = few(MARKET, Shifted(plain, 1.0, 3, shift=0.3), key=jax.random.key(0))
    assert shifted.lower == pytest.approx(few(MARKET, Shifted(payoffs.put(40.0), 1.0, 3, shift=0.3), key=jax.random.key(0)).lower, rel=1e-3)
    assert shifted.lower != pytest.approx(few(MARKET, OPTION, key=jax.random.key(0)).lower, rel=1e-2)


# One place checks, for all


FUNCTIONS = {
    "fit": lambda market, option, key, regressor, paths: lsmc.fit(market, option, key, regressor, paths),
    "evaluate": lambda market, option, key, regressor, paths: lsmc.evaluate(market, option, key, regressor, None, paths),
    "dual": lambda market, option, key, regressor, paths: bounds.dual(market, option, key, regressor, None, None, paths),
    "greeks": lambda market, option, key, regressor, paths: greeks.greeks(market, option, key, regressor, None, paths),
    "price": lambda market, option, key, regressor, paths: lsmc.price(market, option, key=key, regressor=regressor, price_paths=paths),
}  # fmt: skip
GOOD = dict(market=MARKET, option=lsmc.Bermudan(payoffs.put(40.0), 1.0, 1), key=jax.random.key(0), regressor=CUBIC, paths=200)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(
    "argument, value, error, says",
    [
        ("market", replace(MARKET, volatility=-0.2), ValueError, "volatility is -0.2; expected positive numbers"),
        ("market", replace(MARKET, spot="36"), TypeError, "spot is '36'"),
        ("market", None, TypeError, "market is None"),
        ("option", "put", TypeError, "option is 'put'"),
        ("option", lsmc.Bermudan(payoffs.put(-1.0), 1.0, 1), ValueError, "strike is -1.0"),
        ("option", lsmc.Bermudan(lambda p: p, 1.0, 1), ValueError, "payoff maps prices"),
        ("key", 0, TypeError, "key is 0; expected one key"),
        ("regressor", regressors.Network, TypeError, "regressor is"),
        ("paths", 101, ValueError, "paths is 101; expected an even number"),
        ("paths", 98, ValueError, "paths is 98; expected at least 100"),
        ("paths", 1e3, TypeError, "paths is 1000.0"),
    ],
)  # fmt: skip
def test_all_refuse_in_the_same_words(name, argument, value, error, says):
    with pytest.raises(error) as caught:
        FUNCTIONS[name](**(GOOD | {argument: value}))
    assert says in str(caught.value)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_all_take_what_price_takes(name):
    """Whole numbers, lists, and a plain function as payoff."""
    market = simulate.BlackScholes([36], [0.2], 0) if name != "greeks" else simulate.BlackScholes(36, 0.2, 0)
    option = lsmc.Bermudan(lambda prices: jnp.maximum(40 - prices[..., 0], 0.0), 1, 1)
    FUNCTIONS[name](market, option, jax.random.key(0), CUBIC, 200)


@pytest.mark.parametrize(
    "payoff, says",
    [
        (lambda p: 1.0 * np.maximum(40.0 - p[..., 0], 0.0), "NumPy function"),
        (lambda p: p[..., 0] if (p > 1.0).all() else 0.0 * p[..., 0], "Python `if`"),
        (lambda p: p[..., 0] * float(p[0, 0, 0]), "where Python needs a number"),
    ],
)  # fmt: skip
def test_payoff_that_cannot_be_traced(payoff, says):
    with pytest.raises(TypeError, match="payoff can't be traced") as caught:
        few(MARKET, replace(OPTION, payoff=payoff), key=jax.random.key(0))
    assert says in str(caught.value)


# price under jax's transformations


def test_grad_vmap_and_jit_of_price():
    """Its slope along the spot is the delta of the frozen policy; mapped and compiled it gives what it gives alone."""

    def lower(spot):
        return few(replace(MARKET, spot=spot), OPTION, key=jax.random.key(0)).lower

    delta = jax.grad(lower)(36.0)
    expected = (pricers.bermudan(PUT, 36.1, 0.2, 0.06, OPTION.times, kinks=(40.0,))
                - pricers.bermudan(PUT, 35.9, 0.2, 0.06, OPTION.times, kinks=(40.0,))) / 0.2  # fmt: skip
    assert delta == pytest.approx(expected, abs=0.05)  # 1000 paths
    spots = jnp.array([34.0, 36.0, 40.0])
    alone = [lower(spot) for spot in (34.0, 36.0, 40.0)]
    np.testing.assert_allclose(jax.vmap(lower)(spots), alone, rtol=5e-3)
    assert jax.jit(lower)(36.0) == pytest.approx(alone[1], rel=5e-3)


def test_rank_promotion_may_be_forbidden():
    with jax.numpy_rank_promotion("raise"):
        pair = simulate.BlackScholes([36.0, 40.0], [0.2, 0.3], 0.06, [0.0, 0.1], [[1.0, 0.5], [0.5, 1.0]])
        option = lsmc.Bermudan(payoffs.min_put(40.0), 1.0, 3)
        for regressor in (CUBIC, regressors.Network(first_steps=10)):
            assert few(pair, option, key=jax.random.key(0), regressor=regressor).lower > 4.0
        assert few(MARKET, OPTION, key=jax.random.key(0), upper=True).upper > 4.0
        policy, _ = lsmc.fit(MARKET, OPTION, jax.random.key(0), CUBIC, 1000)
        assert greeks.greeks(MARKET, OPTION, jax.random.key(0), CUBIC, policy, 1000, policies=2, fit_paths=1000).delta.finite


def test_fifty_assets_and_a_parabola():
    """The program is no longer for 61 features than for three: it took six minutes to compile."""
    market, option = simulate.BlackScholes([100.0] * 50, 0.2, 0.05, 0.1), lsmc.Bermudan(payoffs.max_call(100.0), 3.0, 2)
    policy, _ = lsmc.fit(market, option, jax.random.key(0), regressors.Polynomial(2), 200)
    assert policy.coefficients.shape == (1, 1953)  # 50 prices, the ten at either end, the payoff: 61 + 61 * 62 / 2 + 1
    lengths = [
        len(str(jax.make_jaxpr(regressors.Polynomial(2).monomials)(jnp.ones((4, features)))).splitlines()) for features in (3, 61)
    ]
    assert lengths[1] <= lengths[0] + 2  # by how a shape is broken over lines


# Greeks


def test_bars_of_greeks_cover_the_policy():
    """A put near its boundary, where stopping or not is all the same and vega isn't: 20 to 40% off with bars of a tenth of a percent."""
    market, option = simulate.BlackScholes(0.28, 1.7, 0.05), lsmc.Bermudan(payoffs.put(0.5), 8 / 365, 10)
    price = lambda v, r: pricers.bermudan(lambda p: np.maximum(0.5 - p, 0.0), 0.28, v, r, option.times, kinks=(0.5,))
    vega, rho = (price(1.71, 0.05) - price(1.69, 0.05)) / 0.02, (price(1.7, 0.055) - price(1.7, 0.045)) / 0.01
    for everywhere in (False, True):
        policy, _ = lsmc.fit(market, option, jax.random.key(1), regressors.Network(), 32_768, everywhere)
        found = greeks.greeks(market, option, jax.random.key(2), regressors.Network(), policy)
        assert abs(found.vega.mean - vega) <= 3 * found.vega.stderr
        assert abs(found.rho.mean - rho) <= 3 * found.rho.stderr


@pytest.mark.parametrize(
    "kind, volatility, maturity, dividend",
    [("call", 0.8, 10.0, 0.03), ("put", 1.0, 10.0, 0.0)]
    + [pytest.param(kind, *rest, 0.0, marks=pytest.mark.slow) for kind, *rest in (("put", 0.2, 1.0), ("call", 1.0, 2.0), ("call", 1.0, 10.0))],
)
def test_bars_of_greeks_whatever_the_variance(kind, volatility, maturity, dividend):
    """European, against the derivatives of the closed form; at σ²T = 6.4 vega was 14% high, with a root mean square of z of 8."""
    sign = 1.0 if kind == "call" else -1.0

    def price(spot, volatility, rate, maturity):
        root = volatility * jnp.sqrt(maturity)
        d1 = (jnp.log(spot / 1.1) + (rate - dividend + volatility**2 / 2) * maturity) / root
        normal = jax.scipy.stats.norm.cdf
        return sign * (spot * jnp.exp(-dividend * maturity) * normal(sign * d1) - 1.1 * jnp.exp(-rate * maturity) * normal(sign * (d1 - root)))

    jax.config.update("jax_enable_x64", True)
    try:
        at = tuple(np.float64(number) for number in (1.0, volatility, 0.01, maturity))
        delta, vega, rho, by_maturity = jax.grad(price, argnums=(0, 1, 2, 3))(*at)
        closed = [float(number) for number in (delta, jax.grad(jax.grad(price))(*at), vega, rho, -by_maturity)]
    finally:
        jax.config.update("jax_enable_x64", False)
    market, option = simulate.BlackScholes(1.0, volatility, 0.01, dividend), lsmc.Bermudan(getattr(payoffs, kind)(1.1), maturity, 1)
    market, option, _ = lsmc.checked(market, option, jax.random.key(0), CUBIC)
    for paths in (1000, 20_000):
        estimates = jax.jit(jax.vmap(lambda key: greeks.frozen.compiled(market, option, key, CUBIC, None, paths)))
        parts = [estimates(keys) for keys in jnp.split(jax.random.split(jax.random.key(5), 200), 10)]
        for name, value in zip(greeks.Greeks._fields, closed):
            mean, stderr = (np.concatenate([getattr(part, name)[i] for part in parts]) for i in (0, 1))
            z = (mean - value) / stderr
            assert honest(z) and z.mean() >= -0.5, (name, paths, z.mean(), np.sqrt(np.mean(z**2)))


def test_greeks_of_an_option_for_today_are_refused():
    option = lsmc.Bermudan.at(payoffs.put(40.0), [0.0, 1.0])
    with pytest.raises(ValueError, match="times begins with 0"):
        greeks.greeks(MARKET, option, jax.random.key(0), CUBIC, None)


# Training that misses


@pytest.mark.slow
def test_no_seed_misses():
    """Targets less noisy by multiples from their own wild paths sent one policy in three of a 100-year put 1% astray."""
    rate = lambda value, values: 100 * (1 - value / values.max())
    butterfly = lambda prices: jnp.maximum(10.0 - jnp.abs(prices[..., 0] - 100.0), 0.0)
    for market, option in (
        (simulate.BlackScholes(100.0, 0.3, 0.03), lsmc.Bermudan(payoffs.put(100.0), 100.0, 50)),
        (simulate.BlackScholes(100.0, 0.2, 0.05), lsmc.Bermudan(butterfly, 1.0, 50)),
    ):
        fits = [lsmc.fit(market, option, jax.random.key(seed), regressors.Network(), 32_768)[0] for seed in range(16)]
        values = np.array([lsmc.evaluate(market, option, jax.random.key(77), regressors.Network(), fit, 100_000).mean for fit in fits])
        assert rate(values.min(), values) < 0.4
