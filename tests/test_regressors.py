"""Least squares against NumPy's, the three regressors on functions that they must find, and networks against a loop."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from course_utils import networks
from course_utils.regressors import Ensemble, Network, Polynomial, RandomFeatures, Scale, deal, ridge_towards, sample, shares


def problem(seed, rows=5000, columns=6):
    """A basis matrix, targets and 0/1 weights as float64 arrays."""
    draw = np.random.default_rng(seed)
    basis = draw.normal(size=(rows, columns))
    return basis, basis @ draw.normal(size=columns) + draw.normal(size=rows), (draw.random(rows) < 0.7).astype(float)


def solve(basis, y, weights, current, ridge):
    as_is = lambda x: x
    current, basis, y, weights = (jnp.asarray(argument, jnp.float32) for argument in (current, basis, y, weights))
    return np.asarray(ridge_towards(current, as_is, basis, y, weights, ridge), float)


@pytest.mark.parametrize("seed", range(3))
def test_ridge_of_nothing_is_least_squares(seed):
    """Well-conditioned, so float32 leaves 1e-4; the weights drop rows, wherever one starts from."""
    basis, y, weights = problem(seed)
    kept = weights > 0
    expected = np.linalg.lstsq(basis[kept], y[kept], rcond=None)[0]
    for current in (np.zeros(6), np.full(6, 3.0)):
        np.testing.assert_allclose(solve(basis, y, weights, current, 0.0), expected, atol=1e-4)
    everything = np.linalg.lstsq(basis, y, rcond=None)[0]
    assert np.abs(expected - everything).max() > 1e-3  # so the test sees whether the weights count


@pytest.mark.parametrize("ridge", [1e-3, 1.0])
def test_ridge_against_its_normal_equations(ridge):
    basis, y, weights = problem(7)
    current = np.linspace(-1.0, 1.0, 6)
    share = weights / weights.sum()
    gram, moment = basis.T @ (basis * share[:, None]), basis.T @ (share * y)
    penalty = np.diag(ridge * np.diag(gram))
    expected = np.linalg.solve(gram + penalty, moment + penalty @ current)
    np.testing.assert_allclose(solve(basis, y, weights, current, ridge), expected, atol=1e-4)  # float32


def test_large_ridge_stays():
    basis, y, weights = problem(1)
    current = np.linspace(-1.0, 1.0, 6)
    np.testing.assert_allclose(solve(basis, y, weights, current, 1e6), current, atol=1e-4)


def test_dead_unit_and_twins():
    """A column of zeros keeps its coefficient; equal columns share the work; nothing is NaN."""
    basis, y, weights = problem(2)
    current = np.arange(6.0)
    dead = basis * (np.arange(6) != 3)
    found = solve(dead, y, weights, current, 1e-5)
    assert np.isfinite(found).all() and found[3] == 3.0
    alive = [0, 1, 2, 4, 5]
    np.testing.assert_allclose(found[alive], solve(basis[:, alive], y, weights, current[alive], 1e-5), atol=1e-4)
    twins = basis.copy()
    twins[:, 1] = twins[:, 0]
    found = solve(twins, y, weights, np.zeros(6), 1e-5)
    assert np.isfinite(found).all() and found[0] == pytest.approx(found[1], abs=0.01)  # float32 over the ridge: 1.2e-7 / 1e-5


def test_no_weight_moves_nothing():
    """One path in the money, and not in the sample that is used: the Gram matrix is 0, and the answer must not be NaN."""
    basis, y = map(jnp.asarray, problem(3, rows=1000)[:2])
    current, weights = jnp.arange(6.0), jnp.zeros(1000).at[1].set(1.0)  # (functions,), (rows,): every second row, from row 0
    np.testing.assert_array_equal(ridge_towards(current, lambda x: x, basis, y, weights, 1e-5, limit=500), current)
    assert (ridge_towards(current, lambda x: x, basis, y, weights, 1e-5) != current).any()


def test_shares():
    """They add up to 1, whatever the weights add up to; where a sample has none, nothing is divided by 0."""
    np.testing.assert_allclose(shares(jnp.array([0.0, 1e-3, 3e-3])), [0.0, 0.25, 0.75], rtol=1e-6)
    np.testing.assert_array_equal(shares(jnp.zeros(4)), np.zeros(4))


@pytest.mark.parametrize("rows, kept", [(3, 3), (10, 10), (19, 19), (20, 10), (35, 12), (1000, 10)])
def test_sample(rows, kept):
    """Rows at equal distances, from the first one on, and never fewer than asked for where there are so many."""
    found = sample(jnp.arange(rows), 10)
    assert len(found) == kept >= min(rows, 10)
    np.testing.assert_array_equal(np.diff(found), max(1, rows // 10))
    assert found[0] == 0


@pytest.mark.parametrize("rows, size", [(1, 1), (12, 4), (13, 4), (100, 7), (100, 100)])
def test_deal(rows, size):
    """Like cards: every row once, one to each block in turn, then zeros."""
    x = jnp.arange(1.0, 3 * rows + 1).reshape(rows, 3)  # (rows, 3), no zero among them
    hands = deal(x, size)
    blocks = -(-rows // size)
    assert hands.shape == (size, blocks, 3) and deal(x[:, 0], size).shape == (size, blocks)
    for i in range(blocks):
        cards = np.asarray(x)[i::blocks]
        np.testing.assert_array_equal(hands[: len(cards), i], cards)
        assert not hands[len(cards) :, i].any()


@pytest.mark.parametrize("rows", [100, 4096, 8209])
def test_every_row_counts_once(rows):
    """The last one too: float32, hence 1e-4. One row more or less would show by ten times that."""
    basis, y, weights = problem(5, rows)
    y[-1], weights[-1] = 1e3, 1.0
    kept = weights > 0
    expected = np.linalg.lstsq(basis[kept], y[kept], rcond=None)[0]
    np.testing.assert_allclose(solve(basis, y, weights, np.zeros(6), 0.0), expected, atol=1e-4 * np.abs(expected).max())


def test_limited_least_squares_is_that_of_a_sample():
    """With a limit of a third of the rows, the coefficients are those of every third row."""
    basis, y, weights = problem(4, rows=12_288)
    every_third = np.arange(12_288) % 3 == 0
    arrays = [jnp.asarray(array, jnp.float32) for array in (basis, y, weights)]
    found = ridge_towards(jnp.zeros(6), lambda x: x, *arrays, 0.0, limit=4096)
    kept = every_third & (weights > 0)
    np.testing.assert_allclose(found, np.linalg.lstsq(basis[kept], y[kept], rcond=None)[0], atol=1e-4)  # float32
    assert np.abs(found - np.linalg.lstsq(basis[weights > 0], y[weights > 0], rcond=None)[0]).max() > 1e-3


def test_scale_maps_to_mean_0_and_deviation_1():
    draw = np.random.default_rng(0)
    x, y = draw.normal(40_000.0, 300.0, size=(1000, 2)), draw.normal(3e-4, 1e-5, size=1000)
    weights = jnp.asarray(draw.random(1000) < 0.5, jnp.float32)
    x, y = jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.float32)
    scale = Scale.of(x, y, weights)
    inputs, targets = np.asarray(scale.inputs(x), float), np.asarray(scale.targets(y), float)
    kept = np.asarray(weights) > 0
    np.testing.assert_allclose(inputs[kept].mean(axis=0), 0.0, atol=1e-3)  # float32 at 40,000 with a spread of 300
    np.testing.assert_allclose(inputs[kept].std(axis=0), 1.0, atol=1e-3)
    assert targets[kept].mean() == pytest.approx(0.0, abs=1e-3) and targets[kept].std() == pytest.approx(1.0, abs=1e-3)
    np.testing.assert_allclose(scale.undo(scale.targets(y)), y, rtol=1e-5)


def test_scale_of_constants():
    """Divided by 1, not by 0."""
    scale = Scale.of(jnp.full((100, 1), 36.0), jnp.zeros(100), jnp.ones(100))
    assert abs(scale.inputs(jnp.array([[36.0]]))) <= 36 * 2**-22  # the mean of float32 numbers, rounded
    assert scale.targets(jnp.array(0.0)) == 0.0 and scale.undo(jnp.array(0.0)) == 0.0


def test_scale_that_changes_nothing():
    x = jax.random.normal(jax.random.key(0), (10, 3))
    scale = Scale.identity(x)
    np.testing.assert_array_equal(scale.inputs(x), x)
    np.testing.assert_array_equal(scale.targets(x[:, 0]), x[:, 0])


def test_fresh_parameters_take_more_steps():
    """With no other steps than the first ones, parameters that aren't fresh keep their hidden layers."""
    x = jax.random.normal(jax.random.key(0), (1000, 2))
    y, weights, network = jnp.sin(x[:, 0]), jnp.ones(1000), Network((8,), first_steps=10, steps_per_input=0)
    start = network.init(jax.random.key(1), x)
    moved = {fresh: network.fit(start, x, y, weights, fresh).layers[0].kernel - start.layers[0].kernel for fresh in (True, False)}
    assert jnp.abs(moved[True]).max() > 1e-3 and jnp.abs(moved[False]).max() == 0.0


