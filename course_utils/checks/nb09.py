"""Checks of notebook 09: a module, a changed copy, a pure step on a state, a step that leaves a part alone."""

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
    first = {name: jnp.zeros(p.shape) if name == "kernel" else p for name, p in params.items()}
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


def _copied(answer, model, factor):
    """The parameters of the new model and, afterwards, of the old one; the new model must work as a model."""
    new = answer(model, factor)
    return _params(new), _params(model), new(jnp.ones(3))


def _scaled(model, factor, only="", keep_original=True):
    graphdef, state = nnx.split(model)
    scale = lambda path, p: factor * p if only in jax.tree_util.keystr(path) else p
    new = jax.tree_util.tree_map_with_path(scale, state)
    if keep_original:
        return nnx.merge(graphdef, new)
    nnx.update(model, new)
    return model


def _mean_square(model, x, y):
    return jnp.mean((model(x) - y) ** 2)


def _state_step(graphdef, state, x, y, rate, loss=_mean_square):
    gradient = jax.grad(lambda state: loss(nnx.merge(graphdef, state), x, y))(state)
    return jax.tree.map(lambda p, g: p - rate * g, state, gradient)


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
            Mistake(_Linear, "kernel and bias should be the module's own attributes, not those of a layer inside it"),
        ],
    ),
    Exercise(
        "09.2",
        solution=_scaled,
        inputs=lambda key: (_network(key), _positive(key, 0.25)),
        call=_copied,
        jit=False,  # a model is an object
        draws=2,
        mistakes=[
            Mistake(
                lambda model, factor: _scaled(model, factor, keep_original=False),
                "the model that was given has changed too; build a new one with nnx.merge",
            ),
            Mistake(
                lambda model, factor: _scaled(model, factor, only="kernel"),
                "only the kernels are smaller; jax.tree.map on the whole state reaches the biases as well",
            ),
            Mistake(
                lambda model, factor: nnx.clone(model),
                "it is a copy, but its parameters are the old ones: multiply the state before merging",
            ),
            Mistake(
                lambda model, factor: jax.tree.map(lambda p: factor * p, nnx.split(model)[1]),
                "that is a state, a tree of arrays; put a model together with nnx.merge(graphdef, state)",
            ),
        ],
    ),
    Exercise(
        "09.3",
        solution=_state_step,
        inputs=lambda key: (*nnx.split(_network(key)), *_data(key), _positive(key, 0.1)),
        call=lambda answer, *arguments: nnx.to_pure_dict(answer(*arguments)),
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
                "the step is twice too long: the loss is the mean over all entries, (batch, out), and not over the batch alone",
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
