"""Exercises of notebook 19: the pricer."""

import math
from functools import partial

import jax
import jax.numpy as jnp

from course_utils.checks import Exercise, Mistake, Prediction, draws_from


def even(number):
    return 2 * math.ceil(number / 2)


def paths_needed(paths, stderr, width, bars=2 * 1.96, grown=lambda paths, ratio: paths * ratio**2, rounded=even):
    return rounded(grown(paths, bars * stderr / width))


def a_short_run(key):
    """A run on a few hundred paths, and a width that takes 1.4 less than an even number, so that each way to round shows."""
    rng = draws_from(key)
    paths, wanted = 2 * int(rng.integers(50, 150)), 2 * int(rng.integers(400, 900)) - 1.4
    stderr = float(rng.uniform(0.05, 0.1))
    return paths, stderr, 2 * 1.96 * stderr * math.sqrt(paths / wanted)


def whichever_way_rounded(hint, **slip):
    """A mistake, and the same by those who round in another way as well."""
    ways = (even, math.ceil, round, math.floor, lambda number: number)
    return [Mistake(partial(paths_needed, rounded=way, **slip), hint) for way in ways]


def boundary(grid, payoff, waiting, never=jnp.nan):
    stop = (payoff > 0) & (payoff >= waiting)  # (dates, prices)
    highest = jnp.where(stop, grid, -jnp.inf).max(axis=1)
    return jnp.where(stop.any(axis=1), highest, never)


def with_worthless(grid, payoff, waiting):
    stop = payoff >= waiting
    return jnp.where(stop.any(axis=1), jnp.where(stop, grid, -jnp.inf).max(axis=1), jnp.nan)


def lowest(grid, payoff, waiting, never=jnp.nan):
    stop = (payoff > 0) & (payoff >= waiting)
    return jnp.where(stop.any(axis=1), jnp.where(stop, grid, jnp.inf).min(axis=1), never)


def maximum_with_nan(grid, payoff, waiting):
    return jnp.where((payoff > 0) & (payoff >= waiting), grid, jnp.nan).max(axis=1)


def a_put_on_a_grid(key):
    """Waiting is worth more than exercising above a random price, always so at the last date, and a hair below 0 far out."""
    grid = jnp.linspace(30.0, 50.0, 41)  # (prices,)
    payoff = jnp.maximum(40.0 - grid, 0.0)
    critical = jax.random.uniform(key, (4, 1), minval=32.0, maxval=38.0).at[-1].set(0.0)  # (dates, 1)
    waiting = payoff + 0.1 * (grid - critical)
    return grid, payoff, jnp.where(grid > 48.0, -1e-3, waiting)


def what_it_pays(grid, payoff, waiting, never=jnp.nan):
    stop = (payoff > 0) & (payoff >= waiting)
    return jnp.where(stop.any(axis=1), jnp.where(stop, payoff, -jnp.inf).max(axis=1), never)


def where_it_waits(grid, payoff, waiting, positive=True, never=jnp.nan):
    wait = (payoff <= waiting) & ((payoff > 0) | (not positive))
    return jnp.where(wait.any(axis=1), jnp.where(wait, grid, -jnp.inf).max(axis=1), never)


