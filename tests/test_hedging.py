"""Gains of a hedge: fair whatever is held, as small a spread as theory says where it is known, and a bound of the price."""

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm

from course_utils import hedging, lsmc, markets, payoffs, reference, regressors, simulate

ONE = simulate.BlackScholes(spot=36.0, volatility=0.2, rate=0.06)
PUT = lsmc.Bermudan(payoffs.put(40.0), maturity=1.0, dates=10)
NETWORK = regressors.Network()
MARKETS = {
    "one asset": replace(ONE, dividend=0.03),
    "three assets": simulate.BlackScholes([36.0, 40.0, 44.0], [0.2, 0.3, 0.4], 0.05, [0.0, 0.1, 0.02], np.eye(3) * 0.5 + 0.5),
    "calendar": markets.TermStructure(40.0, [0.3, 2.0], [0.02, 0.06], [0.2, 0.3], cash_dates=[0.4, 3.0], cash=[2.0, 1.0]),
    "Heston": markets.Heston(100.0, 0.04, 0.05, 2.0, 0.04, 0.3, -0.5),
}


def nothing(market, option, parameters, state):
    return jnp.zeros_like(market.prices(state))


def silly(market, option, parameters, state):
    """Shares that no one would hold, yet known when they are bought."""
    return jnp.sin(market.prices(state))


def mean_and_error(values):
    """Of antithetic pairs, in float64."""
    pairs = np.asarray(values, float).reshape(-1, 2).mean(axis=1)
    return pairs.mean(), pairs.std(ddof=1) / len(pairs) ** 0.5


def learned(market, option, between, seed=0, regressor=NETWORK):
    keys = jax.random.split(jax.random.key(seed), 3)
    policy, _ = lsmc.fit(market, option, keys[0], regressor, 32_768)
    worth, _ = lsmc.fit(market, option, keys[1], regressor, 32_768, everywhere=True)
    return policy, hedging.values(market, option, keys[2], regressor, worth, between=between)


def test_trading_times_divide_what_lies_between_the_dates():
    option = lsmc.Bermudan.at(payoffs.put(1.0), [0.5, 0.6, 1.2])
    expected = [0.0, 0.25, 0.5, 0.55, 0.6, 0.9, 1.2]
    np.testing.assert_allclose(hedging.trading_times(option, 2), expected, rtol=1e-6)
    np.testing.assert_allclose(hedging.trading_times(replace(PUT, dates=2), 1), [0.0, 0.5, 1.0], rtol=1e-6)


@pytest.mark.parametrize("name", MARKETS)
def test_a_share_gains_nothing_on_average(name):
    """Held as nobody would hold it: what is known beforehand changes no mean. Within 4 standard errors."""
    market, _, _ = lsmc.checked(MARKETS[name], PUT, jax.random.key(0), NETWORK)
    times = hedging.trading_times(PUT, 1)
    states = market.simulate(jax.random.key(1), times[1:], 40_000)
    today = market.simulate(jax.random.key(1), jnp.zeros(1), 40_000)
    states = jnp.concatenate([today, states])
    moves = hedging.gains_of_a_share(market, states, times)
    assert moves.shape == (10, 40_000, market.prices(states).shape[-1])
    for holding in (jnp.ones_like(moves), silly(market, PUT, None, states[:-1])):
        for asset in range(moves.shape[-1]):
            mean, error = mean_and_error((holding * moves)[..., asset].sum(axis=0))
            assert abs(mean) < 4 * error


def test_a_share_gains_what_its_price_does():
    """Less interest, and with dividends: compared with the sale and the loan written out. A float32's rounding of a price is 4e-6."""
    market, _, _ = lsmc.checked(MARKETS["one asset"], PUT, jax.random.key(0), NETWORK)
    times = jnp.array([0.0, 0.25, 1.0])
    states = jnp.array([36.0, 37.0, 30.0])[:, None, None]  # (3, 1, 1)
    moves = hedging.gains_of_a_share(market, states, times)[:, 0, 0]
    expected = [37.0 * np.exp((0.03 - 0.06) * 0.25) - 36.0, np.exp(-0.06 * 0.25) * (30.0 * np.exp((0.03 - 0.06) * 0.75) - 37.0)]
    np.testing.assert_allclose(moves, expected, atol=3e-5)


