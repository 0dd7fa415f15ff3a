"""Three ways to learn a continuation value, and the mean of several, each a triple of functions.

A regressor is ``init(key, x) -> parameters``, ``fit(parameters, x, y, weights, fresh) -> parameters`` and
``predict(parameters, x) -> (paths,)``, where ``x`` is (paths, features), ``y`` and ``weights`` are (paths,). Backward
induction calls ``init``, which looks only at the shape of ``x``, and then ``fit`` at every date with the parameters of the
date after it; ``fresh`` says that they are still those of ``init``. A regressor may start from these (the network does) or
ignore them (the others do). Parameters are a pytree whose shapes don't change, so a ``scan`` over dates can stack them.
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

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
        share = shares(weights)  # (paths,)
        x_mean, y_mean = share @ x, share @ y
        x_std, y_std = jnp.sqrt(share @ (x - x_mean) ** 2), jnp.sqrt(share @ (y - y_mean) ** 2)
        floor = 1e-6  # a constant input is mapped to 0, not to 0/0; a constant target has hardly a spread, so undo gives it back
        return Scale(
            x_mean,
            jnp.where(x_std > floor * jnp.abs(x_mean), x_std, 1.0),
            y_mean,
            jnp.maximum(y_std, floor * jnp.abs(y_mean) + 1e-30),
        )

    @staticmethod
    def identity(x: jax.Array) -> "Scale":
        """What leaves inputs like ``x`` (paths, features), and their targets, as they are."""
        zeros, zero = jnp.zeros_like(x[0]), jnp.zeros((), x.dtype)
        return Scale(zeros, zeros + 1.0, zero, zero + 1.0)

    def inputs(self, x: jax.Array) -> jax.Array:
        return (x - self.x_mean) / self.x_std

    def targets(self, y: jax.Array) -> jax.Array:
        return (y - self.y_mean) / self.y_std

    def undo(self, y: jax.Array) -> jax.Array:
        return self.y_mean + self.y_std * y


AT_ONCE = 2**25  # numbers that a polynomial's functions may fill at once: 128 MiB in float32
ENOUGH = 32_768  # paths for a least-squares problem of up to a hundred coefficients; of more it sees a sample


def never(parameters):
    """``parameters`` that wait whatever exercising pays: every ``Scale`` among them gives infinity. Without one, they come back as they are."""
    is_scale = lambda node: isinstance(node, Scale)
    if not any(map(is_scale, jax.tree.leaves(parameters, is_leaf=is_scale))):
        return parameters
    wait = lambda node: node._replace(y_mean=jnp.full_like(node.y_mean, jnp.inf)) if is_scale(node) else node
    return jax.tree.map(wait, parameters, is_leaf=is_scale)


def shares(weights: jax.Array) -> jax.Array:
    """``weights`` (rows,) divided by their sum; zeros where all are 0, as those of a sample can be."""
    return weights / jnp.maximum(weights.sum(), 1e-30)


def deal(array: jax.Array, size: int) -> jax.Array:
    """``array`` (rows, …) dealt like cards into blocks of ``size`` rows: (size, blocks, …), a block being ``[:, i]``.

    Every block has rows from everywhere, so it is a fair sample of them, and where paths are spread over devices each device
    has its share of each block. What is missing in the last row is 0, which has the weight 0.
    """
    blocks = -(-array.shape[0] // size)
    padded = jnp.pad(array, [(0, blocks * size - array.shape[0])] + [(0, 0)] * (array.ndim - 1))
    return padded.reshape(size, blocks, *array.shape[1:])


def sample(array: jax.Array, limit: int) -> jax.Array:
    """Every k-th row of ``array`` (rows, …), all or at least ``limit`` of them, but fewer than twice as many: a fair sample.

    It is ``array[::k]``, which in jax 0.7 would have devices that share the rows send each other all of the sample.
    """
    return jax.lax.slice_in_dim(array, 0, None, stride=max(1, len(array) // limit))


def ridge_towards(current, basis, x, y, weights, ridge: float, limit: int | None = None) -> jax.Array:
    """Least squares that stays where the data says nothing.

    Minimizes ``mean(weights (basis(x) @ c - y)²) + ridge |c - current|²`` over ``c`` (functions,), where ``basis`` maps
    (paths, features) to (paths, functions) and ``|…|²`` counts each function's mean square. Plain normal equations are
    singular as soon as one basis function is 0 on all paths, as a dead ReLU is; in float32 they then give NaN, and NaN
    compares false, which would silently mean "never exercise". The ridge makes them positive definite, and since it pulls
    towards ``current`` and not to 0, it costs no bias where ``current`` is already good. With a ``limit``, a sample of at least
    so many rows is used.
    """
    share = shares(weights)  # (rows,)
    if limit:
        x, y, share = (sample(array, limit) for array in (x, y, share))
    columns = jnp.sqrt(share)[:, None] * jnp.concatenate([basis(x), y[:, None]], axis=1)  # (rows, functions + 1)
    # One product of matrices, in which the roots make up the shares, yields the Gram matrix and, last, the moments with y.
    total = columns.T @ columns  # (functions + 1, functions + 1)
    gram, moment = total[:-1, :-1], total[:-1, -1]
    unit = jnp.eye(len(gram))  # the largest entry of a Gram matrix is on its diagonal; where all used rows weigh 0, nothing moves
    regular = gram * (1.0 + ridge * unit) + (1e-10 * gram.max() + 1e-30) * unit
    return current + jax.scipy.linalg.solve(regular, moment - gram @ current, assume_a="pos")


def with_constant(basis: jax.Array) -> jax.Array:
    """``basis`` (paths, functions) with a last column of ones."""
    return jnp.concatenate([basis, jnp.ones((*basis.shape[:-1], 1), basis.dtype)], axis=-1)


@dataclass(frozen=True)
class Network:
    """A ReLU network: warm start, a few Adam steps, then the last layer by least squares.

    By default it has two hidden layers of 64. For a single input one is enough: such a network is a broken line, and breaks
    where it needs to.

    The first network starts from random weights and takes ``first_steps`` more steps of Adam than the others, each of which
    starts from that of the date after it. The network is linear in its last layer's weights, so their best values are one
    least-squares problem away: that is worth thousands of steps of Adam.

    Attributes:
        widths: of the hidden layers; None leaves them to the number of inputs, as said above.
        steps_per_input: of Adam at every date, for each input.
        first_steps: of Adam besides, at the last date but one, where the weights are random.
        batch: paths per step.
        rate: the learning rate that a cosine takes to 0.
        refit_paths: of more paths the least squares sees a sample, of so many or up to twice as many.
        ridge: pulls the last layer towards its weights before the least squares.
    """

    widths: tuple[int, ...] | None = None
    first_steps: int = 1500
    steps_per_input: int = 20
    batch: int = 512
    rate: float = 5e-3
    refit_paths: int = ENOUGH
    ridge: float = 3e-5

    class Parameters(NamedTuple):
        scale: Scale
        layers: tuple[networks.Dense, ...]

    def init(self, key, x):
        widths = self.widths or ((64,) if x.shape[1] == 1 else (64, 64))
        return self.Parameters(Scale.identity(x), networks.init(key, (x.shape[1], *widths, 1), bias=0.5))

    def fit(self, parameters, x, y, weights, fresh):
        scale = Scale.of(x, y, weights)
        steps = self.steps_per_input * x.shape[1] + jnp.where(fresh, self.first_steps, 0)
        x, y = scale.inputs(x), scale.targets(y)
        layers = self.adam(parameters.layers, x, y, weights, steps)
        return self.Parameters(scale, self.refit(layers, x, y, weights))

    def predict(self, parameters, x):
        scale, layers = parameters
        return scale.undo(networks.apply(layers, scale.inputs(x))[:, 0])

    def adam(self, layers, x, y, weights, steps):
        cosine = optax.cosine_decay_schedule(self.rate, decay_steps=1)  # of the share of the steps: their number is traced
        optimizer = optax.adam(lambda i: cosine(i / steps))
        hands = [deal(array, min(self.batch, x.shape[0])) for array in (x, y, weights)]  # (batch, batches, …)

        def loss(layers, x, y, weights):
            errors = networks.apply(layers, x)[:, 0] - y  # (batch,)
            return (weights * errors**2).mean()  # over all of the batch: a factor changes no step of Adam

        def step(i, state):
            layers, moments = state
            # Paths are random already, so batches come in turn. Each date begins with the first: few steps see few of the paths.
            batch = (hand[:, i % hand.shape[1]] for hand in hands)
            updates, moments = optimizer.update(jax.grad(loss)(layers, *batch), moments)
            return optax.apply_updates(layers, updates), moments

        return jax.lax.fori_loop(0, steps, step, (layers, optimizer.init(layers)))[0]

    def refit(self, layers, x, y, weights):
        kernel, bias = layers[-1].kernel[:, 0], layers[-1].bias  # (width,), (1,)
        # The hidden units less what they are at the mean input: the same functions, but far from parallel to the constant, which
        # float32 needs.
        center = networks.hidden(layers, jnp.zeros_like(x[:1]))[0]  # (width,)
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

    def init(self, key, x):
        return jax.lax.map(lambda key: self.member.init(key, x), jax.random.split(key, self.members))

    def fit(self, parameters, x, y, weights, fresh):
        return jax.lax.map(lambda parameters: self.member.fit(parameters, x, y, weights, fresh), parameters)

    def predict(self, parameters, x):
        return jax.lax.map(lambda parameters: self.member.predict(parameters, x), parameters).mean(axis=0)  # (paths,)


class Linear(NamedTuple):
    """Parameters of a regression on fixed basis functions."""

    scale: Scale
    coefficients: jax.Array  # (functions,)


class _LinearRegressor:
    """What polynomial and random features share: coefficients by least squares, no memory of the date after."""

    def init(self, key, x):
        return Linear(Scale.identity(x), jnp.zeros(self.basis(x[:1]).shape[1], x.dtype))

    def fit(self, parameters, x, y, weights, fresh):
        scale = Scale.of(x, y, weights)
        x, y = scale.inputs(x), scale.targets(y)
        nothing = jnp.zeros_like(parameters.coefficients)  # (functions,)
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
        """The functions (functions, paths), the constant last: those of a degree are products of those of the degree below with
        one variable more, all at once, so that the program is as long for a hundred inputs as for two."""
        rows = x.T  # (features, paths)
        newest, last = jnp.ones_like(rows[:1]), [0]  # each with its last variable, so that x0 x1 comes once, not as x1 x0 too
        degrees = []
        for _ in range(self.degree):
            pairs = [(function, j) for function, i in enumerate(last) for j in range(i, len(rows))]
            functions, last = map(list, zip(*pairs))
            newest = newest[np.array(functions)] * rows[np.array(last)]
            degrees.append(newest)
        return jnp.concatenate([*degrees, jnp.ones_like(rows[:1])])

    def basis(self, x):
        return self.monomials(x).T  # (paths, functions)

    def predict(self, parameters, x):
        scale, coefficients = parameters
        x = scale.inputs(x)
        if x.shape[1] == 1:  # Horner's rule: many times as fast as a product of matrices
            powers = jnp.concatenate([coefficients[-1:], coefficients[:-1]])  # (degree + 1,), the constant first
            return scale.undo(jnp.polyval(powers[::-1], x[:, 0], unroll=self.degree + 1))
        value = lambda x: coefficients @ self.monomials(x)  # (paths,)
        if x.shape[0] * coefficients.shape[0] > AT_ONCE:  # in blocks of rows, since all the functions of all paths are too many
            return scale.undo(jax.lax.map(lambda row: value(row[None])[0], x, batch_size=AT_ONCE // coefficients.shape[0]))
        return scale.undo(value(x))


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
