"""Checks of notebook 09: a module, a training loop that keeps its best model, a pure step on a state, a step that leaves a part alone."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from course_utils.checks import Exercise, Mistake, Prediction, draws_from


class _Affine(nnx.Module):
    transposed, with_bias, wrap, scale = False, True, nnx.Param, 1.0

    def __init__(self, features_in, features_out, rngs):
        shape = (features_in, features_out) if self.transposed else (features_out, features_in)
        self.kernel = type(self).wrap(self.scale * jax.random.normal(rngs(), shape))
        if self.with_bias:
            self.bias = type(self).wrap(jnp.zeros(features_out))

    def __call__(self, x):
        y = x @ self.kernel[...] if self.transposed else self.kernel[...] @ x
        return y + self.bias[...] if self.with_bias else y


class _Transposed(_Affine):
    transposed = True


class _NoBias(_Affine):
    with_bias = False


class _Arrays(_Affine):
    wrap = jnp.asarray


class _RandomBias(_Affine):
    def __init__(self, features_in, features_out, rngs):
        super().__init__(features_in, features_out, rngs)
        self.bias[...] = jax.random.normal(jax.random.key(0), (features_out,))


class _OwnKey(_Affine):
    def __init__(self, features_in, features_out, rngs):
        super().__init__(features_in, features_out, nnx.Rngs(0))


class _NumPys(_Affine):
    def __init__(self, features_in, features_out, rngs):
        super().__init__(features_in, features_out, rngs)
        self.kernel[...] = jnp.asarray(np.random.default_rng().normal(size=self.kernel.shape), jnp.float32)


class _BiasUnused(_Affine):
    def __call__(self, x):
        return self.kernel[...] @ x


class _OnesAsBias(_Affine):
    def __init__(self, features_in, features_out, rngs):
        super().__init__(features_in, features_out, rngs)
        self.bias[...] = jnp.ones(features_out)


class _RngsAsKey(_Affine):
    def __init__(self, features_in, features_out, rngs):
        self.kernel = nnx.Param(jax.random.normal(rngs, (features_out, features_in)))


class _Small(_Affine):
    scale = 0.1


class _He(_Affine):
    def __init__(self, features_in, features_out, rngs):
        super().__init__(features_in, features_out, rngs)
        self.kernel[...] = jnp.sqrt(2 / features_in) * self.kernel[...]


class _Uniform(_Affine):
    def __init__(self, features_in, features_out, rngs):
        self.kernel = nnx.Param(jax.random.uniform(rngs(), (features_out, features_in)))
        self.bias = nnx.Param(jnp.zeros(features_out))


class _BiasDrawn(_Affine):
    def __init__(self, features_in, features_out, rngs):
        super().__init__(features_in, features_out, rngs)
        self.bias[...] = jax.random.normal(rngs(), (features_out,))


class _BiasColumn(_Affine):
    def __init__(self, features_in, features_out, rngs):
        super().__init__(features_in, features_out, rngs)
        self.bias = nnx.Param(jnp.zeros((features_out, 1)))


class _BiasOfInputs(_Affine):
    def __init__(self, features_in, features_out, rngs):
        super().__init__(features_in, features_out, rngs)
        self.bias = nnx.Param(jnp.zeros(features_in))


class _Reversed(_Affine):
    def __call__(self, x):
        return x @ self.kernel[...] + self.bias[...]


class _NoReturn(_Affine):
    def __call__(self, x):
        self.kernel[...] @ x + self.bias[...]


class _OtherName(_Affine):
    def __init__(self, features_in, features_out, rngs):
        self.weight, self.bias = nnx.Param(jax.random.normal(rngs(), (features_out, features_in))), nnx.Param(jnp.zeros(features_out))

    def __call__(self, x):
        return self.weight[...] @ x + self.bias[...]


class _Linear(nnx.Module):
    def __init__(self, features_in, features_out, rngs):
        self.linear = nnx.Linear(features_in, features_out, rngs=rngs)

    def __call__(self, x):
        return self.linear(x)


def _built(module, kernel, bias, x):
    """A new module's parameters (the random kernel by its shape alone), its output once they are given, and of large
    kernels whether two with different keys differ, whether two with one key do, and how much they spread, to one digit."""
    model = module(x.shape[0], bias.shape[0], rngs=nnx.Rngs(0))
    params = nnx.to_pure_dict(nnx.state(model, nnx.Param))
    first = {name: jnp.zeros(p.shape) if name == "kernel" else jnp.asarray(p) for name, p in params.items() if name in ("kernel", "bias")}
    for name, given in {"kernel": kernel, "bias": bias}.items():
        if name in params and params[name].shape == given.shape:
            getattr(model, name)[...] = given
    one, two, again = _large_kernels(module)
    return first, model(x), jnp.any(one != two), jnp.any(one != again), jnp.round(one.std(), 1)


def _large_kernels(module):
    """The kernels of three new modules, the third with the key of the first, each in one row; zeros if they have none."""
    large = [nnx.to_pure_dict(nnx.state(module(60, 50, rngs=nnx.Rngs(seed)), nnx.Param)) for seed in (1, 2, 1)]
    return jnp.stack([jnp.ravel(params.get("kernel", jnp.zeros(1))) for params in large])


class _Network(nnx.Module):
    def __init__(self, rngs):
        self.first, self.second = nnx.Linear(3, 4, rngs=rngs), nnx.Linear(4, 2, rngs=rngs)

    def __call__(self, x):
        return self.second(jnp.tanh(self.first(x)))


def _network(key):
    model = _Network(nnx.Rngs(key))
    for layer in (model.first, model.second):
        layer.bias[...] = jnp.linspace(-0.5, 0.5, layer.bias.shape[0])
    return model


def _data(key):
    rng = draws_from(key)
    return jnp.asarray(rng.normal(size=(6, 3))), jnp.asarray(rng.normal(size=(6, 2)))


def _positive(key, least):
    return jnp.asarray(least + draws_from(key).uniform())


def _params(model):
    return nnx.to_pure_dict(nnx.state(model))


def _fit_inputs(key):
    """A layer, batches that lead it from its start to an end, and validation data on which the way there is best: it is
    straight, since each batch's inputs are orthogonal."""
    rng = draws_from(key)
    model = nnx.Linear(3, 2, rngs=nnx.Rngs(key))
    start, way = np.asarray(model.kernel[...]), rng.choice([-1.0, 1.0], size=(3, 2)) * rng.uniform(0.5, 1.5, size=(3, 2))
    inputs = np.sqrt(8) * np.linalg.qr(rng.normal(size=(3, 8, 3)))[0]
    xs, x_val = inputs[:2], inputs[2]
    arrays = xs, xs @ (start + way), x_val, x_val @ (start + 0.6 * way)
    return model, *(jnp.asarray(array, jnp.float32) for array in arrays), float(rng.uniform(0.1, 0.12)), 7


