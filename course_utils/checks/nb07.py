"""Checks of notebook 07: gradients by hand, momentum, the noise of a batch, a training run as one scan."""

import jax
import jax.numpy as jnp

from course_utils.checks import Exercise, Mistake, Prediction, draws_from, no_python_loop


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


def _rate_in_the_trace(theta, trace, gradient, rate, decay):
    trace = _plus(decay, trace, rate, gradient)
    return _plus(1.0, theta, -1.0, trace), trace


def _moved(move, trace_of=lambda t, g, rate, decay: decay * t + g):
    """A step that makes of each leaf p, its trace t and its gradient g a new p by ``move`` and a new t by ``trace_of``."""

    def step(theta, trace, gradient, rate, decay):
        new = jax.tree.map(lambda t, g: trace_of(t, g, rate, decay), trace, gradient)
        return jax.tree.map(lambda p, t, g: move(p, t, g, rate, decay), theta, trace, gradient), new

    return step


def _square(theta, x, y):
    return (jnp.dot(x, theta) - y) ** 2


_each = jax.vmap(jax.grad(_square), in_axes=(None, 0, 0))  # gradients of single observations: (observations, features)


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


def _descend_with(
    output=lambda theta, gradient, x, y: _loss(theta, x, y),
    loss=_loss,
    move=lambda theta, gradient, rate: theta - rate * gradient,
):
    """A training run that puts out another thing, goes down another loss, or moves in another way."""

    def descend(theta, xs, ys, rate):
        def step(theta, batch):
            gradient = jax.grad(loss)(theta, *batch)
            return move(theta, gradient, rate), output(theta, gradient, *batch)

        return jax.lax.scan(step, theta, (xs, ys))

    return descend


