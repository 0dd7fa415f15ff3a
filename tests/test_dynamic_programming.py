"""The answers that the exercises of notebooks 13 and 14 expect, held against values found in another way."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from course_utils.checks import nb13, nb14


def test_stop_or_go_solves_the_die():
    """Up to three rolls, paid the last face: 14/3, 17/4 and 7/2 before roll 1, 2, 3, and a 4 or more stops the second."""
    die = jnp.full((6, 6), 1 / 6)
    value, stop = nb13._backward(jnp.arange(1.0, 7.0), die, 1.0, 3)
    np.testing.assert_allclose(value.mean(axis=1), [14 / 3, 17 / 4, 7 / 2], rtol=1e-6)
    assert stop.tolist() == [[False] * 4 + [True] * 2, [False] * 3 + [True] * 3, [True] * 6]


def test_right_to_sell_is_the_american_put():
    """Spot 36, strike 40, rate .06, volatility .2, one year: Longstaff and Schwartz (2001), Table 1; Black-Scholes."""
    assert nb13._share()["today"] == pytest.approx(4.4778, abs=5e-4)  # 50 dates, to more digits than the table's 4.478
    european = nb13._share(choose=lambda reward, go: jnp.where(go > 0, go, reward))["today"]
    assert european == pytest.approx(3.844, abs=5e-4)


@pytest.mark.parametrize("seed", range(3))
def test_stationary_is_the_eigenvector(seed):
    transition = nb14._matrix(jax.random.key(seed))
    values, vectors = np.linalg.eig(np.asarray(transition, np.float64).T)
    vector = np.real(vectors[:, np.argmax(np.abs(values))])
    found = nb14._solved(transition.T - jnp.eye(len(transition)))
    np.testing.assert_allclose(found, vector / vector.sum(), atol=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_push_moves_mass_as_the_matrix_does(seed):
    """Against the overlap of every image with every bin, by two loops; what leaves the grid is lost."""
    mass, factors, edges = (np.asarray(argument, np.float64) for argument in nb14._mass_and_edges(jax.random.key(seed)))
    for factor in factors:
        moved = np.zeros_like(mass)
        for i, share in enumerate(mass):
            low, high = factor * edges[i], factor * edges[i + 1]
            for j in range(len(mass)):
                moved[j] += share * max(0.0, min(high, edges[j + 1]) - max(low, edges[j])) / (high - low)
        np.testing.assert_allclose(nb14._pushed(jnp.array(mass), factor, jnp.array(edges)), moved, atol=1e-6)
        assert moved.sum() == pytest.approx(1.0) if factor < 1 else moved.sum() < 1