def test_a_share_of_a_payer_gains_the_dividend():
    """Where cash is paid at .4, a share bought before and sold after gains what the price lost to it."""
    market, _, _ = lsmc.checked(MARKETS["calendar"], PUT, jax.random.key(0), NETWORK)
    times = jnp.array([0.0, 0.39, 0.41])
    still = replace(market, volatilities=jnp.array([1e-4, 1e-4]))
    states = jnp.concatenate([jnp.full((1, 2, 1), 40.0), still.simulate(jax.random.key(0), times[1:], 2)])
    moves = hedging.gains_of_a_share(market, states, times)
    assert states[2, 0, 0] < states[1, 0, 0] - 1.9
    assert abs(moves).max() < 0.01  # of a share that hardly moves: 1e-4 of its price in a year


def asymptotic_spread(spot, strike, volatility, rate, maturity, trades):
    """Of the profit and loss of a European put or call whose hedge is the exact delta at so many equal steps, to leading order.

    Over a step the hedge misses gamma S² σ² (z² - 1) h/2, with z normal, so the variance of all is h/2 times the integral of
    E[(e^(-rt) gamma S² σ²)²]. By quadrature in time and in z. (D. Bertsimas, L. Kogan, A. Lo, "When is time continuous?",
    Journal of Financial Economics 55, 2000.)
    """
    nodes, weights = np.polynomial.legendre.leggauss(400)
    times = maturity * (1 - ((1 - nodes) / 2) ** 2)  # denser near the end, where gamma has a peak
    lengths = weights * (1 - nodes) / 2 * maturity
    z, share = np.polynomial.hermite_e.hermegauss(301)
    share = share / share.sum()
    price = spot * np.exp((rate - volatility**2 / 2) * times[:, None] + volatility * np.sqrt(times)[:, None] * z)
    left = maturity - times[:, None]
    d1 = (np.log(price / strike) + (rate + volatility**2 / 2) * left) / (volatility * np.sqrt(left))
    dollar_gamma = price * norm.pdf(d1) / (volatility * np.sqrt(left))
    missed = ((np.exp(-rate * times)[:, None] * volatility**2 * dollar_gamma) ** 2 @ share) @ lengths
    return np.sqrt(missed * maturity / trades / 2)


def exact_delta(market, option, left, state):
    """Of Black and Scholes' put: minus the distribution function at -d1, with the years ``left`` as parameters."""
    d1 = (jnp.log(state / option.payoff.strike) + (market.rate + market.volatility**2 / 2) * left) / (market.volatility * jnp.sqrt(left))
    return -jax.scipy.stats.norm.cdf(-d1)


@pytest.mark.parametrize("trades", [16, 64])
def test_european_spread_is_what_theory_says(trades):
    """With the exact delta, and with a learned one: as theory says to leading order, within a tenth, and the learned no more than a tenth above."""
    european = replace(PUT, dates=1)
    theory = asymptotic_spread(36.0, 40.0, 0.2, 0.06, 1.0, trades)
    left = 1.0 - hedging.trading_times(european, trades)[:-1]
    terms = ONE, european, jax.random.key(5), NETWORK, None
    exact = hedging.play(*terms, exact_delta, left, between=trades)
    values = hedging.values(ONE, european, jax.random.key(6), NETWORK, None, between=trades)
    own = hedging.play(*terms, hedging.Deltas(NETWORK), values, between=trades)
    spreads = [np.std(each.gained - each.paid, ddof=1) for each in (exact, own)]
    assert abs(spreads[0] / theory - 1) < 0.1
    assert spreads[1] / theory < 1.2
    fair = reference.black_scholes("put", 36.0, 40.0, 0.2, 0.06, 1.0)
    for each in (exact, own):
        mean, error = mean_and_error(fair + each.gained - each.paid)
        assert abs(mean) < 4 * error


def test_four_times_as_many_trades_halve_the_spread():
    fair, _ = reference.binomial("put", 36.0, 40.0, 0.2, 0.06, 1.0, dates=10)
    spread = {}
    for between in (4, 16):
        policy, values = learned(ONE, PUT, between)
        result = hedging.play(ONE, PUT, jax.random.key(9), NETWORK, policy, hedging.Deltas(NETWORK), values, between=between)
        mean, error = mean_and_error(fair + result.gained - result.paid)
        assert abs(mean) < 4 * error + 0.002 * fair  # the policy's low bias
        upper, noise = mean_and_error(result.highest)
        assert fair - 3 * noise < upper < 1.06 * fair
        spread[between] = np.std(result.gained - result.paid, ddof=1)
    bare = hedging.play(ONE, PUT, jax.random.key(9), NETWORK, policy, nothing, jnp.zeros(10))
    assert 0.4 < spread[16] / spread[4] < 0.62
    assert spread[4] < 0.12 * np.std(bare.paid, ddof=1)
    assert (bare.gained == 0).all()


