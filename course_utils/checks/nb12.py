"""Checks of notebook 12: a smoother as a scan, the other GRU, how many test paths, series with gaps."""

from functools import partial

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


def _scanned(start, y, share, *, update=lambda s, y_k, share: s + share * (y_k - s), shown=lambda s, y_k: s):
    def step(s, y_k):
        s = update(s, y_k, share)
        return s, shown(s, y_k)

    return lax.scan(step, start, y)[1]


def _gru(
    input_kernel, input_bias, state_kernel, h, x, candidate=None, keep=lambda z, n, h: (1 - z) * n + z * h, seen=lambda r, h: h, past=1.0
):
    """A GRU step. Answers differ in ``candidate(xn, r, h, Un)`` and ``keep(z, n, h)``, in what the update gate has ``seen(r, h)``
    of the state, and in whether the gates look at the ``past``."""
    candidate = candidate or (lambda xn, r, h, Un: jnp.tanh(xn + (r * h) @ Un))
    xr, xz, xn = jnp.split(x @ input_kernel + input_bias, 3)
    Ur, Uz, Un = jnp.split(state_kernel, 3, axis=1)
    r = jax.nn.sigmoid(xr + past * h @ Ur)
    z = jax.nn.sigmoid(xz + past * seen(r, h) @ Uz)
    return keep(z, candidate(xn, r, h, Un), h)


def _gates_swapped(input_kernel, input_bias, state_kernel, h, x):
    def swap(a):
        r, z, n = jnp.split(a, 3, axis=-1)
        return jnp.concatenate([z, r, n], axis=-1)

    return _gru(swap(input_kernel), swap(input_bias), swap(state_kernel), h, x)


def _kept_by_the_wrong_gate(input_kernel, input_bias, state_kernel, h, x):
    """The update gate in the place of the reset gate."""
    z = _update(input_kernel, input_bias, state_kernel, h, x)
    return _gru(input_kernel, input_bias, state_kernel, h, x, candidate=lambda xn, r, h, Un: jnp.tanh(xn + (z * h) @ Un))


def _reset_kept(input_kernel, input_bias, state_kernel, h, x):
    xr, _, _ = jnp.split(x @ input_kernel + input_bias, 3)
    r = jax.nn.sigmoid(xr + h @ jnp.split(state_kernel, 3, axis=1)[0])
    return _gru(input_kernel, input_bias, state_kernel, h, x, keep=lambda z, n, h: (1 - z) * n + z * (r * h))


def _update(input_kernel, input_bias, state_kernel, h, x):
    return jax.nn.sigmoid(jnp.split(x @ input_kernel + input_bias, 3)[1] + h @ jnp.split(state_kernel, 3, axis=1)[1])


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


def _frozen_outputs(step, h, xs, present):
    """The state moves in the gaps, and the outputs repeat the last one that was seen."""
    free = lax.scan(lambda h, x: (step(h, x),) * 2, h, xs)[1]
    return lax.scan(lambda last, now: (jnp.where(now[1], now[0], last),) * 2, h, (free, present))[1]


def _last_input_again(step, h, xs, present):
    def again(carry, inputs):
        h, x = carry
        x = jnp.where(inputs[1], inputs[0], x)
        h = step(h, x)
        return (h, x), h

    return lax.scan(again, (h, jnp.zeros_like(xs[0])), (xs, present))[1]


def _with_an_if(step, h, xs, present):
    def guarded(h, inputs):
        h = step(h, inputs[0]) if inputs[1] else h
        return h, h

    return lax.scan(guarded, h, (xs, present))[1]


