"""Checks of notebook 12: a smoother as a scan, the other GRU, a free run, series with gaps."""

import jax
import jax.numpy as jnp
from jax import lax

from course_utils.checks import Exercise, Mistake, Prediction, must_use


def _normals(key, *shapes):
    return [jax.random.normal(key, shape) for key, shape in zip(jax.random.split(key, len(shapes)), shapes)]


def _smooth(start, y, share):
    def step(s, y_k):
        s = s + share * (y_k - s)
        return s, s

    return lax.scan(step, start, y)[1]


def _smooth_inputs(key):
    start, y, share = _normals(key, (), (9,), ())
    return start, y, jax.nn.sigmoid(share)


def _smooth_in_python(start, y, share):
    smoothed = []
    for y_k in y:
        start = start + share * (y_k - start)
        smoothed.append(start)
    return jnp.stack(smoothed)


def _smooth_late(start, y, share):
    return lax.scan(lambda s, y_k: (s + share * (y_k - s), s), start, y)[1]


def _gru(input_kernel, input_bias, state_kernel, h, x, candidate=None, keep=lambda z, n, h: (1 - z) * n + z * h):
    """A GRU step; ``candidate(xn, r, h, Un)`` and ``keep(z, n, h)`` are what the answers differ in."""
    candidate = candidate or (lambda xn, r, h, Un: jnp.tanh(xn + (r * h) @ Un))
    xr, xz, xn = jnp.split(x @ input_kernel + input_bias, 3)
    Ur, Uz, Un = jnp.split(state_kernel, 3, axis=1)
    r, z = jax.nn.sigmoid(xr + h @ Ur), jax.nn.sigmoid(xz + h @ Uz)
    return keep(z, candidate(xn, r, h, Un), h)


def _gates_swapped(input_kernel, input_bias, state_kernel, h, x):
    def swap(a):
        r, z, n = jnp.split(a, 3, axis=-1)
        return jnp.concatenate([z, r, n], axis=-1)

    return _gru(swap(input_kernel), swap(input_bias), swap(state_kernel), h, x)


def _run_on(read, h, y, steps):
    def step(carry, _):
        h, forecast = read(*carry)
        return (h, forecast), forecast

    return lax.scan(step, (h, y), length=steps)[1]


def _run_inputs(key):
    kernel, weights, h, y = _normals(key, (4, 4), (2, 4), (4,), ())

    def read(h, y):
        h = jnp.tanh(h @ kernel + y * weights[0])
        return h, h @ weights[1]

    return read, h, y, 7


def _run_inputs_back(read, h, y, steps):
    return lax.scan(lambda carry, _: (read(*carry), carry[1]), (h, y), length=steps)[1]


def _run_same_input(read, h, y, steps):
    return lax.scan(lambda h, _: read(h, y), h, length=steps)[1]


def _run_same_state(read, h, y, steps):
    def step(y, _):
        _, forecast = read(h, y)
        return forecast, forecast

    return lax.scan(step, y, length=steps)[1]


def _states(step, h, xs, present, guard=lambda here, new, old, x: jnp.where(here, new, old)):
    """The states after each time; ``guard`` is what the answers differ in."""

    def guarded(h, inputs):
        x, here = inputs
        h = guard(here, step(h, x), h, x)
        return h, h

    return lax.scan(guarded, h, (xs, present))[1]


def _gap_inputs(key):
    kernel, weights, h, xs = _normals(key, (4, 4), (3, 4), (4,), (8, 3))
    present = jax.random.permutation(key, jnp.arange(8) % 3 > 0)  # both kinds, always
    return lambda h, x: jnp.tanh(h @ kernel + x @ weights), h, xs, present


def _zeroed_inputs(step, h, xs, present):
    return lax.scan(lambda h, x: (step(h, x),) * 2, h, xs * present[:, None])[1]


def _zeroed_outputs(step, h, xs, present):
    return lax.scan(lambda h, x: (step(h, x),) * 2, h, xs)[1] * present[:, None]