@pytest.mark.parametrize("name", MARKETS)
def test_whatever_is_held_bounds_the_price(name):
    """Nothing, and shares that no one would hold: poor bounds, and bounds."""
    market = MARKETS[name]
    option = replace(PUT, payoff=payoffs.basket_put(100.0 if name == "Heston" else 40.0))
    result = lsmc.price(market, option, key=jax.random.key(0), price_paths=20_000)
    for shares in (nothing, silly):
        played = hedging.play(market, option, jax.random.key(1), NETWORK, result.policy, shares, jnp.zeros(10), paths=8192)
        upper, noise = mean_and_error(played.highest)
        assert upper > result.lower - 3 * np.hypot(noise, result.lower_stderr)
        paid, error = mean_and_error(played.paid)
        assert abs(paid - result.lower) < 4 * np.hypot(error, result.lower_stderr)  # the policy is paid what it is worth
        gained, error = mean_and_error(played.gained)
        assert abs(gained) <= 4 * error


def test_variance_that_cannot_be_traded_leaves_a_floor():
    """Heston: from 4 to 16 trades the spread falls by far less than half."""
    market, option = MARKETS["Heston"], lsmc.Bermudan(payoffs.put(100.0), 1.0, 5)
    spread = {}
    for between in (4, 16):
        policy, values = learned(market, option, between)
        result = hedging.play(market, option, jax.random.key(9), NETWORK, policy, hedging.Deltas(NETWORK), values, between=between)
        spread[between] = np.std(result.gained - result.paid, ddof=1)
    assert 0.7 < spread[16] / spread[4] < 1.0


@pytest.mark.parametrize("regressor", [regressors.Polynomial(6), regressors.RandomFeatures()])
def test_any_regressor(regressor):
    policy, values = learned(ONE, PUT, 4, regressor=regressor)
    result = hedging.play(ONE, PUT, jax.random.key(9), regressor, policy, hedging.Deltas(regressor), values, between=4)
    assert np.std(result.gained - result.paid, ddof=1) < 0.2 * np.std(result.paid, ddof=1)


def test_dates_of_ones_own_and_today():
    """A first date today adds a step of no length, at which nothing is gained."""
    later, today = ([0.5, 1.0], [0.0, 0.5, 1.0])
    for times in (later, today):
        option = lsmc.Bermudan.at(payoffs.put(40.0), times)
        policy, values = learned(replace(ONE, spot=42.0), option, 2)
        assert all(len(leaf) == 2 * len(times) for leaf in jax.tree.leaves(values))
        result = hedging.play(replace(ONE, spot=42.0), option, jax.random.key(0), NETWORK, policy, hedging.Deltas(NETWORK), values, between=2)
        assert np.isfinite(result.gained).all() and np.std(result.gained - result.paid) < 0.5 * np.std(result.paid)


@pytest.mark.parametrize("wrong, says", [({"paths": 101}, "paths is 101"), ({"between": 0}, "between is 0"), ({"between": 1.5}, "between is 1.5")])
def test_bad_numbers_are_refused_by_name(wrong, says):
    with pytest.raises((TypeError, ValueError), match=says):
        hedging.play(ONE, PUT, jax.random.key(0), NETWORK, None, nothing, None, **wrong)
    with pytest.raises((TypeError, ValueError), match=says):
        hedging.values(ONE, PUT, jax.random.key(0), NETWORK, None, **wrong)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Bare:
    """A market that knows no martingale."""

    spot: float

    def simulate(self, key, times, paths):
        return replace(ONE, spot=self.spot).simulate(key, times, paths)

    def prices(self, state):
        return state

    def discount(self, times):
        return ONE.discount(times)


def test_markets_without_martingales_are_refused():
    with pytest.raises(TypeError, match="martingales"):
        hedging.play(Bare(36.0), PUT, jax.random.key(0), NETWORK, None, nothing, jnp.zeros(10))


def test_parameters_of_other_trading_times_are_refused():
    with pytest.raises(ValueError, match=r"expected \(40, …\)"):
        hedging.play(ONE, PUT, jax.random.key(0), NETWORK, None, nothing, jnp.zeros(10), between=4)
