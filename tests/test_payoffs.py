"""Payoffs against values worked out by hand, and as pytrees whose one leaf is the strike."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from course_utils import payoffs

ONE = jnp.array([[36.0], [44.0]])  # (paths, assets)
TWO = jnp.array([[30.0, 60.0], [45.0, 80.0]])
EXPECTED = {
    "put": (ONE, [4.0, 0.0]),
    "call": (ONE, [0.0, 4.0]),
    "basket_put": (TWO, [0.0, 0.0]),  # means 45 and 62.5
    "max_call": (TWO, [20.0, 40.0]),
    "max_put": (TWO / 2, [10.0, 0.0]),
    "min_put": (TWO, [10.0, 0.0]),
    "geometric_put": (TWO, [0.0, 0.0]),  # means 42.4 and 60
}


@pytest.mark.parametrize("name", EXPECTED)
def test_value(name):
    prices, expected = EXPECTED[name]
    np.testing.assert_allclose(getattr(payoffs, name)(40.0)(prices), expected, rtol=1e-6)


def test_means_are_arithmetic_and_geometric():
    np.testing.assert_allclose(payoffs.basket_put(50.0)(TWO), [5.0, 0.0], rtol=1e-6)
    np.testing.assert_allclose(payoffs.geometric_put(50.0)(TWO), [50 - np.sqrt(1800), 0.0], rtol=1e-5)


@pytest.mark.parametrize("name", EXPECTED)
def test_assets_are_the_last_axis(name):
    """(…, assets) -> (…), whatever stands in front."""
    prices = jnp.broadcast_to(EXPECTED[name][0], (3, 4, *EXPECTED[name][0].shape))  # (3, 4, paths, assets)
    payoff = getattr(payoffs, name)(70.0)
    assert payoff(prices).shape == (3, 4, 2)
    np.testing.assert_array_equal(payoff(prices)[2, 3], payoff(EXPECTED[name][0]))
    assert payoff(prices[0, 0, 0]).shape == ()


@pytest.mark.parametrize("name", EXPECTED)
def test_strike_is_the_one_leaf(name):
    payoff = getattr(payoffs, name)(40.0)
    assert jax.tree.leaves(payoff) == [40.0]
    assert jax.tree.structure(payoff) == jax.tree.structure(getattr(payoffs, name)(50.0))


def test_other_strike_compiles_nothing():
    value = jax.jit(lambda payoff, prices: payoff(prices))
    results = [value(payoffs.put(jnp.float32(strike)), ONE) for strike in (40.0, 41.0, 50.0)]
    assert value._cache_size() == 1
    np.testing.assert_allclose(results, [[4, 0], [5, 0], [14, 6]], rtol=1e-6)


def test_vmap_and_grad_by_strike():
    strikes = jnp.array([30.0, 40.0, 50.0])
    np.testing.assert_allclose(
        jax.vmap(lambda strike: payoffs.put(strike)(ONE))(strikes), [[0, 0], [4, 0], [14, 6]], rtol=1e-6
    )
    np.testing.assert_array_equal(jax.grad(lambda payoff: payoff(ONE).sum())(payoffs.put(40.0)).strike, 1.0)


@pytest.mark.parametrize("name", ["put", "call"])
def test_one_asset_only(name):
    with pytest.raises(ValueError, match=rf"payoffs\.{name} is written on one asset, but prices have 2"):
        getattr(payoffs, name)(40.0)(TWO)