exercises = [
    Exercise(
        "19.1",
        solution=lambda paths, stderr, width: paths_needed(paths, stderr, width),
        inputs=a_short_run,
        jit=False,  # functions of `math` are fine
        tolerance=1e-6,
        mistakes=[
            *whichever_way_rounded(
                "the width runs from the lower end to the upper: it is twice 1.96 standard errors, not once",
                bars=1.96,
            ),
            *(
                mistake
                for bars in (1.0, 2.0)
                for mistake in whichever_way_rounded(
                    "a 95 % interval reaches 1.96 standard errors to each side, so its width isn't one standard error, or two",
                    bars=bars,
                )
            ),
            *(
                mistake
                for bars in (4.0, 2 * 1.645, 2 * 2.576, 6.0)
                for mistake in whichever_way_rounded(
                    "for a confidence of 95 % take 1.96 standard errors to each side, to three digits", bars=bars
                )
            ),
            *whichever_way_rounded(
                "to halve a standard error takes four times the paths, not twice: which power of the ratio is that",
                grown=lambda paths, ratio: paths * ratio,
            ),
            *whichever_way_rounded(
                "to halve a standard error takes four times the paths: that is a square, not a root",
                grown=lambda paths, ratio: paths * math.sqrt(ratio),
            ),
            *whichever_way_rounded(
                "the standard error falls with the root of the number of paths: square both sides before you solve for that number",
                grown=lambda paths, ratio: math.sqrt(paths) * ratio,
            ),
            *whichever_way_rounded(
                "that is how many times as many paths it takes: multiply by the paths of the run",
                grown=lambda paths, ratio: ratio**2,
            ),
            *whichever_way_rounded(
                "a narrower interval takes more paths, and yours takes fewer",
                grown=lambda paths, ratio: paths / ratio**2,
            ),
            *whichever_way_rounded(
                "the error is already that of the mean: don't multiply it by the root of the paths",
                grown=lambda paths, ratio: paths**2 * ratio**2,
            ),
            Mistake(
                partial(paths_needed, rounded=lambda number: number),
                "nearly: a number of paths is whole, and an even one",
            ),
            Mistake(
                partial(paths_needed, rounded=lambda number: 2 * math.floor(number / 2)),
                "round up: with fewer paths the interval is too wide",
            ),
            *(
                Mistake(
                    partial(paths_needed, rounded=way),
                    "paths come in pairs: round up to the next even number, also where the next whole one is odd",
                )
                for way in (math.ceil, round)
            ),
            Mistake(
                partial(paths_needed, rounded=lambda number: even(number) + 2),
                "that is even and enough, but the even number before it is enough too",
            ),
        ],
    ),
    Exercise(
        "19.2",
        solution=lambda prices, strike: jnp.abs(prices.mean(axis=-1) - strike),
        inputs=lambda key: (40.0 + 5.0 * jax.random.normal(key, (2, 6, 3)), 40.0),
        mistakes=[
            Mistake(
                lambda prices, strike: jnp.abs(prices.mean() - strike),
                "the mean runs over all paths: take it over the assets alone, axis=-1",
            ),
            Mistake(
                lambda prices, strike: jnp.maximum(strike - prices.mean(axis=-1), 0.0),
                "that is the put half: a straddle pays on the other side of the strike too",
            ),
            Mistake(
                lambda prices, strike: jnp.maximum(prices.mean(axis=-1) - strike, 0.0),
                "that is the call half: a straddle pays on the other side of the strike too",
            ),
            Mistake(
                lambda prices, strike: prices.mean(axis=-1) - strike,
                "a distance is never negative: take the absolute value",
            ),
            Mistake(
                lambda prices, strike: strike - prices.mean(axis=-1),
                "a distance is never negative: take the absolute value",
            ),
            *(
                Mistake(
                    lambda prices, strike, axis=axis: jnp.abs(prices.mean(axis=axis) - strike),
                    "the mean runs over the wrong axis: the assets are the last one, axis=-1, however many come before",
                )
                for axis in (0, 1)
            ),
            Mistake(
                lambda prices, strike: jnp.abs(prices - strike),
                "that is a straddle on each asset: it is written on the mean of them, one number per path",
            ),
            Mistake(
                lambda prices, strike: jnp.abs(prices.sum(axis=-1) - strike),
                "that is the sum of the prices; the strike is compared with their mean",
            ),
            Mistake(
                lambda prices, strike: jnp.abs(prices.mean(axis=-1, keepdims=True) - strike),
                "the assets' axis is still there, of length 1: it returns (…)",
            ),
            Mistake(
                lambda prices, strike: (prices.mean(axis=-1) - strike) ** 2,
                "that is the distance squared: take the absolute value",
            ),
            Mistake(
                lambda prices, strike: jnp.abs(prices - strike).mean(axis=-1),
                "that is the mean of three straddles: take the mean of the prices first, then the distance",
            ),
        ],
    ),
    Exercise(
        "19.3",
        solution=boundary,
        inputs=a_put_on_a_grid,
        mistakes=[
            Mistake(with_worthless, "worthless options are exercised: also ask that the payoff is positive"),
            Mistake(
                lambda grid, payoff, waiting: jnp.where(payoff >= waiting, grid, -jnp.inf).max(axis=1),
                "worthless options are exercised: also ask that the payoff is positive",
            ),
            *(
                Mistake(
                    partial(what_it_pays, never=never),
                    "that is the largest payoff of exercising; the price at which it is paid is asked for",
                )
                for never in (jnp.nan, -jnp.inf, 0.0)
            ),
            *(
                Mistake(
                    partial(where_it_waits, positive=positive, never=never),
                    "it pays to exercise where the payoff is at least what waiting is worth",
                )
                for positive in (True, False)
                for never in (jnp.nan, -jnp.inf, 0.0)
            ),
            Mistake(
                lambda grid, payoff, waiting: jnp.where((payoff > 0) & (payoff >= waiting), grid, -jnp.inf).max(axis=0),
                "that is one number for each price of the grid: the maximum runs over the prices, axis=1",
            ),
            *(
                Mistake(function, "that is the lowest price at which it pays; a put's boundary is the highest")
                for function in (lowest, lambda grid, *values: lowest(grid, *values, never=grid[0]))
            ),
            *(
                Mistake(function, "at a date where it never pays to exercise, the answer is NaN")
                for function in (
                    partial(boundary, never=-jnp.inf),
                    partial(boundary, never=0.0),
                    lambda grid, *values: boundary(grid, *values, never=grid[0]),
                    lambda grid, *values: boundary(grid, *values, never=grid[-1]),
                )
            ),
            Mistake(
                maximum_with_nan,
                "a maximum over numbers and NaN is NaN: put -inf where it doesn't pay, and NaN afterwards",
            ),
        ],
    ),
]

predictions = [
    Prediction(
        "19.a",
        (49, 1, 64),
        shown=".layers[0].kernel      (49, 1, 64)",
        slips=[
            ((50, 1, 64), "at the last date nothing is left to learn: how many networks are there"),
            ((49, 64, 1), "a kernel's axes are its inputs, then its units"),
            ((1, 64), "that is one network's; how are the networks of all dates kept"),
        ],
    ),
    Prediction(
        "19.b",
        (True, False),
        shown="float32: vmap gives eight digits of one by one: False",
        slips=[
            ((True, True), "how many digits does a float32 have, even before two hundred steps of Adam"),
            ((False, False), "how far does a rounding error of 1e-16 get in so short a training run"),
        ],
    ),
    Prediction(
        "19.c",
        1,
        shown="exercise at [0.0, 0.5, 1.0]: 10.00",
        slips=[
            (0, "what does exercising at once pay, and who may do it"),
            (2, "is there anything that the owner of the last list may do and the others may not"),
        ],
    ),
    Prediction(
        "19.d",
        -1,
        shown="slope of the tree's line from 5 dates on: -1.0",
        slips=[
            (1, "does the difference grow or fall with the number of dates"),
            (-2, "with twice the dates, is the difference half as large, or a quarter"),
            (-0.5, "with twice the dates, is the difference half as large, or seven tenths"),
        ],
        within=1.2,
    ),
]
