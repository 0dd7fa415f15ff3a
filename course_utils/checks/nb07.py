"""Checks of notebook 07: gradients by hand, momentum, gradients of single observations, a training as one scan."""

import jax
import jax.numpy as jnp

from course_utils.checks import Exercise, Mistake, draws_from, no_python_loop


def _batch(key, rows=(7,)):
    """Parameters (3,), features (*rows, 3) and outcomes (*rows,)."""
    rng = draws_from(key)
    return tuple(jnp.asarray(rng.normal(size=shape)) for shape in (3, (*rows, 3), rows))


def _momentum_inputs(key):
    """Three trees of one structure, a rate and a decay."""
    rng = draws_from(key)
    shapes = {"kernel": (3, 2), "bias": (2,)}
    trees = [{name: jnp.asarray(rng.normal(size=shape)) for name, shape in shapes.items()} for _ in range(3)]
    return *trees, jnp.asarray(rng.uniform(0.1, 0.5)), jnp.asarray(rng.uniform(0.5, 0.95))


def _plus(a, x, b, y):
    """a·x + b·y, leaf by leaf."""
    return jax.tree.map(lambda x, y: a * x + b * y, x, y)


def _momentum(theta, trace, gradient, rate, decay):
    trace = _plus(decay, trace, 1.0, gradient)
    return _plus(1.0, theta, -rate, trace), trace


def _square(theta, x, y):
    return (jnp.dot(x, theta) - y) ** 2


def _loss(theta, x, y):
    return jnp.mean((x @ theta - y) ** 2)


def _descend(theta, xs, ys, rate):
    def step(theta, batch):
        value, gradient = jax.value_and_grad(_loss)(theta, *batch)
        return theta - rate * gradient, value

    return jax.lax.scan(step, theta, (xs, ys))


def _descend_late(theta, xs, ys, rate):
    def step(theta, batch):
        theta = theta - rate * jax.grad(_loss)(theta, *batch)
        return theta, _loss(theta, *batch)

    return jax.lax.scan(step, theta, (xs, ys))


def _descend_loop(theta, xs, ys, rate):
    values = []
    for x, y in zip(xs, ys):
        values.append(_loss(theta, x, y))
        theta = theta - rate * jax.grad(_loss)(theta, x, y)
    return theta, jnp.stack(values)


def _descend_sum(theta, xs, ys, rate):
    def step(theta, batch):
        value, gradient = jax.value_and_grad(lambda *a: jnp.sum((a[1] @ a[0] - a[2]) ** 2))(theta, *batch)
        return theta - rate * gradient, value

    return jax.lax.scan(step, theta, (xs, ys))


def _start_only(theta, xs, ys, rate):
    values, gradients = jax.vmap(jax.value_and_grad(_loss), in_axes=(None, 0, 0))(theta, xs, ys)
    return theta - rate * gradients.sum(axis=0), values


_NO_LOOP = "the values are right, but a Python loop over the batches is left: let one scan go through `(xs, ys)`"

exercises = [
    Exercise(
        "07.1",
        solution=lambda theta, x, y: 2 * x.T @ (x @ theta - y) / len(y),
        inputs=_batch,
        mistakes=[
            Mistake(
                lambda theta, x, y: x.T @ (x @ theta - y) / len(y),
                "the derivative of a square is two times what was squared: the factor 2 is missing",
            ),
            Mistake(
                lambda theta, x, y: 2 * x.T @ (x @ theta - y),
                "that is the gradient of the sum of squares; the loss is their mean: divide by the size of the batch",
            ),
            Mistake(
                lambda theta, x, y: 2 * x.T @ (y - x @ theta) / len(y),
                "the sign is reversed: it points downhill; the gradient points uphill, with the residual x @ theta - y",
            ),
            Mistake(
                lambda theta, x, y: 2 * jnp.mean(x @ theta - y) * x.mean(axis=0),
                "the mean of a product is not the product of the means: weight each row of x by its own residual first",
            ),
        ],
    ),
    Exercise(
        "07.2",
        solution=_momentum,
        inputs=_momentum_inputs,
        mistakes=[
            Mistake(
                lambda theta, trace, gradient, rate, decay: (
                    _plus(1.0, theta, -rate, trace),
                    _plus(decay, trace, 1.0, gradient),
                ),
                "the parameters move by the old trace; make the new one first, and move by that",
            ),
            Mistake(
                lambda theta, trace, gradient, rate, decay: (
                    _plus(1.0, theta, -rate, _plus(decay, trace, 1.0 - decay, gradient)),
                    _plus(decay, trace, 1.0 - decay, gradient),
                ),
                "the gradient is weighted by 1 - decay; here the trace is a sum, so the gradient goes in whole",
            ),
            Mistake(
                lambda *a: _momentum(*a)[::-1],
                "right numbers in the wrong order: return the parameters first, then the trace",
            ),
            Mistake(
                lambda theta, trace, gradient, rate, decay: (
                    _plus(1.0, theta, -rate, gradient),
                    _plus(decay, trace, 1.0, gradient),
                ),
                "the parameters move by the gradient alone; they should move by the new trace",
            ),
            Mistake(
                lambda theta, trace, gradient, rate, decay: (theta - rate * (gradient + decay * trace), trace),
                "the arguments are trees, and trees can't be added with +: use jax.tree.map on their leaves",
            ),
        ],
    ),
    Exercise(
        "07.3",
        solution=jax.vmap(jax.grad(_square), in_axes=(None, 0, 0)),
        inputs=lambda key: _batch(key, rows=(30,)),
        inspect=no_python_loop("the values are right, but a Python loop visits the observations one by one; let vmap do it"),
        mistakes=[
            Mistake(
                jax.grad(_loss),
                "that is the gradient of the mean, one vector for the whole batch; map `grad` over the observations",
            ),
            Mistake(
                lambda theta, x, y: (x @ theta - y)[:, None] * x,
                "the factor 2 is missing, as if half the square had been differentiated",
            ),
            Mistake(
                lambda theta, x, y: jax.vmap(jax.grad(_square), in_axes=(None, 0, 0))(theta, x, y) / len(y),
                "these are the shares in the mean's gradient; an observation's own gradient isn't divided by the batch size",
            ),
            Mistake(
                lambda theta, x, y: jax.vmap(jax.grad(_square), in_axes=(None, 0, 0), out_axes=1)(theta, x, y),
                "the axes are swapped: observations come first, (batch, features)",
            ),
            Mistake(
                lambda theta, x, y: jax.vmap(jax.grad(_square))(theta, x, y),
                "`theta` is mapped over as well; hold it with in_axes=(None, 0, 0)",
            ),
        ],
    ),
    Exercise(
        "07.4",
        solution=_descend,
        inputs=lambda key: (*_batch(key, (40, 5)), jnp.float32(0.05)),
        inspect=no_python_loop(_NO_LOOP),
        mistakes=[
            Mistake(
                _descend_late,
                "each loss is taken after its step; jax.value_and_grad gives the loss before it, with the gradient",
            ),
            Mistake(
                lambda *a: _descend(*a[:3], -a[3]),
                "the parameters climb: subtract the gradient",
            ),
            Mistake(
                _descend_sum,
                "the loss of a batch is the mean of its squared residuals, and not their sum",
            ),
            Mistake(
                _start_only,
                "every gradient is taken at the first theta; carry the new theta on to the next batch",
            ),
            Mistake(_descend_loop, _NO_LOOP),
        ],
    ),
]