exercises = [
    Exercise(
        "12.1",
        solution=_smooth,
        inputs=_smooth_inputs,
        inspect=must_use("scan", hint="the values are right; now write it as a `scan`, which stays one step however long the series is"),
        mistakes=[
            Mistake(_smooth_late, "each output is the value before its update; return the new one, as carry and as output"),
            Mistake(lambda *a: _smooth(*a)[-1], "that is the last value; a scan's second result has one for each time"),
            Mistake(
                lambda start, y, share: _smooth(start, y, 1 - share),
                "the shares are swapped: `share` goes to the observation, and 1 - share to what was there",
            ),
            Mistake(lambda start, y, share: start + share * (y - start), "every value starts from `start`; carry the smoothed one on"),
            Mistake(lambda start, y, share: _smooth(y[0], y, share), "it starts from the first observation; it should start from `start`"),
            Mistake(lambda start, y, share: _smooth(0.0, y, share), "it starts from 0; it should start from `start`"),
            Mistake(_smooth_in_python, "the values are right; now write it as a `scan`, which stays one step however long the series is"),
        ],
    ),
    Exercise(
        "12.2",
        solution=_gru,
        inputs=lambda key: tuple(_normals(key, (3, 15), (15,), (5, 15), (5,), (3,))),
        mistakes=[
            Mistake(
                lambda *a: _gru(*a, candidate=lambda xn, r, h, Un: jnp.tanh(xn + r * (h @ Un))),
                "here the reset gate acts after the product, as in `gru_step`; multiply `h` by it first",
            ),
            Mistake(
                lambda *a: _gru(*a, keep=lambda z, n, h: z * n + (1 - z) * h),
                "the update gate is the wrong way around: z is the share of the old state that stays",
            ),
            Mistake(_gates_swapped, "reset and update gate are swapped: the kernels hold reset first, then update, then candidate"),
            Mistake(
                lambda *a: _gru(*a, candidate=lambda xn, r, h, Un: jnp.tanh(xn + h @ Un)),
                "the reset gate isn't used: it multiplies the state inside the candidate",
            ),
            Mistake(
                lambda *a: _gru(*a, candidate=lambda xn, r, h, Un: jax.nn.sigmoid(xn + (r * h) @ Un)),
                "the candidate goes through tanh; only the gates go through the sigmoid",
            ),
        ],
    ),
    Exercise(
        "12.3",
        solution=_run_on,
        inputs=_run_inputs,
        static=(0, 3),
        mistakes=[
            Mistake(_run_inputs_back, "these are the inputs, one step behind: the first output should be the first forecast"),
            Mistake(_run_same_input, "every step reads the first `y`; from the second step on, the input is the last forecast"),
            Mistake(_run_same_state, "every step starts from the first state; carry the new one on, beside the forecast"),
            Mistake(lambda *a: _run_on(*a)[-1], "that is the last forecast; return all of them"),
            Mistake(
                lambda read, h, y, steps: lax.scan(lambda c, _: (read(*c),) * 2, (h, y), length=steps)[1],
                "states and forecasts come back; return the forecasts alone",
            ),
        ],
    ),
    Exercise(
        "12.4",
        solution=_states,
        inputs=_gap_inputs,
        static=(0,),
        mistakes=[
            Mistake(
                _zeroed_inputs,
                "where nothing was observed the step still runs, on an input of zeros; the state should not move at all",
            ),
            Mistake(_zeroed_outputs, "the states are set to zero in the gaps; they should stay what they were"),
            Mistake(
                lambda *a: _states(*a, guard=lambda here, new, old, x: new),
                "`present` isn't used: the state moves in the gaps as well, and should stay as it is there",
            ),
            Mistake(
                lambda step, h, xs, present: lax.scan(lambda h, x: (step(h, x),) * 2, h, xs[present])[1],
                "the gaps are left out; keep one state for each time, and in a gap repeat the last one",
            ),
            Mistake(
                lambda *a: _states(*a, guard=lambda here, new, old, x: jnp.where(here, new, 0.0)),
                "a gap sets the state to zero, and what came before is forgotten; keep the old state instead",
            ),
            Mistake(
                lambda *a: _states(*a, guard=lambda here, new, old, x: jnp.where(here, old, new)),
                "the condition is the wrong way around: the state moves in the gaps, and only there",
            ),
            Mistake(lambda *a: _states(*a)[-1], "that is the last state; return the states after each time"),
        ],
    ),
]

predictions = [
    Prediction(
        "12.a",
        answer="below 10%",
        shown="memory  1   mean error 0.03297     3.6% above the best",
        slips=[
            ("10 to 50%", "compare the noise of the last observation with a step of the series: the older ones help only where the last says little"),
            ("above 50%", "compare the noise of the last observation with a step of the series, and see how close a dot lies to its line"),
        ],
    ),
    Prediction(
        "12.b",
        answer="smaller",
        shown="gains [0.714 0.759 0.761",
        slips=[
            ("equal", "the gain depends on how certain the prediction is, and the value before the first observation is special"),
            ("larger", "a large gain goes with an uncertain prediction; think of what is known about the value before the first observation"),
        ],
    ),
    Prediction(
        "12.c",
        answer=949,
        shown="parameters 949",
        slips=[
            (937, "the state before the first observation is a parameter too"),
            (349, "the cell has three matrices for the input and three for the state"),
            (985, "only the input side of the cell has a bias"),
            (913, "the input side of the cell has a bias for each gate"),
            (948, "the output has a bias too"),
        ],
    ),
    Prediction(
        "12.d",
        answer="first",
        shown="first forecast 1.0% above the filter, all nine 0.7%",
        slips=[
            ("last", "this series forgets quickly; count the observations that each forecast has to go by"),
            ("all alike", "each observation moves the state, and what was there before fades"),
        ],
    ),
]
