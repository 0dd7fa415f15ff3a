"""Three ways to learn a continuation value, and the mean of several, each a triple of functions.

A regressor is ``init(key, x, y, weights) -> parameters``, ``fit(parameters, key, x, y, weights) -> parameters`` and
``predict(parameters, x) -> (paths,)``, where ``x`` is (paths, features), ``y`` and ``weights`` are (paths,). Backward
induction calls ``init`` at the last date but one, then ``fit`` at every date with the parameters of the date after it: a
regressor may start from these (the network does) or ignore them (the others do). Parameters are a pytree whose shapes
don't change, so a ``scan`` over dates can stack them.
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree

from course_utils import networks


class Scale(NamedTuple):
    """Maps inputs and targets to mean 0 and standard deviation 1, whatever the currency or the strike."""

    x_mean: jax.Array  # (features,)
    x_std: jax.Array  # (features,)
    y_mean: jax.Array  # ()
    y_std: jax.Array  # ()

    @staticmethod
    def of(x: jax.Array, y: jax.Array, weights: jax.Array) -> "Scale":
        """The moments of ``x`` (paths, features) and ``y`` (paths,) under ``weights``: of the paths that are learned from.

        Those of all paths would do less well: of a put far out of the money the paths in the money are a few at the edge, where
        a small network has no kinks to bend.
        """
        share = weights / weights.sum()  # (paths,)
        x_mean, y_mean = share @ x, share @ y
        x_std, y_std = jnp.sqrt(share @ (x - x_mean) ** 2), jnp.sqrt(share @ (y - y_mean) ** 2)
        floor = 1e-6  # a constant input or target is mapped to 0, not to 0/0
        return Scale(
            x_mean,
            jnp.where(x_std > floor * jnp.abs(x_mean), x_std, 1.0),
            y_mean,
            jnp.where(y_std > floor * jnp.abs(y_mean), y_std, 1.0),
        )

    def inputs(self, x: jax.Array) -> jax.Array:
        return (x - self.x_mean) / self.x_std

    def targets(self, y: jax.Array) -> jax.Array:
        return (y - self.y_mean) / self.y_std

    def undo(self, y: jax.Array) -> jax.Array:
        return self.y_mean + self.y_std * y


ENOUGH = 32_768  # paths that a least-squares problem of some dozen coefficients sees, of all there are
BLOCK = 4096  # paths whose activations fit the cache: blocks of them are worked off up to four times as fast as all at once


def deal(array: jax.Array, size: int) -> jax.Array:
    """``array`` (rows, …) dealt like cards into blocks of ``size`` rows: (size, blocks, …), a block being ``[:, i]``.

    Every block has rows from everywhere, so it is a fair sample of them, and where paths are spread over devices each device
    has its share of each block. What is missing in the last row is 0, which has the weight 0.
    """
    blocks = -(-array.shape[0] // size)
    padded = jnp.pad(array, [(0, blocks * size - array.shape[0])] + [(0, 0)] * (array.ndim - 1))
    return padded.reshape(size, blocks, *array.shape[1:])


def by_blocks(function, *arrays: jax.Array, limit: int | None = None):
    """``function`` of one block of all ``arrays`` (rows, …) after the other: its results with a leading axis of blocks.

    With a ``limit`` no more than so many rows are used, rounded up to whole blocks.
    """
    rows = arrays[0].shape[0]
    blocks = -(-rows // BLOCK)
    hands = [deal(array, -(-rows // blocks)) for array in arrays]
    return jax.lax.map(lambda i: function(*(hand[:, i] for hand in hands)), jnp.arange(min(blocks, -(-(limit or rows) // BLOCK))))


def ridge_towards(current, basis, x, y, weights, ridge: float, limit: int | None = None) -> jax.Array:
    """Least squares that stays where the data says nothing.

    Minimizes ``mean(weights (basis(x) @ c - y)²) + ridge |c - current|²`` over ``c`` (functions,), where ``basis`` maps
    (paths, features) to (paths, functions) and ``|…|²`` counts each function's mean square. Plain normal equations are
    singular as soon as one basis function is 0 on all paths, as a dead ReLU is; in float32 they then give NaN, and NaN
    compares false, which would silently mean "never exercise". The ridge makes them positive definite, and since it pulls
    towards ``current`` and not to 0, it costs no bias where ``current`` is already good. ``limit``: as in ``by_blocks``.
    """

    def products(x, y, weights):
        columns = jnp.concatenate([basis(x), y[:, None]], axis=1)  # (block, functions + 1)
        return (columns * weights[:, None]).T @ columns

    # One product of matrices yields the Gram matrix and, as its last column, the moments with y.
    total = by_blocks(products, x, y, weights / weights.sum(), limit=limit).sum(axis=0)  # (functions + 1, functions + 1)
    gram, moment = total[:-1, :-1], total[:-1, -1]
    squares = jnp.diag(gram)  # (functions,)
    regular = gram + jnp.diag(ridge * squares + 1e-10 * squares.max() + 1e-30)  # where all weights are 0, nothing moves
    return current + jax.scipy.linalg.solve(regular, moment - gram @ current, assume_a="pos")


def with_constant(basis: jax.Array) -> jax.Array:
    """``basis`` (paths, functions) with a last column of ones."""
    return jnp.concatenate([basis, jnp.ones((*basis.shape[:-1], 1), basis.dtype)], axis=-1)


@dataclass(frozen=True)
class Network:
    """A ReLU network, by default 64–64–1, or 32–32–1 for one or two inputs: warm start, a few Adam steps, then the last
    layer by least squares.

    The first network starts from random weights and takes ``first_steps`` steps of Adam; at each date the network starts
    from that of the date after it and takes a few more, the more inputs there are. The network is linear in its last
    layer's weights, so their best values are one least-squares problem away: that is worth thousands of steps of Adam.

    Attributes:
        widths: of the hidden layers; None leaves them to the number of inputs.
        first_steps: of Adam, from random weights, at the last date but one.
        steps_per_input: of Adam at every date, for each input.
        batch: paths per step.
        rate: the learning rate that a cosine takes to 0.
        refit_paths: that the least squares sees, of all there are.
        ridge: pulls the last layer towards its weights before the least squares.
    """

    widths: tuple[int, ...] | None = None
    first_steps: int = 1000
    steps_per_input: int = 20
    batch: int = 512
    rate: float = 5e-3
    refit_paths: int = ENOUGH
    ridge: float = 3e-5

    class Parameters(NamedTuple):
        scale: Scale
        layers: tuple[networks.Dense, ...]

    def init(self, key, x, y, weights):
        start, train = jax.random.split(key)
        scale = Scale.of(x, y, weights)
        widths = self.widths or ((32, 32) if x.shape[1] <= 2 else (64, 64))
        layers = networks.init(start, (x.shape[1], *widths, 1), bias=0.5)
        return self.Parameters(scale, self.adam(layers, train, scale.inputs(x), scale.targets(y), weights, self.first_steps))

    def fit(self, parameters, key, x, y, weights):
        scale = Scale.of(x, y, weights)
        steps = self.steps_per_input * x.shape[1]
        x, y = scale.inputs(x), scale.targets(y)
        layers = self.adam(parameters.layers, key, x, y, weights, steps)
        return self.Parameters(scale, self.refit(layers, x, y, weights))

    def predict(self, parameters, x):
        scale, layers = parameters
        kernel, bias = layers[-1].kernel[:, 0], layers[-1].bias  # (width,), (1,)

        def block(x):  # (block, features) -> (block,); this sum is faster than the product with a matrix of one column
            return scale.undo((networks.hidden(layers, scale.inputs(x)) * kernel).sum(axis=1) + bias)

        return by_blocks(block, x).T.reshape(-1)[: x.shape[0]]

    def adam(self, layers, key, x, y, weights, steps):
        optimizer = optax.adam(optax.cosine_decay_schedule(self.rate, steps))
        flat, unravel = ravel_pytree(layers)  # one long vector: fewer, larger operations
        hands = [deal(array, min(self.batch, x.shape[0])) for array in (x, y, weights)]  # (batch, batches, …)

        def loss(flat, x, y, weights):
            errors = networks.apply(unravel(flat), x)[:, 0] - y  # (batch,)
            return (weights * errors**2).sum() / jnp.maximum(weights.sum(), 1.0)

        def step(state, i):
            flat, moments = state
            updates, moments = optimizer.update(jax.grad(loss)(flat, *(hand[:, i] for hand in hands)), moments)
            return (flat + updates, moments), None

        # Paths are random already: batches in turn, from one at random on, are as good as shuffled, and compile faster.
        order = (jax.random.bits(key) + jnp.arange(steps, dtype=jnp.uint32)) % hands[0].shape[1]
        return unravel(jax.lax.scan(step, (flat, optimizer.init(flat)), order)[0][0])

    def refit(self, layers, x, y, weights):
        kernel, bias = layers[-1].kernel[:, 0], layers[-1].bias  # (width,), (1,)
        # The hidden units less their mean: the same functions, but far from parallel to the constant, which float32 needs.
        some, weight = (deal(array, min(BLOCK, x.shape[0]))[:, 0] for array in (x, weights))  # one block
        center = weight @ networks.hidden(layers, some) / jnp.maximum(weight.sum(), 1.0)  # (width,)
        last = jnp.concatenate([kernel, bias + kernel @ center])  # (width + 1,)
        basis = lambda x: with_constant(networks.hidden(layers, x) - center)
        last = ridge_towards(last, basis, x, y, weights, self.ridge, limit=self.refit_paths)
        kernel, bias = last[:-1], last[-1:] - last[:-1] @ center
        return (*layers[:-1], networks.Dense(kernel[:, None], bias))


@dataclass(frozen=True)
class Ensemble:
    """Several members of one kind, which predict their mean: each starts at random, so their errors partly cancel.

    Four networks with a few steps each came closer than one with four times the steps, in five dimensions. The members are
    one more stacked axis: a leaf of the policy is (dates-1, members, …). They are fitted one after the other: side by side, by
    ``vmap``, they would leave the cache of a CPU.
    """

    member: Network = Network()
    members: int = 4

    def init(self, key, x, y, weights):
        return jax.lax.map(lambda key: self.member.init(key, x, y, weights), jax.random.split(key, self.members))

    def fit(self, parameters, key, x, y, weights):
        each = parameters, jax.random.split(key, self.members)
        return jax.lax.map(lambda each: self.member.fit(*each, x, y, weights), each)

    def predict(self, parameters, x):
        return jax.lax.map(lambda parameters: self.member.predict(parameters, x), parameters).mean(axis=0)  # (paths,)


class Linear(NamedTuple):
    """Parameters of a regression on fixed basis functions."""

    scale: Scale
    coefficients: jax.Array  # (functions,)


class _LinearRegressor:
    """What polynomial and random features share: coefficients by least squares, no memory of the date after."""

    def fit(self, parameters, key, x, y, weights):
        return self.init(key, x, y, weights)

    def init(self, key, x, y, weights):
        scale = Scale.of(x, y, weights)
        x, y = scale.inputs(x), scale.targets(y)
        nothing = jnp.zeros(self.basis(x[:1]).shape[1], x.dtype)  # (functions,)
        return Linear(scale, ridge_towards(nothing, self.basis, x, y, weights, self.ridge, limit=self.refit_paths))

    def predict(self, parameters, x):
        scale, coefficients = parameters
        return scale.undo(self.basis(scale.inputs(x)) @ coefficients)


@dataclass(frozen=True)
class Polynomial(_LinearRegressor):
    """All monomials of the inputs up to ``degree``, as in the classical method (Longstaff and Schwartz, 2001)."""

    degree: int = 4
    ridge: float = 1e-5
    refit_paths: int = ENOUGH

    def monomials(self, x):
        """The functions (paths,) one by one, the constant last."""
        newest = [(0, jnp.ones_like(x[:, 0]))]  # each with its last variable, so that x0 x1 comes once, not as x1 x0 too
        for _ in range(self.degree):
            newest = [(j, function * x[:, j]) for i, function in newest for j in range(i, x.shape[1])]
            yield from (function for _, function in newest)
        yield jnp.ones_like(x[:, 0])

    def basis(self, x):
        return jnp.stack(list(self.monomials(x)), axis=1)  # (paths, functions)

    def predict(self, parameters, x):  # term by term: with few functions that is many times as fast as a product of matrices
        scale, coefficients = parameters
        functions = self.monomials(scale.inputs(x))
        return scale.undo(sum(c * function for c, function in zip(coefficients, functions)))


@dataclass(frozen=True)
class RandomFeatures(_LinearRegressor):
    """A network whose hidden layer is drawn once and never trained: only the last layer is fitted, by least squares.

    (C. Herrera et al., "Optimal stopping via randomized neural networks", 2021.)
    """

    width: int = 128
    seed: int = 0
    ridge: float = 1e-4
    refit_paths: int = ENOUGH

    def basis(self, x):
        layers = networks.init(jax.random.key(self.seed), (x.shape[1], self.width, 1))
        bias = jax.random.normal(jax.random.key(self.seed + 1), (self.width,))
        return with_constant(jnp.concatenate([x, jax.nn.relu(x @ layers[0].kernel + bias)], axis=1))