REGRESSORS = [Network((64,)), Network((32, 32)), Polynomial(), RandomFeatures(), Ensemble(Network((32, 32)), members=2)]
by_name = lambda regressor: type(regressor).__name__


@pytest.fixture(scope="module", params=REGRESSORS, ids=by_name)
def fitted(request):
    """A function of two inputs with noise as large as itself: the regressor, its parameters, its answers, the truth."""
    regressor = request.param
    draw = np.random.default_rng(5)
    x = jnp.asarray(100.0 + 20.0 * draw.normal(size=(30_000, 2)), jnp.float32)  # (paths, 2)
    truth = 10.0 * jnp.exp(-(((x - 90.0) / 60.0) ** 2).sum(axis=1)) + 0.05 * x[:, 1]
    y = truth + truth.std() * jnp.asarray(draw.normal(size=30_000), jnp.float32)
    weights = jnp.asarray(draw.random(30_000) < 0.8, jnp.float32)

    @jax.jit
    def learn(x, y, weights):
        parameters = regressor.fit(regressor.init(jax.random.key(0), x), x, y, weights, fresh=True)
        return parameters, regressor.predict(parameters, x)

    return regressor, learn, (x, y, weights), truth


def test_regressor_finds_the_mean_through_noise(fitted):
    """Noise leaves an error of √(functions/paths) = √(130/24,000) = 0.07 at most, plus what the basis can't express."""
    _, learn, (x, y, weights), truth = fitted
    _, predicted = learn(x, y, weights)
    assert predicted.shape == (30_000,)
    assert jnp.sqrt(((predicted - truth) ** 2).mean()) < 0.12 * truth.std()