def _keep_best(
    model, xs, ys, x_val, y_val, rate, epochs, used_up=False, judged="validation", copy=nnx.clone, better=jnp.less
):
    data = {"validation": (x_val, y_val), "all batches": (xs.reshape(-1, 3), ys.reshape(-1, 2))}
    optimizer = nnx.Optimizer(model, optax.sgd(rate), wrt=nnx.Param)
    pairs, best, lowest = zip(xs, ys), None, jnp.inf
    for _ in range(epochs):
        for x, y in pairs if used_up else zip(xs, ys):
            optimizer.update(model, nnx.grad(_mean_square)(model, x, y))
        value = _mean_square(model, *data.get(judged, (x, y)))
        if better(value, lowest):
            best, lowest = copy(model), value
    return best, lowest


def _kept(answer, *arguments):
    """The parameters of the model that is returned, and the loss beside it as float32, of whatever kind of number it is."""
    result = answer(*arguments)
    if not isinstance(result, (tuple, list)):
        return _params(result) if isinstance(result, nnx.Module) else result
    number = lambda part: jnp.float32(part) if isinstance(part, (float, np.floating, jax.Array)) else part
    return tuple(_params(part) if isinstance(part, nnx.Module) else number(part) for part in result)


def _mean_square(model, x, y):
    return jnp.mean((model(x) - y) ** 2)


def _state_step(graphdef, state, x, y, rate, loss=_mean_square):
    gradient = jax.grad(lambda state: loss(nnx.merge(graphdef, state), x, y))(state)
    return jax.tree.map(lambda p, g: p - rate * g, state, gradient)


def _stepped_state(answer, *arguments):
    """The state that is returned, as a dict; what is no state raises an error that says so."""
    result = answer(*arguments)
    if isinstance(result, nnx.Module):
        raise TypeError("a model comes back where a state is asked for")
    if isinstance(result, (tuple, list)):
        raise TypeError("several things come back where the state alone is asked for")
    return nnx.to_pure_dict(result) if isinstance(result, nnx.State) else result