_NO_LOOP = "the values are right, but there is still a Python loop over the batches: let one scan go through `(xs, ys)`"

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
                lambda theta, x, y: 2 * x.T @ (x @ theta - y) / x.size,
                "it is divided by the number of entries of x; the mean is over the observations, so divide by len(y)",
            ),
            Mistake(
                lambda theta, x, y: 2 * x.T @ (x @ theta - y) / len(theta),
                "it is divided by the number of features; the mean is over the observations, so divide by len(y)",
            ),
            Mistake(
                lambda theta, x, y: 2 * (x @ theta - y)[:, None] * x,
                "these are the gradients of the single observations; take their mean over the batch, axis 0",
            ),
            Mistake(
                lambda theta, x, y: 2 * x.T @ (y - x @ theta) / len(y),
                "the sign is reversed: it points downhill; the gradient points uphill, with the residual x @ theta - y",
            ),
            Mistake(
                lambda theta, x, y: 2 * jnp.mean(x @ theta - y) * x.mean(axis=0),
                "the mean of a product is not the product of the means: weight each row of x by its own residual first",
            ),
            Mistake(
                lambda theta, x, y: jnp.mean(2 * (x @ theta - y)),
                "that is the derivative by the prediction, averaged; each residual is still to be multiplied by its row of x",
            ),
            Mistake(
                lambda theta, x, y: 2 * jnp.mean(x @ theta - y) * x,
                "the mean of the residuals multiplies all of x; each row of x has its own residual, and the mean comes last",
            ),
            Mistake(
                lambda theta, x, y: 2 * jnp.mean(x @ theta - y) * jnp.ones_like(theta),
                "the features are missing: the derivative by a parameter multiplies each residual by that parameter's feature",
            ),
            Mistake(
                lambda theta, x, y: 2 * (x @ theta - y) * x,
                "a residual for each row: give the residuals an axis, (x @ theta - y)[:, None], or write x.T @ (x @ theta - y)",
            ),
            Mistake(
                lambda theta, x, y: jnp.mean(2 * (x @ theta - y) * x, axis=0),
                "a residual for each row: give the residuals an axis, (x @ theta - y)[:, None], or write x.T @ (x @ theta - y)",
            ),
            Mistake(
                lambda theta, x, y: 2 * x @ (x @ theta - y) / len(y),
                "x has an observation in each row: the predictions are x @ theta, and the sum over observations is x.T @ residuals",
            ),
            Mistake(
                lambda theta, x, y: jnp.mean(2 * (x @ theta - y) * x.T),
                "the mean runs over observations and features; it should run over the observations alone, so that (features,) is left",
            ),
            Mistake(
                lambda theta, x, y: _loss(theta, x, y),
                "that is the loss itself; its derivatives by the parameters are asked for",
            ),
            Mistake(
                lambda theta, x, y: 2 * x.T @ (x @ theta - y) / jnp.sum(y),
                "it is divided by the sum of the outcomes; divide by their number, len(y)",
            ),
            Mistake(
                lambda theta, x, y: jnp.linalg.lstsq(x, y)[0],
                "those are the parameters where the gradient is zero; the gradient at `theta` is asked for",
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
                lambda theta, trace, gradient, rate, decay: _momentum(theta, trace, gradient, -rate, decay),
                "the parameters move uphill; they move by minus `rate` times the trace",
            ),
            Mistake(
                _rate_in_the_trace,
                "the trace is a sum of gradients, without the rate; multiply by `rate` when the parameters move",
            ),
            Mistake(
                lambda theta, trace, gradient, rate, decay: _momentum(theta, gradient, trace, rate, decay),
                "the gradient is multiplied by `decay`, and should be added whole; it is the old trace that decays",
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
            Mistake(
                lambda *a: jax.tree.map(lambda p, t: (p, t), *_momentum(*a)),
                "that is one tree of pairs; return a pair of trees, by one jax.tree.map for each",
            ),
            Mistake(
                lambda *a: _momentum(*a)[0],
                "the new trace is missing: return the pair of the new parameters and the new trace",
            ),
            Mistake(
                _moved(lambda p, t, g, rate, decay: p - rate * (g + decay * t), lambda t, g, rate, decay: t),
                "the old trace comes back, so the next step would forget this gradient; return the new one",
            ),
            Mistake(
                _moved(lambda p, t, g, rate, decay: p - rate * g - decay * t),
                "the decayed trace moves the parameters without the rate; multiply the whole new trace by `rate`",
            ),
            Mistake(
                _moved(lambda p, t, g, rate, decay: p - rate * g + decay * t),
                "the decayed trace has the wrong sign, and no rate; multiply the whole new trace by minus `rate`",
            ),
            Mistake(
                _moved(lambda p, t, g, rate, decay: p - (g + decay * t)),
                "the rate is missing: the parameters move by minus `rate` times the new trace",
            ),
            Mistake(
                _moved(lambda p, t, g, rate, decay: -rate * (g + decay * t)),
                "the first result is the move alone; add it to the parameters",
            ),
            Mistake(
                _moved(lambda p, t, g, rate, decay: p - rate * (g + t), lambda t, g, rate, decay: g + t),
                "the old trace doesn't decay: multiply it by `decay` before the gradient is added",
            ),
            Mistake(
                _moved(lambda p, t, g, rate, decay: p + decay * t - rate * g, lambda t, g, rate, decay: decay * t - rate * g),
                "the trace is a sum of gradients, without the rate and its sign; those come in when the parameters move",
            ),
            Mistake(
                _moved(lambda p, t, g, rate, decay: p - rate * (g + decay * (g + decay * t))),
                "the parameters move by a trace that was updated twice; compute the new trace once, then move by it",
            ),
        ],
    ),
    Exercise(
        "07.3",
        solution=lambda theta, x, y, size: _each(theta, x, y).std(axis=0, ddof=1) / size**0.5,
        inputs=lambda key: (*_batch(key, rows=(30,)), 16),
        static=(3,),
        inspect=no_python_loop("the values are right, but a Python loop visits the observations one by one; let vmap do it"),
        mistakes=[
            Mistake(
                lambda theta, x, y, size: _each(theta, x, y).std(axis=0, ddof=1),
                "that is the spread of the gradients of single observations; a batch takes the mean of `size` of them",
            ),
            Mistake(
                lambda theta, x, y, size: _each(theta, x, y).std(axis=0, ddof=1) / size,
                "the noise of a mean falls with the root of the number of observations, and not with the number",
            ),
            Mistake(
                lambda theta, x, y, size: _each(theta, x, y).std(axis=0, ddof=1) / len(y) ** 0.5,
                "that is for a batch as large as all the data; the batch has `size` observations",
            ),
            Mistake(
                lambda theta, x, y, size: _each(theta, x, y).std(axis=0) / size**0.5,
                "a little too small: take the standard deviation with ddof=1",
            ),
            Mistake(
                lambda theta, x, y, size: _each(theta, x, y).var(axis=0, ddof=1) / size,
                "that is the variance of a batch's gradient; the standard error is its square root",
            ),
            Mistake(
                lambda theta, x, y, size: _each(theta, x, y).std(ddof=1) / size**0.5,
                "the parameters are mixed up: each has a spread of its own, over the observations, axis 0",
            ),
            Mistake(
                lambda theta, x, y, size: _each(theta, x, y).std(axis=1, ddof=1) / size**0.5,
                "the spread runs over the features, within an observation; it should run over the observations, axis 0",
            ),
            Mistake(
                lambda theta, x, y, size: jnp.linalg.norm(_each(theta, x, y).std(axis=0, ddof=1)) / size**0.5,
                "that is the noise of all coordinates in one number; one for each parameter is asked for, (features,)",
            ),
            Mistake(
                lambda theta, x, y, size: _each(theta, x, y) / size**0.5,
                "those are the gradients themselves; their spread over the observations is asked for",
            ),
            Mistake(
                lambda theta, x, y, size: jnp.sqrt(jnp.mean(_each(theta, x, y) ** 2, axis=0) / size),
                "the mean gradient is in it as well: the spread is about the mean, so use `std`",
            ),
            Mistake(
                lambda theta, x, y, size: _each(theta, x, y).mean(axis=0) / size**0.5,
                "the mean of the gradients isn't their spread: use the standard deviation",
            ),
            Mistake(
                lambda theta, x, y, size: abs(jax.grad(_loss)(theta, x, y)) / size**0.5,
                "that goes by the gradient of the mean, which hides how the observations differ; map `grad` over them",
            ),
            Mistake(
                lambda theta, x, y, size: _each(theta, x, y).std(axis=0, ddof=1) / 2 / size**0.5,
                "half of it, as if half the square had been differentiated: a square's derivative has the factor 2",
            ),
            Mistake(
                lambda theta, x, y, size: (x @ theta - y).std(ddof=1) / size**0.5,
                "that is the spread of the residuals; the gradient of an observation is its residual times 2 x",
            ),
            Mistake(
                lambda theta, x, y, size: jax.vmap(jax.grad(_square, argnums=1), in_axes=(None, 0, 0))(theta, x, y).std(axis=0, ddof=1) / size**0.5,
                "these are derivatives by x; jax.grad takes the first argument, so theta should come first",
            ),
            Mistake(
                lambda theta, x, y, size: jax.vmap(jax.grad(_square))(theta, x, y).std(axis=0, ddof=1) / size**0.5,
                "`theta` is mapped over as well; hold it with in_axes=(None, 0, 0)",
            ),
            Mistake(
                lambda theta, x, y, size: jnp.stack([jax.grad(_square)(theta, *one) for one in zip(x, y)]).std(axis=0, ddof=1) / size**0.5,
                "the values are right, but a Python loop visits the observations one by one; let vmap do it",
            ),
            Mistake(
                lambda theta, x, y, size: _each(theta, x, y).var(axis=0, ddof=1) / size**0.5,
                "the standard error has the standard deviation in it, `std`, not the variance",
            ),
            Mistake(
                lambda theta, x, y, size: _each(theta, x[:size], y[:size]).std(axis=0, ddof=1) / size**0.5,
                "the spread is that of the first `size` rows; take it over all the observations, which show it better",
            ),
            Mistake(
                lambda theta, x, y, size: jnp.linalg.norm(_each(theta, x, y), axis=0) / size**0.5,
                "that adds up squares about zero, without a mean; the standard error goes by `std`, over the observations",
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
                lambda *a: _descend(*a)[::-1],
                "the two results are the right ones in the wrong order: first the parameters, then the losses",
            ),
            Mistake(
                lambda *a: (_descend(*a)[0], _descend(*a)[1][-1]),
                "only the last loss comes back; put each batch's loss out of its step, and scan stacks them",
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
            Mistake(
                _descend_with(lambda theta, gradient, x, y: gradient),
                "the gradients come out of the steps; the losses are asked for, and jax.value_and_grad gives both",
            ),
            Mistake(
                _descend_with(lambda theta, gradient, x, y: theta),
                "the parameters come out of the steps; the learning curve is made of the losses",
            ),
            Mistake(
                lambda *a: _descend(*a)[1],
                "the parameters are missing: return the final parameters and the losses",
            ),
            Mistake(lambda *a: _descend(*a)[0], "the losses are missing: return the final parameters and the losses"),
            Mistake(
                lambda *a: (_descend(*a)[0], _descend(*a)[1].mean()),
                "the losses are averaged; the curve has one for each batch",
            ),
            Mistake(
                lambda theta, xs, ys, rate: jax.lax.scan(lambda theta, x, y: (theta, _loss(theta, x, y)), theta, (xs, ys)),
                "a step gets the carry and one input, here the pair (x, y): take it apart inside",
            ),
            Mistake(
                lambda theta, xs, ys, rate: jax.lax.scan(lambda theta, batch: (theta, _loss(theta, *batch)), theta, xs, ys),
                "`scan` takes one tree of inputs: put the two arrays into a tuple, (xs, ys)",
            ),
            Mistake(
                _descend_with(move=lambda theta, gradient, rate: -rate * gradient),
                "only the move is carried on; add it to theta",
            ),
            Mistake(
                _descend_with(move=lambda theta, gradient, rate: rate * gradient),
                "only the move is carried on; subtract it from theta",
            ),
            Mistake(
                _descend_with(move=lambda theta, gradient, rate: theta - gradient),
                "the rate is missing: the step is `rate` times the gradient",
            ),
            Mistake(
                _descend_with(lambda theta, gradient, x, y: _loss(theta, x, y) / 2, loss=lambda *a: _loss(*a) / 2),
                "that is half the mean of the squared residuals; here the loss is their mean",
            ),
            Mistake(
                _descend_with(loss=lambda theta, x, y: jnp.linalg.norm(x @ theta - y)),
                "the steps go down the norm of the residuals; the loss is the mean of their squares",
            ),
        ],
    ),
]