def test_regressor_ignores_rows_of_weight_0(fitted):
    _, learn, (x, y, weights), _ = fitted
    wrong = jnp.where(weights > 0, y, y + 100.0)
    np.testing.assert_allclose(learn(x, wrong, weights)[1], learn(x, y, weights)[1], rtol=1e-3)  # float32


def test_regressor_has_no_unit_of_money(fitted):
    """A factor that is a power of 2 changes no digit: predictions are exactly as many times as large."""
    _, learn, (x, y, weights), _ = fitted
    np.testing.assert_allclose(learn(x * 1024.0, y / 4096.0, weights)[1] * 4096.0, learn(x, y, weights)[1], rtol=1e-5)


def test_regressor_meets_constants(fitted):
    """A target that is the same on all paths comes back, in float32, and in any unit; such an input does no harm."""
    _, learn, (x, y, weights), _ = fitted
    for constant in (7.0, 7e-6, 0.0):
        np.testing.assert_allclose(learn(x, jnp.full_like(y, constant), weights)[1], constant, rtol=1e-5, atol=1e-29)
    assert jnp.isfinite(learn(x.at[:, 1].set(3.0), y, weights)[1]).all()


def test_parameters_keep_their_shapes(fitted):
    """So that a scan can stack them: fit's parameters are like init's, on more paths as well."""
    regressor, _, (x, y, weights), _ = fitted
    shapes = lambda tree: jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), tree)
    first = jax.eval_shape(regressor.init, jax.random.key(0), x)
    assert shapes(jax.eval_shape(regressor.fit, first, x[:100], y[:100], weights[:100], False)) == shapes(first)


