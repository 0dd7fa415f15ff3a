"""The dual upper bound: above the price whatever its martingale is made of, and close where that is made of the networks.

An upper bound may lie below a reference by three of its standard errors, by chance, and no more.
"""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from course_utils import bounds, lsmc, payoffs, reference, regressors, simulate

RANDOM = regressors.RandomFeatures()  # compiles fast, and says something sensible far out of the money, as no polynomial does
PUTS = [(36.0, 0.2), (40.0, 0.3), (44.0, 0.4)]
KEYWORDS = dict(fit_paths=20_000, price_paths=20_000)


@cache
def fitted(spot, volatility, regressor=RANDOM):
    """A market, an option, a policy and a worth, in the form in which `lsmc.price` hands them on."""
    market, option = simulate.BlackScholes(spot, volatility, 0.06), lsmc.Bermudan(payoffs.put(40.0), 1.0, 10)
    market, option, _ = lsmc._checked(market, option, jax.random.key(0), regressor, 100, 100, True)
    policy, worth = (
        lsmc.fit(market, option, jax.random.key(1), regressor, 20_000, everywhere)[0] for everywhere in (False, True)
    )
    return market, option, policy, worth


@pytest.mark.parametrize("seed, put", list(enumerate(PUTS)))
def test_brackets_the_price_closely(seed, put):
    spot, volatility = put
    expected, _ = reference.binomial("put", spot, 40.0, volatility, 0.06, 1.0, dates=10)
    market, option = simulate.BlackScholes(spot, volatility, 0.06), lsmc.Bermudan(payoffs.put(40.0), 1.0, 10)
    result = lsmc.price(market, option, key=jax.random.key(seed), regressor=RANDOM, upper=True, **KEYWORDS)
    assert result.upper_stderr < 0.002 * expected  # so three of them don't hide much
    assert -3 * result.upper_stderr <= result.upper - expected <= 0.005 * expected + 3 * result.upper_stderr  # measured: 0.1 to 0.45%
    assert result.lower - 3 * result.lower_stderr <= result.upper + 3 * result.upper_stderr
    without = lsmc.price(market, option, key=jax.random.key(seed), regressor=RANDOM, **KEYWORDS)
    assert without[:2] == result[:2] and without.upper is None  # asking for it changes nothing else


@pytest.mark.parametrize("seed", range(3))
def test_bound_whatever_the_martingale_is_made_of(seed):
    """A worth drawn at random: the bound is poor, and a bound; the lower value with it is unbiased."""
    market, option, policy, worth = fitted(*PUTS[seed])
    expected, _ = reference.binomial("put", PUTS[seed][0], 40.0, PUTS[seed][1], 0.06, 1.0, dates=10)
    noise = jax.random.normal(jax.random.key(seed), worth.coefficients.shape)
    wrong = worth._replace(coefficients=worth.coefficients + 0.5 * noise)
    poor = bounds.dual(market, option, jax.random.key(seed), RANDOM, policy, wrong, paths=2048, inner=32)
    good = bounds.dual(market, option, jax.random.key(seed), RANDOM, policy, worth, paths=2048, inner=32)
    assert poor.upper.mean > 1.05 * expected and poor.upper.mean > good.upper.mean
    for estimate in (poor.lower, good.lower):
        assert abs(estimate.mean - poor.plain.mean) <= 3 * np.hypot(estimate.stderr, poor.plain.stderr)
    assert good.upper.mean >= expected - 3 * good.upper.stderr


def test_martingale_takes_the_noise_out_of_the_lower_value():
    market, option, policy, worth = fitted(*PUTS[0])
    dual = bounds.dual(market, option, jax.random.key(3), RANDOM, policy, worth, paths=2048, inner=64)
    assert dual.lower.stderr < 0.1 * dual.plain.stderr  # a hundredth of the variance; measured: less than that
    expected, _ = reference.binomial("put", PUTS[0][0], 40.0, PUTS[0][1], 0.06, 1.0, dates=10)
    assert -0.003 * expected - 3 * dual.lower.stderr <= dual.lower.mean - expected <= 3 * dual.lower.stderr  # low bias: as in test_lsmc


def test_european_option_is_bounded_by_its_price():
    expected = float(reference.black_scholes("put", 36.0, 40.0, 0.2, 0.06, 1.0))
    option = lsmc.Bermudan(payoffs.put(40.0), 1.0, 1)
    result = lsmc.price(simulate.BlackScholes(36.0, 0.2, 0.06), option, key=jax.random.key(0), upper=True, **KEYWORDS)
    assert abs(result.upper - expected) <= 3 * result.upper_stderr


def test_mean_with_controls_is_unbiased():
    """Over many small samples the mean of exp(z) with the control z; one that is fitted to the sample itself is off."""
    z = jax.random.normal(jax.random.key(0), (100_000, 8))
    values = jnp.exp(z)
    means = jax.vmap(bounds.fair_mean)(values, z[..., None])
    error = means.std() / np.sqrt(len(means))
    assert abs(means.mean() - np.exp(0.5)) <= 3 * error
    own = jax.vmap(lambda y, x: y.mean() - x.mean() * jnp.cov(x, y)[0, 1] / x.var())(values, z)
    assert abs(own.mean() - np.exp(0.5)) > 10 * own.std() / np.sqrt(len(own))


@pytest.mark.parametrize("k", [0, 3])
def test_mean_without_controls_or_with_too_many_is_the_mean(k):
    """Eight paths are two pairs in each half: three multiples can't be fitted to them."""
    values, controls = jax.random.normal(jax.random.key(0), (8,)), jnp.ones((8, k))
    assert bounds.fair_mean(values, controls) == pytest.approx(float(values.mean()), abs=1e-6)  # float32


@pytest.mark.slow
def test_two_assets_and_a_network():
    """The max-call of Becker, Cheridito and Jentzen on two assets: their interval is [13.880, 13.910]."""
    market = simulate.BlackScholes([100.0, 100.0], 0.2, 0.05, 0.10)
    option = lsmc.Bermudan(payoffs.max_call(100.0), 3.0, 9)
    network = regressors.Network(widths=(32, 32))
    result = lsmc.price(market, option, key=jax.random.key(0), regressor=network, upper=True, fit_paths=50_000)
    assert result.lower - 3 * result.lower_stderr <= 13.910 and result.upper + 3 * result.upper_stderr >= 13.880
    assert result.upper <= 13.910 * 1.005 + 3 * result.upper_stderr  # half a percent is what this small network leaves