predictions = [
    Prediction(
        "07.a",
        (32, 4),
        shown="32 batches; the last has 4 observations",
        slips=[
            ((31, 4), "the last batch is one of them, although it is small"),
            ((31, 16), "that leaves some observations out; the generator deals out all 500"),
            ((32, 16), "then there would be 512 observations"),
            ((16, 20), "sixteen is the size of a batch, and not how many there are"),
            ((32, 12), "twelve is what is missing in the last batch"),
        ],
    ),
    Prediction(
        "07.b",
        (0, 2, 5),
        shown="SGD       []\nmomentum  ['[0].trace (2,)']\nAdam      ['[0].count ()', '[0].mu (2,)', '[0].nu (2,)']\n",
        slips=[
            ((0, 2, 4), "think of how Adam makes up for means that start at zero"),
            ((0, 1, 2), "each parameter has a gradient of its own, and so a sum or a mean of its own"),
            ((0, 1, 3), "each parameter has a gradient of its own, and so a sum or a mean of its own"),
            ((2, 2, 5), "think of what SGD must know of the steps before this one"),
            ((1, 2, 5), "think of what SGD must know of the steps before this one"),
            ((2, 4, 6), "the parameters themselves aren't in the state"),
            ((2, 4, 7), "the parameters themselves aren't in the state"),
            ((1, 1, 3), "those are arrays; count the numbers in them, and think of what SGD must know of earlier steps"),
        ],
    ),
    Prediction(
        "07.c",
        (0.001, 0.001),
        shown="update [0.001 0.001]",
        within=1.02,
        slips=[
            ((-0.001, -0.001), "right in size; think of which way is downhill"),
            ((0.0018, 0.0043), "that is SGD's; divide the gradient by the root of its square"),
            ((0.00183, 0.00432), "that is SGD's; divide the gradient by the root of its square"),
            ((1, 1), "the rate is still to be multiplied"),
            ((-1, -1), "the rate is still to be multiplied, and think of which way is downhill"),
            ((0.001, 0.002), "each coordinate is divided by the root of its own square"),
            ((0.001, 0.0024), "each coordinate is divided by the root of its own square"),
        ],
    ),
    Prediction(
        "07.d",
        1,
        shown="leaves of the state: 1",
        slips=[
            (0, "the rate is now a function of the step's number; think of how SGD can know that number"),
            (2, "the rate itself needn't be remembered, when it can be computed"),
            (3200, "what is remembered is where the run has come to, and not each step"),
        ],
    ),
    Prediction(
        "07.e",
        (500, 500),
        shown="residuals (500, 500)",
        slips=[
            ((500,), "subtraction pairs axes from the right: the vector's 500 meets the column's 1"),
            ((500, 1), "subtraction pairs axes from the right: the vector's 500 meets the column's 1"),
            ((1, 500), "that is the vector as a row; the column still has its own 500"),
            ("error", "NumPy's rules let an axis of length 1 be repeated, and a missing axis be put in front"),
        ],
    ),
]
