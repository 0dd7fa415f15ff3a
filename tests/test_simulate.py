"""Paths against the moments and laws that they must have, within 4 standard errors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from course_utils import payoffs, reference, simulate

PATHS = 40_000
TIMES = jnp.array([0.5, 0.75, 2.0])  # steps of unequal length
CORRELATION = np.array([[1.0, 0.6, -0.3], [0.6, 1.0, 0.2], [-0.3, 0.2, 1.0]])
MARKET = simulate.BlackScholes(
    spot=jnp.array([36.0, 100.0, 5.0]),
    volatility=jnp.array([0.2, 0.4, 0.1]),
    rate=0.06,
    dividend=jnp.array([0.0, 0.1, 0.03]),
    correlation=jnp.array(CORRELATION),
)


@pytest.fixture(scope="module", params=[0, 1])
def states(request):
    """(dates, paths, assets)"""
    return np.asarray(MARKET.simulate(jax.random.key(request.param), TIMES, PATHS), float)


def within(values, expected, errors=4.0):
    """Whether the mean of ``values`` (…, paths), in antithetic pairs, is ``expected`` within so many standard errors."""
    values = np.asarray(values, float)
    pairs = values.reshape(*values.shape[:-1], -1, 2).mean(axis=-1)  # (…, paths/2)
    stderr = pairs.std(axis=-1) / np.sqrt(pairs.shape[-1])
    rounding = 1e-5 * np.abs(values).max()  # of float32; in a mean over antithetic pairs it may be all that is left
    return (np.abs(pairs.mean(axis=-1) - expected) < errors * stderr + rounding).all()


def test_shape_and_prices(states):
    assert states.shape == (3, PATHS, 3) and MARKET.assets == 3
    assert (states > 0).all()
    np.testing.assert_array_equal(MARKET.prices(states), states)
    np.testing.assert_allclose(MARKET.discount(TIMES), np.exp(-0.06 * np.asarray(TIMES)), rtol=1e-6)


def test_mean_is_the_forward(states):
    times = np.asarray(TIMES)[:, None]
    forward = np.asarray(MARKET.spot) * np.exp((0.06 - np.asarray(MARKET.dividend)) * times)  # (dates, assets)
    assert within(np.moveaxis(states, 1, -1), forward)
    assert not within(np.moveaxis(states, 1, -1), forward * 1.02, errors=4)  # the test can see 2%


def test_logs_are_normal_with_the_right_moments(states):
    times = np.asarray(TIMES)[:, None, None]
    volatility = np.asarray(MARKET.volatility)
    drift = (0.06 - np.asarray(MARKET.dividend) - volatility**2 / 2) * times
    normals = (np.log(states / np.asarray(MARKET.spot)) - drift) / (volatility * np.sqrt(times))
    normals = np.moveaxis(normals, 1, -1)  # (dates, assets, paths)
    for power, moment in ((1, 0.0), (2, 1.0), (4, 3.0)):
        assert within(normals**power, moment)


def test_correlation_at_each_step(states):
    logs = np.log(np.concatenate([np.broadcast_to(np.asarray(MARKET.spot, float), states[:1].shape), states]))
    for step in np.diff(logs, axis=0):  # (paths, assets)
        found = np.corrcoef(step[::2].T)  # one of each antithetic pair: independent paths
        np.testing.assert_array_less(np.abs(found - CORRELATION), 4 * (1 - CORRELATION**2) / np.sqrt(PATHS / 2) + 1e-6)


def test_steps_are_independent(states):
    steps = np.diff(np.log(states[:, ::2, 1]), axis=0)  # (2, paths/2)
    first = np.log(states[0, ::2, 1] / 100.0)
    for one, other in ((first, steps[0]), (first, steps[1]), (steps[0], steps[1])):
        assert abs(np.corrcoef(one, other)[0, 1]) < 4 / np.sqrt(PATHS / 2)


def test_antithetic_pairs(states):
    """The logs of a pair add up to twice their mean: signs turned at every date."""
    times = np.asarray(TIMES)[:, None, None]
    logs = np.log(states / np.asarray(MARKET.spot)).reshape(3, PATHS // 2, 2, 3).sum(axis=2)  # (dates, paths/2, assets)
    drift = (0.06 - np.asarray(MARKET.dividend) - np.asarray(MARKET.volatility) ** 2 / 2) * times
    np.testing.assert_allclose(logs, np.broadcast_to(2 * drift, logs.shape), atol=2e-5)  # float32


def test_antithetic_normals_reject_odd():
    with pytest.raises(ValueError, match="paths is 101; expected an even number"):
        simulate.antithetic_normals(jax.random.key(0), (2, 101, 1))
    with pytest.raises(ValueError, match="paths is 7"):
        MARKET.simulate(jax.random.key(0), TIMES, 7)


def test_martingales_have_mean_zero(states):
    martingales = np.asarray(MARKET.martingales(jnp.asarray(states, jnp.float32), TIMES), float)  # (dates, paths, 6)
    assert martingales.shape == (3, PATHS, 9)
    assert within(np.moveaxis(martingales, 1, -1), 0.0)
    assert (martingales.std(axis=1) > 0.01).all()  # and are not 0 themselves


def test_martingales_have_mean_zero_where_one_stops(states):
    """Stop when the dearest asset is above its spot, a rule that knows only the past."""
    martingales = np.asarray(MARKET.martingales(jnp.asarray(states, jnp.float32), TIMES), float)
    stopped = martingales[-1]
    for date in (1, 0):
        stop = states[date, :, 1] > 100.0
        stopped = np.where(stop[:, None], martingales[date], stopped)  # (paths, 9)
    assert within(stopped.T, 0.0)
    peeking = np.where((states[1, :, 1] > states[0, :, 1])[:, None], martingales[0], martingales[1])
    assert not within(peeking.T, 0.0)  # a rule that looks ahead is seen


def test_one_number_serves_all_assets():
    times, key = jnp.array([1.0, 2.0]), jax.random.key(3)
    short = simulate.BlackScholes(36.0, [0.2, 0.2], 0.06, correlation=[[1.0, 0.5], [0.5, 1.0]])
    long = simulate.BlackScholes([36.0, 36.0], (0.2, 0.2), 0.06, np.zeros(2), np.array([[1.0, 0.5], [0.5, 1.0]]))
    assert short.assets == long.assets == 2
    np.testing.assert_allclose(short.simulate(key, times, 10), long.simulate(key, times, 10), rtol=1e-6)
    by_correlation = simulate.BlackScholes(36.0, 0.2, 0.06, correlation=np.eye(2))
    assert by_correlation.assets == 2 and by_correlation.simulate(key, times, 10).shape == (2, 10, 2)
    assert simulate.BlackScholes(36.0, 0.2, 0.06).assets == 1


def test_keys():
    """The same key gives the same paths, another key others."""
    paths = [MARKET.simulate(jax.random.key(seed), TIMES, 100) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(paths[0], paths[1])
    assert (np.asarray(paths[0]) != np.asarray(paths[2])).all()


@pytest.mark.parametrize("seed", [0, 1])
def test_euler_by_its_exact_moments(seed):
    """Mean and mean square after n steps are powers: S₀ (1 + r dt)ⁿ and S₀² ((1 + r dt)² + σ² dt)ⁿ."""
    market = simulate.BlackScholes(36.0, 0.5, 0.06, dividend=0.02)
    paths = np.asarray(simulate.euler(jax.random.key(seed), market, jnp.arange(1, 5) / 2.0, PATHS), float)
    n, growth = np.arange(1, 5), 1 + 0.04 / 2
    assert paths.shape == (4, PATHS, 1)
    assert within(paths[..., 0], 36.0 * growth**n)
    assert within(paths[..., 0] ** 2, 36.0**2 * (growth**2 + 0.25 / 2) ** n)
    assert not within(paths[..., 0] ** 2, 36.0**2 * np.exp((0.08 + 0.25) * n / 2))  # not the exact spread


def test_euler_prices_by_the_law_of_its_step():
    """One step is normal, not log-normal: the put's price under the one law is 6% from that under the other."""
    market, payoff = simulate.BlackScholes(36.0, 0.4, 0.06), payoffs.put(40.0)
    state = simulate.euler(jax.random.key(0), market, jnp.array([1.0]), PATHS)  # (1, paths, 1)
    mean, deviation = 36.0 * 1.06, 36.0 * 0.4
    distance = (40.0 - mean) / deviation
    density = np.exp(-(distance**2) / 2) / np.sqrt(2 * np.pi)
    normal_law = (40.0 - mean) * reference.normal_distribution(distance) + deviation * density
    assert within(payoff(state), normal_law)
    assert not within(payoff(state), reference.black_scholes("put", 36.0, 40.0, 0.4, 0.06, 1.0) * np.exp(0.06))


