"""Greeks with the stopping times frozen, against bumped trees.

A tolerance is three standard errors or 2%, whichever is larger: the policy is not quite the best one, and away from the best one
a frozen decision costs something to first order. Rho shows it first, since a rate acts through how long the option is held: an
exercise boundary 0.3% too high moves it by 1.2%.

A policy learned from few paths errs at random as well, which no standard error shows: gamma of the middle put scattered over twelve
seeds by 1.6% with the network that ``price`` takes by default, its standard error being 0.7%, and by 0.7% with the polynomial here.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from course_utils import greeks, lsmc, payoffs, reference, regressors, simulate

NETWORK = regressors.Network()
POLYNOMIAL = regressors.Polynomial()
FIT_PATHS = 131_072
CAREFUL = regressors.Polynomial(degree=6, refit_paths=FIT_PATHS)
PUTS = [(38.0, 0.2), (36.0, 0.25), (35.0, 0.3)]


def tree(spot, volatility, rate):
    return reference.binomial("put", spot, 40.0, volatility, rate, 1.0, dates=50)[0]


def expected(spot, volatility, rate=0.06):
    """By central differences of the tree's price, with bumps wide enough for its own wiggles of 1e-4; theta from the equation."""
    price, up, down = (tree(spot * factor, volatility, rate) for factor in (1.0, 1.03, 0.97))
    delta, gamma = (up - down) / (0.06 * spot), (up - 2 * price + down) / (0.03 * spot) ** 2
    vega = (tree(spot, volatility + 0.01, rate) - tree(spot, volatility - 0.01, rate)) / 0.02
    rho = (tree(spot, volatility, rate + 0.005) - tree(spot, volatility, rate - 0.005)) / 0.01
    theta = rate * price - rate * spot * delta - volatility**2 * spot**2 * gamma / 2
    return greeks.Greeks(delta, gamma, vega, rho, theta)


def test_bumped_tree_agrees_with_the_values_computed_by_quadrature():
    """Of the middle put. The rounding of the values and the bumps' own error come to less than half a percent."""
    computed = greeks.Greeks(delta=-0.6161, gamma=0.06076, vega=12.683, rho=-12.800, theta=-0.8255)
    np.testing.assert_allclose(expected(*PUTS[1]), computed, rtol=5e-3)


slow = pytest.mark.slow


@pytest.mark.parametrize("seed, put", [(0, PUTS[1]), pytest.param(1, PUTS[0], marks=slow), pytest.param(2, PUTS[2], marks=slow)])
def test_greeks_of_the_course_puts(seed, put):
    market, option = simulate.BlackScholes(*put, 0.06), lsmc.Bermudan(payoffs.put(40.0), 1.0, 50)
    policy = lsmc.price(market, option, key=jax.random.key(seed), regressor=CAREFUL, fit_paths=FIT_PATHS, price_paths=1000).policy
    found = greeks.greeks(market, option, jax.random.key(10 + seed), CAREFUL, policy, paths=400_000)  # theta is noisy
    for name, estimate, value in zip(found._fields, found, expected(*put)):
        assert estimate.finite
        assert estimate.stderr < 0.03 * abs(value), name  # so three of them don't hide much
        assert abs(estimate.mean - value) <= max(3 * estimate.stderr, 0.02 * abs(value)), name


def test_controls_take_noise_away_and_nothing_else():
    """Whatever the policy: the estimates are the plain means of the slopes, within three standard errors of these."""
    market, option = simulate.BlackScholes(36.0, 0.25, 0.06), lsmc.Bermudan(payoffs.put(40.0), 1.0, 10)
    market, option, _ = lsmc._checked(market, option, jax.random.key(0), POLYNOMIAL, 100, 100, False)
    policy, _ = lsmc.fit(market, option, jax.random.key(0), POLYNOMIAL, 10_000)

    def cash(spot, volatility, rate, wait):
        moved = simulate.BlackScholes(spot, volatility, rate)
        return lsmc.cash_flows(moved, option, option.times + wait, jax.random.key(1), POLYNOMIAL, policy, 100_000)[0]

    slopes = jax.jacfwd(cash, argnums=(0, 1, 2, 3))(36.0, 0.25, 0.06, 0.0)  # four of (paths,)
    found = greeks.greeks(market, option, jax.random.key(1), POLYNOMIAL, policy, 100_000, policies=1)
    for estimate, slope, sign in zip((found.delta, found.vega, found.rho, found.theta), slopes, (1, 1, 1, -1)):
        pairs = slope.reshape(-1, 2).mean(axis=1)
        assert abs(estimate.mean - sign * slope.mean()) <= 3 * pairs.std() / jnp.sqrt(pairs.size)
        assert estimate.stderr <= pairs.std() / jnp.sqrt(pairs.size)


def test_european_greeks_are_those_of_black_and_scholes():
    """No decision to freeze: unbiased, within three and a half standard errors of closed forms (five numbers are compared with them)."""
    market, option = simulate.BlackScholes(36.0, 0.25, 0.06, 0.03), lsmc.Bermudan(payoffs.put(40.0), 1.0, 1)
    found = greeks.greeks(market, option, jax.random.key(0), NETWORK, None)

    def price(spot, volatility, rate, maturity):
        root = volatility * jnp.sqrt(maturity)
        d1 = (jnp.log(spot / 40.0) + (rate - 0.03 + volatility**2 / 2) * maturity) / root
        normal = jax.scipy.stats.norm.cdf
        return 40.0 * jnp.exp(-rate * maturity) * normal(root - d1) - spot * jnp.exp(-0.03 * maturity) * normal(-d1)

    at = 36.0, 0.25, 0.06, 1.0
    delta, vega, rho, by_maturity = jax.grad(price, argnums=(0, 1, 2, 3))(*at)
    closed = greeks.Greeks(delta, jax.grad(jax.grad(price))(*at), vega, rho, -by_maturity)
    for name, estimate, value in zip(found._fields, found, closed):
        assert abs(estimate.mean - value) <= 3.5 * estimate.stderr, name
        assert estimate.stderr < 0.02 * abs(value), name


def test_differentiating_twice_gives_nothing():
    """Why gamma needs another way: the slope of a put's payoff is constant on either side of the strike."""
    market, option = simulate.BlackScholes(36.0, 0.25, 0.06), lsmc.Bermudan(payoffs.put(40.0), 1.0, 1)

    def value(spot):
        moved = simulate.BlackScholes(spot, market.volatility, market.rate)
        cash, *_ = lsmc.cash_flows(moved, option, option.times, jax.random.key(0), NETWORK, None, 1000)
        return cash.mean()

    assert jax.grad(value)(36.0) < -0.5 and jax.grad(jax.grad(value))(36.0) == 0.0


def test_several_assets_are_refused():
    market, option = simulate.BlackScholes(jnp.array([36.0, 38.0]), 0.25, 0.06), lsmc.Bermudan(payoffs.min_put(40.0), 1.0, 1)
    with pytest.raises(ValueError, match="several assets.*expected simulate.BlackScholes of one asset"):
        greeks.greeks(market, option, jax.random.key(0), NETWORK, None)