def test_ensemble_is_the_mean_of_members_that_differ():
    x = jax.random.normal(jax.random.key(0), (2000, 2))
    truth = jnp.sin(x[:, 0]) * x[:, 1]
    ensemble = Ensemble(Network((16,), first_steps=100), members=3)
    parameters = ensemble.fit(ensemble.init(jax.random.key(1), x), x, truth, jnp.ones(2000), fresh=True)
    assert all(leaf.shape[0] == 3 for leaf in jax.tree.leaves(parameters))
    each = jax.vmap(ensemble.member.predict, in_axes=(0, None))(parameters, x)  # (members, paths)
    np.testing.assert_allclose(ensemble.predict(parameters, x), each.mean(axis=0), atol=1e-5)  # float32
    error = lambda predicted: ((predicted - truth) ** 2).mean(axis=-1)
    assert error(each.mean(axis=0)) < 0.9 * error(each).mean()  # equal only if the members were


def test_polynomial_basis():
    """All monomials of 2 inputs up to degree 3, and a one."""
    x = jnp.array([[2.0, 3.0], [-1.0, 0.5]])
    expected = [sorted(a**i * b**j for i in range(4) for j in range(4 - i)) for a, b in np.asarray(x)]
    np.testing.assert_allclose(np.sort(Polynomial(degree=3).basis(x)), expected, rtol=1e-6)


def test_random_features_depend_on_their_seed():
    x = jnp.linspace(-1.0, 1.0, 5)[:, None]
    assert RandomFeatures(width=16).basis(x).shape == (5, 1 + 16 + 1)
    np.testing.assert_array_equal(RandomFeatures(width=16).basis(x), RandomFeatures(width=16).basis(x))
    assert not np.allclose(RandomFeatures(width=16).basis(x), RandomFeatures(width=16, seed=7).basis(x))


def test_network_against_a_loop():
    layers = networks.init(jax.random.key(0), (3, 8, 5, 2), bias=0.5)
    x = jax.random.normal(jax.random.key(1), (7, 3))
    expected = np.asarray(x, float)
    for number, layer in enumerate(layers):
        expected = expected @ np.asarray(layer.kernel, float) + np.asarray(layer.bias, float)
        expected = expected if number == 2 else np.maximum(expected, 0.0)
    np.testing.assert_allclose(networks.apply(layers, x), expected, rtol=1e-4, atol=1e-5)
    assert networks.hidden(layers, x).shape == (7, 5)
    np.testing.assert_allclose(networks.apply(layers, x[2]), expected[2], rtol=1e-4, atol=1e-5)  # one row as well


def test_network_starts_random():
    """Kernels of variance 2/inputs within 4 standard errors, biases of deviation `bias`, no two layers alike."""
    layers = networks.init(jax.random.key(0), (200, 300, 300, 1), bias=0.5)
    assert [layer.kernel.shape for layer in layers] == [(200, 300), (300, 300), (300, 1)]
    for layer in layers[:2]:
        inputs = layer.kernel.shape[0]
        assert layer.kernel.var() == pytest.approx(2 / inputs, rel=4 * np.sqrt(2 / layer.kernel.size))
        assert layer.bias.std() == pytest.approx(0.5, rel=4 / np.sqrt(2 * 300))
    assert not np.allclose(layers[0].bias, layers[1].bias)
    assert (networks.init(jax.random.key(0), (2, 3))[0].bias == 0.0).all()
