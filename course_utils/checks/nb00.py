"""Exercises of notebook 00: the self-test. In NumPy, since nobody is expected to know JAX yet."""

import dis
import inspect
import math
import types

import jax
import numpy as np

from course_utils.checks import Exercise, Mistake, Prediction, one_by_one


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


A_SMALL_STEP = "that takes a small step, which is right to some digits only; the chain rule is exact, and has df and dg in it"


def _small_step(step, ahead=1.0):
    return lambda f, df, g, dg, x: (f(g(x + step)) - f(g(x - (1 - ahead) * step))) / ((2 - ahead) * step)


def _calls_no_derivative(function, arguments):
    called = []
    f, df, *others = arguments
    function(f, lambda x: called.append(x) or df(x), *others)
    return None if called else A_SMALL_STEP


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
        mistakes=one_by_one(
            (
                (5, 3),
                ((3,), "in the first, the row is added to every row of the (5, 3) array, so all five rows stay"),
                ((5, 6), "in the first, numbers are added, element by element; the arrays aren't put side by side"),
                ("error", "the first is no error: shapes are compared from the right, and an axis that is missing is filled in"),
            ),
            (
                (4,),
                (4, "(4) is just the number 4; the shape of a vector is a tuple of one, and that takes a comma"),
                ((), "in the second, the sum is not over everything: with axis=0 only that axis is summed over"),
                ((6,), "in the second, axis=0 is the axis that disappears; the other one stays"),
                ((1, 4), "in the second, a sum drops its axis, unless you ask for keepdims=True"),
                ((4, 1), "in the second, a sum drops its axis, unless you ask for keepdims=True"),
                ((6, 4), "in the second, the sum is over one axis, and that axis is gone afterwards"),
            ),
            (
                (5, 5),
                ((5, 1), "the first two are right; (5, 1) - (5,) becomes (5, 1) - (1, 5), and both are stretched"),
                ((5,), "the first two are right; (5, 1) - (5,) becomes (5, 1) - (1, 5), and both are stretched"),
                (5, "the first two are right; (5, 1) - (5,) becomes (5, 1) - (1, 5), and both are stretched"),
                ((1, 5), "the first two are right; (5, 1) - (5,) becomes (5, 1) - (1, 5), and both are stretched"),
                ("error", "the first two are right; the third is no error: an axis of length 1 is stretched"),
            ),
        ),
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
            Mistake(lambda x: (x - x.mean(axis=0)) / x.std(), "the mean is that of each column; the standard deviation is still that of the whole table"),
            Mistake(lambda x: (x - x.mean()) / x.std(axis=0), "the standard deviation is that of each column; the mean is still that of the whole table"),
            Mistake(lambda x: (x - x.mean(axis=0)) / np.sqrt(x.std(axis=0)), "std is the root of the variance already; no further root is taken"),
            Mistake(lambda x: (x - x.mean(axis=0)) * x.std(axis=0), "to bring a spread of 10 to 1 you divide by 10"),
            Mistake(lambda x: x / x.std(axis=0), "the spread is 1 now; the mean has to be subtracted first"),
            Mistake(
                lambda x: (x - x.min(axis=0)) / (x.max(axis=0) - x.min(axis=0)),
                "that brings each column between 0 and 1; its mean is to be 0, and its standard deviation 1",
            ),
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
        inspect=_calls_no_derivative,
        mistakes=[
            Mistake(lambda f, df, g, dg, x: df(x) * dg(x), "the outer derivative is taken at the wrong place: f sees g(x), not x"),
            Mistake(lambda f, df, g, dg, x: df(g(x)), "that is the outer derivative alone; the inner one multiplies it"),
            Mistake(lambda f, df, g, dg, x: df(dg(x)), "derivatives are multiplied, not put into each other; the inner function stays in: g(x)"),
            Mistake(lambda f, df, g, dg, x: df(x) * g(x) + f(x) * dg(x), "that is the product rule, for f(x) g(x); here g is inside f"),
            Mistake(lambda f, df, g, dg, x: dg(f(x)) * df(x), "the roles are swapped: f is the outer function, and g the inner one"),
            Mistake(lambda f, df, g, dg, x: df(g(x)) + dg(x), "the two derivatives are multiplied, not added"),
            Mistake(lambda f, df, g, dg, x: f(g(x)), "that is the value f(g(x)); its derivative is asked for"),
            Mistake(lambda f, df, g, dg, x: df(g(x)) * dg, "dg is a function: call it at x"),
            Mistake(lambda f, df, g, dg, x: df * dg, "df and dg are functions; each is called at its place"),
            Mistake(lambda f, df, g, dg, x: df(g) * dg(x), "df takes a number: the value g(x), not the function g"),
            Mistake(lambda f, df, g, dg, x: df(g(x)) * g(x), "the inner function's derivative multiplies, not its value"),
            Mistake(lambda f, df, g, dg, x: f(g(x)) * dg(x), "the outer function is to be differentiated as well: df, not f"),
            Mistake(lambda f, df, g, dg, x: dg(df(x)), "derivatives are multiplied, not put into each other; the inner function stays in: g(x)"),
            Mistake(lambda f, df, g, dg, x: df(f(g(x))) * dg(x), "df is taken at what f is given, which is g(x), and not at what f makes of it"),
            Mistake(
                lambda f, df, g, dg, x: jax.grad(lambda x: f(g(x)))(x),
                "JAX cannot look into NumPy's functions; you have df and dg, so you need no JAX here",
            ),
            *(Mistake(_small_step(step, ahead), A_SMALL_STEP) for step in (0.01, 1e-3, 1e-4, 1e-5, 1e-6, 1e-8) for ahead in (0.0, 1.0)),
        ],
    ),
    Exercise(
        "00.4",
        solution=(HALF, WITHIN_ONE, 1600),
        tolerance=0.005,
        mistakes=one_by_one(
            (
                HALF,
                (50.0, "write probabilities as numbers from 0 to 1"),
                (0.0, "that would be right for X = 5; how much of the bell curve lies to the right of its middle?"),
                (0.4, "the bell curve is symmetric about its mean; which share of it lies to the right?"),
            ),
            (
                WITHIN_ONE,
                (WITHIN_TWO, "7 and 3 are one standard deviation from 5, not two"),
                (WITHIN_ONE / 2, "that is the probability between 5 and 7; the other half is between 3 and 5"),
                (1 - WITHIN_ONE, "that is the probability of lying outside the range from 3 to 7"),
                (100 * WITHIN_ONE, "write probabilities as numbers from 0 to 1"),
                (0.7, "the second is roughly that; two digits are asked for"),
                (HALF, "within one standard deviation of the mean lies more than half"),
            ),
            (
                1600,
                (40, "the standard deviation has to shrink by a factor of 40, and it shrinks with the root of the number of draws"),
                (80, "that makes the variance 0.05; it is the standard deviation that is to be 0.05"),
                (400, "that would be right for draws with standard deviation 1; X has 2"),
                (800, "the 2 is divided by the root of the number of draws; so the whole ratio 2 / 0.05 is squared"),
                (6400, "2 is the standard deviation already; its square, the variance, is 4"),
                (0.2, "the third is a number of draws, and has to be well above 1"),
            ),
        ),
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
                lambda z, mean, variance, strike: np.maximum(strike - mean + np.sqrt(variance) * z, 0.0).mean(),
                "the whole price is subtracted from the strike: parentheses are missing",
            ),
            Mistake(
                lambda z, mean, variance, strike: np.maximum(strike - (mean + variance**2 * z), 0.0).mean(),
                "z is multiplied by the standard deviation; that is the variance's root, not its square",
            ),
            Mistake(
                lambda z, mean, variance, strike: np.maximum(strike - (z - mean) / np.sqrt(variance), 0.0).mean(),
                "that makes a standard normal number of a price; here it goes the other way, from z to a price",
            ),
            Mistake(
                lambda z, mean, variance, strike: np.where(mean + np.sqrt(variance) * z < strike, strike, 0.0).mean(),
                "where it pays it pays strike - price, not the whole strike",
            ),
            Mistake(
                lambda z, mean, variance, strike: (mean + np.sqrt(variance) * z < strike).mean(),
                "that is how often the put pays; how much it pays is asked for",
            ),
            Mistake(
                lambda z, mean, variance, strike: (lambda paid: paid[paid > 0].mean())(strike - (mean + np.sqrt(variance) * z)),
                "the average is over all draws; those on which nothing is paid count as 0",
            ),
            Mistake(
                lambda z, mean, variance, strike: np.max(strike - (mean + np.sqrt(variance) * z)),
                "np.max looks for the largest of all; np.maximum(…, 0.0) compares each with 0",
            ),
            Mistake(
                lambda z, mean, variance, strike: np.minimum(strike - (mean + np.sqrt(variance) * z), 0.0).mean(),
                "minimum keeps what is below 0; the payoff is what is above",
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