def _from_model(graphdef, state, x, y, rate):
    gradient = jax.grad(_mean_square)(nnx.merge(graphdef, state), x, y)
    return jax.tree.map(lambda p, g: p - rate * g, state, gradient)


def _moved(graphdef, state, x, y, rate, share):
    """``share`` of the step, from the state; or the step alone."""
    new = _state_step(graphdef, state, x, y, rate)
    return jax.tree.map(lambda p, step: share * (step - p) + (p if share < 1 else 0), state, new)


def _grad_of_all(model, name, x, y, rate):
    trained = nnx.Not(nnx.PathContains(name))
    gradient = nnx.grad(_mean_square, argnums=nnx.DiffState(0, trained))(model, x, y)
    nnx.Optimizer(model, optax.sgd(rate), wrt=nnx.Param).update(model, gradient)


def _step_where(trained, model, x, y, rate):
    gradient = nnx.grad(_mean_square, argnums=nnx.DiffState(0, trained))(model, x, y)
    nnx.Optimizer(model, optax.sgd(rate), wrt=trained).update(model, gradient)


def _step_without(model, name, x, y, rate):
    _step_where(nnx.All(nnx.Param, nnx.Not(nnx.PathContains(name))), model, x, y, rate)


def _kernel_bias_and_x(key):
    rng = draws_from(key)
    return tuple(jnp.asarray(rng.normal(size=shape)) for shape in ((3, 4), 3, 4))


def _names(key):
    """An attribute and a layer: who handles one of them alone is never right."""
    return tuple(pair[draws_from(key).integers(2)] for pair in (("bias", "kernel"), ("first", "second")))


def _stepped(answer, model, names, *arguments):
    """The parameters after the step, for each of the names, from the same model."""
    models = [nnx.clone(model) for _ in names]
    for one, name in zip(models, names):
        answer(one, name, *arguments)
    return [_params(one) for one in models]


