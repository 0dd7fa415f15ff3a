"""Exercises of notebook 00: the self-test. In NumPy, since nobody is expected to know JAX yet."""

import dis
import inspect
import math
import types

import jax
import numpy as np

from course_utils.checks import Exercise, Mistake, Prediction


def _table(key):
    scale, shift = np.array([1.0, 10.0, 0.1, 3.0]), np.array([0.0, 100.0, 5.0, -2.0])
    return (np.asarray(jax.random.normal(key, (6, 4)), np.float64) * scale + shift,)


def _chain(key):
    x = float(jax.random.uniform(key, (), minval=0.3, maxval=1.2))
    if x > 0.75:
        return np.sin, np.cos, lambda x: x**3 / 2, lambda x: 1.5 * x**2, x
    return lambda x: x**3, lambda x: 3 * x**2, lambda x: x**2 + 1, lambda x: 2 * x, x


def _draws(key):
    numbers = jax.random.uniform(key, (3,)).tolist()
    z = np.random.default_rng(int(1e6 * numbers[0])).normal(size=200)  # (200,)
    return z, 1 + numbers[0], 4 + 5 * numbers[1], numbers[2] / 2  # low prices: here all mistakes differ


def _average_payoff(z, mean, variance, strike):
    return np.maximum(strike - (mean + np.sqrt(variance) * z), 0.0).mean()


A_LOOP = "right, but with a Python loop; ask for the mean and the standard deviation of all columns at once: axis=0"


def _has_loop(code):
    jumps_back = any("JUMP_BACKWARD" in step.opname for step in dis.get_instructions(code))
    return jumps_back or any(_has_loop(constant) for constant in code.co_consts if isinstance(constant, types.CodeType))


def _loops(function, arguments):
    """An answer in NumPy can't be traced, so its code is looked at; ``function`` is the check's ``partial`` of it."""
    code = getattr(inspect.unwrap(function.args[0]), "__code__", None)
    return A_LOOP if code and _has_loop(code) else None


HALF = 0.5
WITHIN_ONE = math.erf(1 / math.sqrt(2))  # 0.6827
WITHIN_TWO = math.erf(2 / math.sqrt(2))  # 0.9545