def _shown(step, h, xs, present, show):
    """The right carry, and ``show(old, free, new)`` as the output."""

    def guarded(h, inputs):
        free = step(h, inputs[0])
        new = jnp.where(inputs[1], free, h)
        return new, show(h, free, new)

    return lax.scan(guarded, h, (xs, present))[1]


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
            Mistake(
                lambda start, y, share: start + jnp.cumsum(share * (y - start)),
                "each observation is compared with `start`; compare it with the value before it, which the scan carries",
            ),
            Mistake(partial(_scanned, update=lambda s, y_k, g: s + g * y_k), "the step goes toward y by a share of the distance, y - s, not of y itself"),
            Mistake(partial(_scanned, update=lambda s, y_k, g: s + g * (s - y_k)), "the step goes away from y: the distance is y - s, not s - y"),
            Mistake(partial(_scanned, shown=lambda s, y_k: y_k), "the observations come back; the second thing that a step returns is its output, here the new s"),
            Mistake(lambda *a: (_smooth(*a)[-1], _smooth(*a)), "a scan returns the last carry and the outputs; return the outputs alone, scan(...)[1]"),
            Mistake(
                lambda start, y, share: jnp.append(start, _smooth(start, y, share)),
                "`start` stands among the values; the first one asked for is that after the first observation",
            ),
            Mistake(_smooth_in_python, "the values are right; now write it as a `scan`, which stays one step however long the series is"),
        ],
    ),
    Exercise(
        "12.2",
        solution=lambda input_kernel, input_bias, state_kernel, h, x: _gru(input_kernel, input_bias, state_kernel, h, x),
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
            Mistake(
                lambda *a: _gru(*a, candidate=lambda xn, r, h, Un: jnp.tanh(r * xn + h @ Un)),
                "the reset gate multiplies the input's part; it belongs to the state, before the product",
            ),
            Mistake(
                lambda *a: _gru(*a, candidate=lambda xn, r, h, Un: jnp.tanh(r * (xn + h @ Un))),
                "the reset gate multiplies the whole sum; it belongs to the state alone, before the product",
            ),
            Mistake(lambda kernel, bias, *rest: _gru(kernel, 0.0 * bias, *rest), "the bias is missing: x @ input_kernel + input_bias"),
            Mistake(lambda *a: _gru(*a, seen=lambda r, h: r * h), "the update gate sees the whole state: r multiplies h in the candidate alone"),
            Mistake(
                lambda kernel, bias, state, h, x: _gru(kernel, bias, state, h, x, keep=lambda z, n, old: n),
                "that is the candidate; the new state is (1 - z) * n + z * h",
            ),
            Mistake(_kept_by_the_wrong_gate, "the update gate stands where the reset gate should: it is r that multiplies h in the candidate"),
            Mistake(lambda *a: _gru(*a, past=0.0), "the gates look at the input alone; they depend on the state too, by h U_r and h U_z"),
            Mistake(
                lambda input_kernel, input_bias, state_kernel, h, x: jnp.split(state_kernel, 3)[0],
                "the three parts of a kernel stand side by side: split its columns, axis=1",
            ),
            Mistake(
                lambda *a: _gru(*a, keep=lambda z, n, h: n + z * h),
                "the new state is a weighted mean: the candidate's share is 1 - z",
            ),
            Mistake(_reset_kept, "what stays is z * h, the old state itself; r multiplies h in the candidate alone"),
        ],
    ),
    Exercise(
        "12.3",
        solution=40_000.0,  # no integer: those have to be equal
        tolerance=0.06,  # of the number itself, and once more of the mean size
        mistakes=[
            Mistake(10_000.0, "then it is one standard error above the floor; you are asked for two"),
            Mistake(345_000.0, "that is the number of forecasts; a path has nine of them"),
            Mistake(200.0, "the standard error falls with the root of the number of paths: square the ratio"),
            Mistake(40.5, "0.5% is a share of the floor: the difference to be seen is 0.005 * best"),
            Mistake(4.03, "0.5% is 0.005, and it is a share of the floor"),
            Mistake(80_500.0, "the floor is known exactly, so only the network's error is noisy; its standard error alone counts"),
            Mistake(5000.0, "with 5000 paths one standard error is already 0.7% of the floor; how much smaller does it have to be?"),
            Mistake(64.0, "with the 64 paths of a batch the standard error is 6% of the floor; how much smaller does it have to be?"),
            Mistake(160_000.0, "that would make it four standard errors; you are asked for two"),
        ],
    ),
    Exercise(
        "12.4",
        solution=lambda step, h, xs, present: _states(step, h, xs, present),
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
            Mistake(
                partial(_shown, show=lambda old, free, new: free),
                "the carry is right, but the outputs still move in the gaps; output the state that is carried on",
            ),
            Mistake(partial(_shown, show=lambda old, free, new: old), "those are the states before each time; output the new one"),
            Mistake(_frozen_outputs, "the outputs rest in the gaps, but behind them the state moves on; choose inside the step, before the carry"),
            Mistake(
                lambda step, h, xs, present: jnp.where(
                    present[:, None], lax.scan(lambda h, x: (step(h, x),) * 2, h, xs)[1], h
                ),
                "the choice comes after the scan, when the state has already moved in the gaps; choose inside the step",
            ),
            Mistake(_last_input_again, "in a gap the last observation is read once more; the step shouldn't count there at all"),
            Mistake(_with_an_if, "`present` is traced, so a Python `if` can't read it: choose by jnp.where or lax.cond"),
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