exercises = [
    Exercise(
        "09.1",
        solution=_Affine,
        inputs=_kernel_bias_and_x,
        call=_built,
        jit=False,
        draws=2,
        mistakes=[
            Mistake(
                _Transposed,
                "the kernel is (in, out), as in nnx.Linear; here it should be (out, in), used as kernel @ x",
            ),
            Mistake(_NoBias, "there is no parameter called `bias`"),
            Mistake(
                _Arrays,
                "kernel and bias are plain arrays, which no optimizer would train; wrap both in nnx.Param",
            ),
            Mistake(_RandomBias, "the bias should start at zero"),
            Mistake(_OwnKey, "the kernel is the same for every `rngs`; draw it with a key from the one given, rngs()"),
            Mistake(_NumPys, "the same `rngs` should give the same kernel: draw it with a key from them, jax.random.normal(rngs(), …)"),
            Mistake(_BiasUnused, "the output lacks the bias; add self.bias[...]"),
            Mistake(_OnesAsBias, "the bias should start at zero"),
            Mistake(_RngsAsKey, "`rngs` hands out keys but isn't one itself: call it, rngs()"),
            Mistake(_Small, "leave the kernel as it is drawn, standard normal; it should not be scaled"),
            Mistake(_He, "leave the kernel as it is drawn, standard normal; it should not be scaled"),
            Mistake(_Uniform, "the kernel is drawn from another distribution: jax.random.normal gives the standard normal"),
            Mistake(_BiasDrawn, "the bias should start at zero"),
            Mistake(_BiasColumn, "the bias is a column; it should be (out,), as the output is"),
            Mistake(_BiasOfInputs, "the bias has one number for each input; it should have one for each output, (out,)"),
            Mistake(_Reversed, "the kernel is (out, in), so it comes first in the product: kernel @ x"),
            Mistake(_NoReturn, "`__call__` returns nothing: does it end with `return`?"),
            Mistake(_OtherName, "there is no parameter called `kernel`"),
            Mistake(_Linear, "kernel and bias should be the module's own attributes, not those of a layer inside it"),
        ],
    ),
    Exercise(
        "09.2",
        solution=lambda model, xs, ys, x_val, y_val, rate, epochs: _keep_best(model, xs, ys, x_val, y_val, rate, epochs),
        inputs=_fit_inputs,
        call=_kept,
        jit=False,  # changes an object
        draws=2,
        mistakes=[
            Mistake(
                lambda *a: _keep_best(*a, used_up=True, judged="training", copy=lambda model: model),
                "nothing moves after the first epoch: count how often the inner loop runs in the second (and there are two more slips)",
            ),
            Mistake(
                lambda *a: _keep_best(*a, used_up=True),
                "one slip is left: nothing moves after the first epoch, since a zip is good for one pass",
            ),
            Mistake(
                lambda *a: _keep_best(*a, judged="training"),
                "the loss that decides is that of a batch the model has just been trained on; which data should judge it?",
            ),
            Mistake(
                lambda *a: _keep_best(*a, copy=lambda model: model),
                "the model returned doesn't have the loss returned: `best` is a second name for `model`, which goes on training",
            ),
            Mistake(lambda *a: _keep_best(*a)[0], "return two things, the model and its loss"),
            Mistake(lambda *a: _keep_best(*a)[::-1], "the model comes first, then its loss"),
            Mistake(lambda *a: _keep_best(*a, copy=nnx.state), "that is a state; return a model, put together from it with merge, or a clone"),
            Mistake(
                lambda *a: _keep_best(*a, judged="all batches"),
                "the loss that decides is that of the training data; which data should judge the model?",
            ),
            Mistake(
                lambda *a: _keep_best(*a, better=lambda value, lowest: True),
                "the last epoch wins always: the loss to beat must be the lowest so far",
            ),
            Mistake(
                lambda *a: (_keep_best(*a, better=lambda value, lowest: True)[0], jnp.inf),
                "the last epoch wins always: the loss to beat must be the lowest so far",
            ),
        ],
    ),
    Exercise(
        "09.3",
        solution=lambda graphdef, state, x, y, rate: _state_step(graphdef, state, x, y, rate),
        inputs=lambda key: (*nnx.split(_network(key)), *_data(key), _positive(key, 0.1)),
        call=_stepped_state,
        static=(0,),
        draws=2,
        mistakes=[
            Mistake(
                lambda graphdef, state, x, y, rate: _state_step(graphdef, state, x, y, -rate),
                "the loss went up: subtract the gradient",
            ),
            Mistake(
                lambda graphdef, state, x, y, rate: _state_step(
                    graphdef, state, x, y, rate, lambda model, x, y: jnp.sum((model(x) - y) ** 2)
                ),
                "the step is too long: the loss is the mean of the squared entries, and not their sum",
            ),
            Mistake(
                lambda graphdef, state, x, y, rate: state,
                "the state comes back as it was: merge inside the function that is differentiated, and return the new state",
            ),
            Mistake(
                lambda graphdef, state, x, y, rate: jax.tree.map(
                    lambda old, new: (old - new) / rate, state, _state_step(graphdef, state, x, y, rate)
                ),
                "that is the gradient; return the parameters minus rate times the gradient",
            ),
            Mistake(
                lambda graphdef, state, x, y, rate: nnx.merge(graphdef, _state_step(graphdef, state, x, y, rate)),
                "that is a model; return its state, the tree that was stepped",
            ),
            Mistake(
                lambda graphdef, state, x, y, rate: jax.tree.map(
                    lambda p, step: 2 * step - p, state, _state_step(graphdef, state, x, y, rate)
                ),
                "the step is twice as long as it should be: the loss is the mean over all entries, (batch, out), not over the batch alone",
            ),
            Mistake(
                lambda graphdef, state, x, y, rate: (_state_step(graphdef, state, x, y, rate), 0.0),
                "return the new state alone, without the graphdef or the loss beside it",
            ),
            Mistake(
                _from_model,
                "that gradient is a model, like what was differentiated by; to subtract it from the state, differentiate with respect to the state",
            ),
            Mistake(
                lambda graphdef, state, x, y, rate: state - rate * state,
                "a state is a tree, and `*` and `-` don't know what to do with it: use jax.tree.map",
            ),
            Mistake(
                lambda graphdef, state, x, y, rate: _moved(graphdef, state, x, y, rate, 1.0),
                "that is the step alone; add it to the parameters",
            ),
            Mistake(
                lambda graphdef, state, x, y, rate: _moved(graphdef, state, x, y, rate, 0.5),
                "the step is half as long as it should be: there is no ½ in this loss",
            ),
            Mistake(
                lambda graphdef, state, x, y, rate: jax.tree.map(
                    lambda p, new: (p - new) / rate - rate * p, state, _state_step(graphdef, state, x, y, rate)
                ),
                "parameters and gradient have changed places in jax.tree.map",
            ),
        ],
    ),
    Exercise(
        "09.4",
        solution=_step_without,
        inputs=lambda key: (_network(key), _names(key), *_data(key), _positive(key, 0.1)),
        call=_stepped,
        jit=False,  # changes an object
        draws=2,
        mistakes=[
            Mistake(
                lambda model, name, x, y, rate: _step_where(nnx.Param, model, x, y, rate),
                "every parameter has moved; leave out the named ones with the filter nnx.Not(nnx.PathContains(name))",
            ),
            Mistake(
                lambda model, name, x, y, rate: _step_where(nnx.PathContains(name), model, x, y, rate),
                "it is the wrong way around: only the parameters named have moved, and they should stay",
            ),
            Mistake(
                lambda model, name, x, y, rate: nnx.Optimizer(model, optax.sgd(rate)),
                "nnx.Optimizer wants to know what it trains: give it the filter as `wrt`",
            ),
            Mistake(
                _grad_of_all,
                "gradient and optimizer go by different filters; give both the same one, `nnx.DiffState(0, …)` and `wrt=…`",
            ),
            Mistake(
                lambda model, name, x, y, rate: _step_without(model, "bias", x, y, rate),
                "the biases are left out whatever `name` is; put `name` into the filter",
            ),
            Mistake(
                lambda model, name, x, y, rate: _step_without(model, name, x, y, 2 * rate),
                "the right parameters have moved, but twice as far as they should: is `update` called twice?",
            ),
            Mistake(
                lambda model, name, x, y, rate: _step_without(nnx.clone(model), name, x, y, rate),
                "the model is as it was; change it in place, with an optimizer's update or nnx.update",
            ),
            Mistake(
                lambda model, name, x, y, rate: _step_without(model, name, x, y, -rate),
                "the right parameters have moved, but uphill: subtract the gradient",
            ),
            Mistake(
                lambda model, name, x, y, rate: _step_without(model, name, x, y, rate * y.size),
                "the step is too long: the loss is the mean of the squared entries, and not their sum",
            ),
            Mistake(
                lambda model, name, x, y, rate: _step_where(
                    nnx.All(nnx.Param, nnx.Not(lambda path, value: path[-1] == name)), model, x, y, rate
                ),
                "a whole layer may be named as well: look for the name anywhere in the path, not at its end alone",
            ),
            Mistake(
                lambda model, name, x, y, rate: _step_where(
                    nnx.All(nnx.Param, nnx.Not(lambda path, value: path[0] == name)), model, x, y, rate
                ),
                "an attribute such as `bias` may be named too: look for the name anywhere in the path, not at its start alone",
            ),
        ],
    ),
]