exercises = [
    Exercise(
        "00.1",
        solution=((5, 3), (4,), (5, 5)),
        mistakes=[
            Mistake(((5, 3), (4,), (5, 1)), "the first two are right; (5, 1) - (5,) becomes (5, 1) - (1, 5), and both are stretched"),
            Mistake(((5, 3), (4,), (5,)), "the first two are right; (5, 1) - (5,) becomes (5, 1) - (1, 5), and both are stretched"),
            Mistake(((5, 3), 4, (5, 5)), "(4) is just the number 4; the shape of a vector is a tuple of one, and that takes a comma"),
            Mistake(((5, 3), (), (5, 5)), "without an axis a sum is one number; with axis=0 only that axis is summed over"),
            Mistake(((5, 3), (6,), (5, 5)), "axis=0 is the axis that disappears; the other one stays"),
            Mistake(((5, 3), (1, 4), (5, 5)), "a sum drops its axis, unless you ask for keepdims=True"),
            Mistake(((3,), (4,), (5, 5)), "the row is added to every row of the (5, 3) array, so all five rows stay"),
        ],
    ),
    Exercise(
        "00.2",
        solution=lambda x: (x - x.mean(axis=0)) / x.std(axis=0),
        inputs=_table,
        jit=False,
        inspect=_loops,
        mistakes=[
            Mistake(lambda x: (x - x.mean()) / x.std(), "that is the mean and the spread of all numbers; each column has its own: axis=0"),
            Mistake(
                lambda x: (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True),
                "that standardizes each row; for columns the axis to average over is 0",
            ),
            Mistake(lambda x: (x - x.mean(axis=1)) / x.std(axis=1), "axis=1 gives one number per row; for columns the axis is 0"),
            Mistake(lambda x: x - x.mean(axis=0), "each column has mean 0 now; divide by its standard deviation as well"),
            Mistake(lambda x: x - x.mean(), "that is the mean of all numbers, and nothing is divided; each column has its own mean: axis=0"),
            Mistake(lambda x: x - x.mean(axis=0) / x.std(axis=0), "the division comes before the minus: parentheses are missing"),
            Mistake(lambda x: (x - x.mean(axis=0)) / x.var(axis=0), "that divides by the variance; the standard deviation is its root"),
            Mistake(lambda x: (x - x.mean(axis=0)) / x.std(axis=0, ddof=1), "take NumPy's default standard deviation, which divides by n"),
            Mistake(lambda x: np.stack([(column - column.mean()) / column.std() for column in x.T], axis=1), A_LOOP),
        ],
    ),
    Exercise(
        "00.3",
        solution=lambda f, df, g, dg, x: df(g(x)) * dg(x),
        inputs=_chain,
        jit=False,
        mistakes=[
            Mistake(lambda f, df, g, dg, x: df(x) * dg(x), "the outer derivative is taken at the wrong place: f sees g(x), not x"),
            Mistake(lambda f, df, g, dg, x: df(g(x)), "that is the outer derivative alone; the inner one multiplies it"),
            Mistake(lambda f, df, g, dg, x: df(dg(x)), "derivatives are multiplied, not put into each other; the inner function stays in: g(x)"),
            Mistake(lambda f, df, g, dg, x: df(x) * g(x) + f(x) * dg(x), "that is the product rule, for f(x) g(x); here g is inside f"),
            Mistake(lambda f, df, g, dg, x: dg(f(x)) * df(x), "the roles are swapped: f is the outer function, and g the inner one"),
            Mistake(lambda f, df, g, dg, x: df(g(x)) + dg(x), "the two derivatives are multiplied, not added"),
            Mistake(lambda f, df, g, dg, x: f(g(x)), "that is the value f(g(x)); its derivative is asked for"),
            Mistake(lambda f, df, g, dg, x: df(g(x)) * dg, "dg is a function: call it at x"),
        ],
    ),
    Exercise(
        "00.4",
        solution=(HALF, WITHIN_ONE, 0.2),
        tolerance=0.005,
        mistakes=[
            Mistake((HALF, WITHIN_TWO, 0.2), "7 and 3 are one standard deviation from 5, not two"),
            Mistake((HALF, WITHIN_ONE / 2, 0.2), "that is the probability between 5 and 7; the other half is between 3 and 5"),
            Mistake((HALF, 1 - WITHIN_ONE, 0.2), "that is the probability of lying outside the range from 3 to 7"),
            Mistake((HALF, WITHIN_ONE, 2.0), "the mean of many draws varies less than one draw does: divide by a root"),
            Mistake((HALF, WITHIN_ONE, 0.02), "the variance is divided by 100, so the standard deviation by its root"),
            Mistake((HALF, WITHIN_ONE, 0.04), "that is the variance of the mean; its root is asked for"),
            Mistake((HALF, WITHIN_ONE, 0.4), "2 is the standard deviation already; its square, the variance, is 4"),
            Mistake((50.0, 100 * WITHIN_ONE, 0.2), "write probabilities as numbers from 0 to 1"),
        ],
    ),
    Exercise(
        "00.5",
        solution=_average_payoff,
        inputs=_draws,
        jit=False,
        mistakes=[
            Mistake(
                lambda z, mean, variance, strike: np.maximum(strike - (mean + variance * z), 0.0).mean(),
                "z is multiplied by the standard deviation, which is the root of the variance",
            ),
            Mistake(
                lambda z, mean, variance, strike: np.maximum(strike - (mean + np.sqrt(variance) * z).mean(), 0.0),
                "that is the payoff of the average; first the maximum for each draw, then the average, which is larger",
            ),
            Mistake(
                lambda z, mean, variance, strike: np.maximum(mean + np.sqrt(variance) * z - strike, 0.0).mean(),
                "it should pay where the price is below the strike: strike - price",
            ),
            Mistake(
                lambda z, mean, variance, strike: (strike - (mean + np.sqrt(variance) * z)).mean(),
                "where the price is above the strike the payoff is 0, not negative",
            ),
            Mistake(
                lambda z, mean, variance, strike: np.maximum(strike - np.sqrt(variance) * (mean + z), 0.0).mean(),
                "only z is stretched; the mean is added after that",
            ),
            Mistake(
                lambda z, mean, variance, strike: np.maximum(strike - (mean + np.sqrt(variance) * z), 0.0),
                "that is one payoff per draw; their average is asked for",
            ),
            Mistake(
                lambda z, mean, variance, strike: np.maximum(strike - (mean + np.sqrt(variance) * z), 0.0).sum(),
                "that is the sum of the payoffs; their average is asked for",
            ),
            Mistake(
                lambda z, mean, variance, strike: max(strike - (mean + np.sqrt(variance) * z), 0.0),
                "Python's max takes one number; np.maximum takes a whole array",
            ),
        ],
    ),
]

predictions = [
    Prediction(
        "00.a",
        answer="positive",
        shown="0.620",
        slips=[
            ("near zero", "the points cancel in pairs, x and -x; do the slopes at these two points cancel as well?"),
            ("negative", "think of the slope of the sine near 0, where most of the points lie"),
        ],
    ),
    Prediction(
        "00.b",
        answer=0,
        shown="range(x[0])  TracerIntegerConversionError\nnp.sin(x)    TracerArrayConversionError\n",
        slips=[
            (4, "on an ordinary array all four work; a stand-in has a shape and a dtype, and no numbers"),
            (3, "ask of each whether it could be carried out on an array whose numbers nobody knows"),
            (2, "ask of each whether it could be carried out on an array whose numbers nobody knows"),
            (1, "ask of each whether it could be carried out on an array whose numbers nobody knows; np.sin is NumPy's"),
        ],
    ),
    Prediction(
        "00.c",
        answer=(49, 1, 64),
        shown="first layer: (49, 1, 64)",
        slips=[
            ((1, 64, 49), "the axis that counts the networks comes first"),
            ((49, 64, 1), "what a single network has stays in its order"),
            ((49, 64), "no axis of the single network's array is dropped"),
            ((1, 49 * 64), "the networks aren't written side by side; they get an axis of their own"),
            ((49, 1, 1, 64), "stacking adds one axis, and only one"),
            ((50, 1, 64), "on the last date there is nothing left to wait for, so it has no network"),
        ],
    ),
]
