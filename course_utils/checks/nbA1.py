"""Checks of notebook A1: parameters carried across from PyTorch and Julia, a network on columns."""

from functools import partial

import jax
import jax.numpy as jnp

from course_utils import networks
from course_utils.checks import Exercise, Mistake, Prediction, draws_from
from course_utils.networks import Dense


def _normal(key, *shapes):
    rng = draws_from(key)
    return [jnp.asarray(rng.normal(size=shape), jnp.float32) for shape in shapes]


def _state(key):
    """Square layers, so that a forgotten transpose raises nothing."""
    names = ("0.weight", "0.bias", "2.weight", "2.bias")
    return (dict(zip(names, _normal(key, (4, 4), (4,), (4, 4), (4,)))),)


def _from_torch(state, order=lambda weight: weight.T):
    return tuple(Dense(order(state[f"{number}.weight"]), state[f"{number}.bias"]) for number in (0, 2))


def _columns(key):
    """As many columns as units, so that a bias along the wrong axis raises nothing."""
    first, bias, second, other, x = _normal(key, (4, 4), (4,), (4, 4), (4,), (4, 4))
    return [(first, bias), (second, other)], x


def _on_columns(layers, x, along=lambda bias: bias[:, None], order=lambda weight: weight, hidden=jax.nn.relu, last=lambda y: y):
    for number, (weight, bias) in enumerate(layers):
        x = order(weight) @ x + along(bias)
        x = last(x) if number == len(layers) - 1 else hidden(x)
    return x


def _from_the_right(layers, x, last):
    for number, (weight, bias) in enumerate(layers):
        x = x @ weight + bias
        x = last(x) if number == len(layers) - 1 else jax.nn.relu(x)
    return x


def _on_rows(layers, x):
    return networks.apply([Dense(weight.T, bias) for weight, bias in layers], x)


def _to_torch(line, shape):
    return line.reshape(shape[::-1]).swapaxes(1, 2)


def _line(key):
    return _normal(key, (24,))[0], (2, 3, 4)