predictions = [
    Prediction(
        "09.a",
        answer=4000,
        shown="steps taken: 4000",
        slips=[
            (500, "that is the number of epochs, and an epoch takes a step for each of its batches"),
            (3500, "the short batch at the end of an epoch takes a step too"),
            (8, "those are the steps of a single epoch"),
            (250000, "a step takes a whole batch, not a single observation"),
            (32000, "an epoch goes through the 500 observations once, 64 at a time"),
        ],
    ),
    Prediction(
        "09.b",
        answer="same",
        shown="original [[0.62946 0.66817]]",
        slips=[("changed", "think of what `jax.tree.map` does with a tree's arrays, which don't change in place")],
    ),
    Prediction(
        "09.c",
        answer=(3, 2, 2),
        shown="all              numbers in the optimizer's state: 3\nfilter           numbers in the optimizer's state: 2\nmulti_transform  numbers in the optimizer's state: 2",
        slips=[
            ((3, 3, 3), "momentum needs no sum of gradients for a parameter that it never moves"),
            ((3, 2, 3), "each label has its own optimizer, and the one that the bias gets has no momentum"),
            ((3, 3, 2), "the filter goes to the optimizer too, which keeps state for what it trains"),
            ((2, 2, 2), "at first, everything is trained"),
            ((3, 1, 1), "count again what is still trained: the kernel has one number per input"),
        ],
    ),
    Prediction(
        "09.d",
        answer=(False, True),
        shown="jax.jit: the model has changed: False\nnnx.jit: the model has changed: True",
        slips=[
            ((True, True), "one of the two is made for pure functions, and knows nothing of a change made inside"),
            ((False, False), "one of the two was made for steps that change their model, and did so in every training run above"),
            ((True, False), "look up which of the two the training above used"),
        ],
    ),
]