def test_euler_correlates():
    paths = simulate.euler(jax.random.key(0), MARKET, jnp.array([0.25]), PATHS)[0, ::2]  # (paths/2, assets)
    np.testing.assert_array_less(
        np.abs(np.corrcoef(paths.T) - CORRELATION), 4 * (1 - CORRELATION**2) / np.sqrt(PATHS / 2) + 1e-6
    )


@pytest.mark.parametrize("seed", [0, 1])
def test_ornstein_uhlenbeck(seed):
    """Mean and variance of an Euler step's autoregression, from its start at 0 to where it settles, and its memory."""
    mean, timescale, volatility, step = 1.5, 2.0, 0.7, 0.25
    paths = np.asarray(
        simulate.ornstein_uhlenbeck(jax.random.key(seed), mean, timescale, volatility, step, 60, PATHS), float
    )
    assert paths.shape == (60, PATHS)
    keeps, n = 1 - step / timescale, np.arange(1, 61)
    means = mean * (1 - keeps**n)
    variances = volatility**2 * 2 * step / timescale * (1 - keeps ** (2 * n)) / (1 - keeps**2)
    assert variances[-1] == pytest.approx(volatility**2, rel=0.07)  # the stationary one, up to the Euler step's bias
    for date in (0, 5, 59):
        assert within(paths[date], means[date]) and within((paths[date] - means[date]) ** 2, variances[date])
    assert np.corrcoef(paths[-2], paths[-1])[0, 1] == pytest.approx(keeps, abs=4 * (1 - keeps**2) / np.sqrt(PATHS))


def test_a_longer_split_begins_with_the_shorter_one():
    """Notebook 05 says so: whoever splits a key again gets the old keys first."""
    three, five = (jax.random.key_data(jax.random.split(jax.random.key(3), number)) for number in (3, 5))
    assert (three == five[:3]).all()


@pytest.mark.parametrize(("kind", "as_one_by_one", "unchanged"), [("threefry2x32", 4, 1), ("rbg", 1, 4)])
def test_rbg_keys_but_the_first_are_ignored_under_vmap(kind, as_one_by_one, unchanged):
    """What the page about peers says, and jax's own documentation of jax.random: rows that agree, of four."""
    draw = lambda key: jax.random.normal(key, (3,))
    keys, others = (jax.random.split(jax.random.key(seed, impl=kind), 4) for seed in (0, 1))
    mapped = jax.vmap(draw)(keys)
    one_by_one, partly_others = jnp.stack([draw(key) for key in keys]), jax.vmap(draw)(jnp.concatenate([keys[:1], others[1:]]))
    assert (mapped == one_by_one).all(axis=1).sum() == as_one_by_one
    assert (mapped == partly_others).all(axis=1).sum() == unchanged