exercises = [
    Exercise(
        "A1.1",
        solution=_from_torch,
        inputs=_state,
        mistakes=[
            Mistake(
                lambda state: _from_torch(state, lambda weight: weight),
                "PyTorch's weight is (outputs, inputs) and a kernel is (inputs, outputs): transpose it, even where it is square",
            ),
            Mistake(
                lambda state: tuple(Dense(state[f"{n}.bias"], state[f"{n}.weight"].T) for n in (0, 2)),
                "kernel and bias are exchanged: Dense takes the kernel first",
            ),
            Mistake(
                lambda state: tuple((state[f"{n}.weight"].T, state[f"{n}.bias"]) for n in (0, 2)),
                "the numbers are right, but networks.apply reads layer.kernel and layer.bias: make each pair a networks.Dense",
            ),
            Mistake(
                lambda state: _from_torch(state)[::-1],
                "the layers come in reverse order: `0.` is the one that sees the inputs",
            ),
            Mistake(
                lambda state: (Dense(state["0.weight"].T, state["0.bias"]), Dense(state["1.weight"].T, state["1.bias"])),
                "number 1 is the ReLU, which has no parameters: the second layer is `2.`",
            ),
            *(
                Mistake(
                    lambda state, turned=turned: tuple(Dense(state[f"{n}.weight"].T if n == turned else state[f"{n}.weight"], state[f"{n}.bias"]) for n in (0, 2)),
                    "one of the two weights isn't transposed; a square one doesn't complain",
                )
                for turned in (0, 2)
            ),
            *(
                Mistake(
                    lambda state, number=number: (Dense(state[f"{number}.weight"].T, state[f"{number}.bias"]),),
                    "that is one layer of the two: the state has `0.` and `2.`",
                )
                for number in (0, 2)
            ),
            Mistake(
                lambda state: {f"{n}": Dense(state[f"{n}.weight"].T, state[f"{n}.bias"]) for n in (0, 2)},
                "the layers come in a dict; networks.apply goes through a tuple of them, the first one first",
            ),
            Mistake(
                lambda state: list(_from_torch(state)),
                "the layers come in a list; networks.init makes a tuple of them, and trees must agree in that to be mapped together",
            ),
        ],
    ),
    Exercise(
        "A1.2",
        solution=lambda layers, x: _on_columns(layers, x),
        inputs=_columns,
        mistakes=[
            Mistake(
                lambda layers, x: _on_columns(layers, x, along=lambda bias: bias),
                "the bias runs along the batch: it belongs to the rows of the output, so give it an axis, bias[:, None]",
            ),
            Mistake(
                lambda layers, x: _on_columns(layers, x, order=lambda weight: weight.T),
                "the weight is transposed once too often: on columns it acts from the left as it is, weight @ x",
            ),
            Mistake(
                lambda layers, x: _on_columns(layers, x, last=jax.nn.relu),
                "there is a ReLU after the last layer too; its output may be negative",
            ),
            Mistake(
                lambda layers, x: _on_columns(layers, x, hidden=lambda y: y),
                "there is no ReLU: it comes after every layer but the last",
            ),
            Mistake(
                lambda layers, x: _on_rows(layers, x.T),
                "the numbers are right, but as rows, (batch, outputs): transpose the result",
            ),
            Mistake(
                lambda layers, x: networks.apply([Dense(*layer) for layer in layers], x),
                "networks.apply computes x @ kernel on rows: here the weight stands on the left, and a batch is columns",
            ),
            *(
                Mistake(
                    partial(_on_columns, along=lambda bias: bias, **slip),
                    "the bias runs along the batch, and the ReLU isn't where it should be: bias[:, None], and no ReLU after the last layer alone",
                )
                for slip in (dict(last=jax.nn.relu), dict(hidden=lambda y: y))
            ),
            Mistake(
                partial(_on_columns, along=lambda bias: 0.0 * bias[:, None]),
                "the biases are missing: a layer is weight @ x plus the bias",
            ),
            Mistake(
                lambda layers, x: _from_the_right(layers, x, jax.nn.relu),
                "yours is x @ weight, and a ReLU after the last layer: on columns the weight stands on the left, and the last layer has no ReLU",
            ),
            Mistake(
                lambda layers, x: layers[1][0] @ jax.nn.relu(layers[0][0] @ x) + layers[1][1][:, None],
                "the first layer's bias is missing",
            ),
            Mistake(
                lambda layers, x: _on_columns(layers, x, order=lambda weight: weight.T, last=jax.nn.relu),
                "the weight is transposed once too often, and there is a ReLU after the last layer too",
            ),
            Mistake(
                _on_rows,
                "that is the network on rows: here a batch is (inputs, batch), and the weight stands on the left",
            ),
        ],
    ),
    Exercise(
        "A1.3",
        solution=_to_torch,
        inputs=_line,
        static=(1,),
        mistakes=[
            Mistake(
                lambda line, shape: line.reshape(shape).transpose(2, 0, 1),
                "nothing is repaired yet: reshape reads row by row, and in what order was the line written",
            ),
            Mistake(
                lambda line, shape: line.reshape(shape[::-1]),
                "these are this course's kernels, (dates, inputs, outputs): PyTorch's weights have the outputs before the inputs",
            ),
            Mistake(
                lambda line, shape: line.reshape(shape[2], shape[0], shape[1]),
                "the shape is right and each weight is scrambled: Julia's first index runs fastest, so read the line with all axes reversed first",
            ),
            Mistake(
                lambda line, shape: line.reshape(shape),
                "that is Julia's shape, filled in NumPy's order; read the line with the shape reversed",
            ),
            Mistake(
                lambda line, shape: line.reshape(shape, order="F"),
                "the numbers are in place, and the axes are Julia's, (outputs, inputs, dates): the dates come first in PyTorch's stack",
            ),
            Mistake(
                lambda line, shape: line.reshape(shape).T,
                "reshape reads row by row, so Julia's shape scrambles the numbers before any axis is moved; read with the shape reversed",
            ),
            Mistake(
                lambda line, shape: line.reshape(shape[::-1]).transpose(2, 0, 1),
                "the line is read rightly now, so its axes are (dates, inputs, outputs): the dates stand in front already",
            ),
        ],
    ),
]

predictions = [
    Prediction(
        "A1.a",
        answer=(9, 32, 32),
        shown="layer 1: kernel (9, 32, 32)",
        slips=[
            ((32, 32), "that is the kernel of one network; they are stacked"),
            ((10, 32, 32), "on the last date nothing is decided, so it needs no network"),
            ((32, 32, 9), "the axes of one network's kernel are right; look up where vmap puts the axis it maps over"),
            ((9, 3, 32), "that is layer 0, which sees the three assets; layers are counted from 0"),
            ((9, 32, 1), "that is the last layer; layers are counted from 0"),
        ],
    ),
    Prediction(
        "A1.b",
        answer=(9, 1, 32),
        shown="'4.weight': (9, 1, 32)",
        slips=[
            ((9, 32, 1), "that is JAX's kernel, (inputs, outputs) in each slice"),
            ((1, 32, 9), "only the last two axes are exchanged"),
            ((32, 1, 9), "only the last two axes are exchanged"),
            ((1, 32), "that is one network's weight; they are stacked"),
            ((32, 1), "that is one network's kernel; PyTorch's weights are stacked, and in another order"),
        ],
    ),
    Prediction(
        "A1.c",
        answer=True,
        shown="loss after 50 steps JAX 3.361    PyTorch 3.361",
        slips=[(False, "rounding errors of a ten-millionth would have to grow a thousandfold in fifty steps of one and the same algorithm")],
    ),
    Prediction(
        "A1.d",
        answer=(1, 4, 2, 5, 3, 6),
        shown="column-major [1 4 2 5 3 6]",
        slips=[
            ((1, 2, 3, 4, 5, 6), "that is row by row; column-major stores the first index fastest"),
            (((1, 4), (2, 5), (3, 6)), "nearly: memory is one line, so write six numbers in one tuple"),
            ((1, 3, 5, 2, 4, 6), "read down the columns of the table as it stands, without changing it first"),
        ],
    ),
]
