"""Exercises of notebook 19: the pricer."""

from functools import partial

import jax
import jax.numpy as jnp

from course_utils.checks import Exercise, Mistake, Prediction


def interval(mean, stderr):
    return mean + 1.96 * stderr * jnp.array([-1.0, 1.0])


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


exercises = [
    Exercise(
        "19.1",
        solution=interval,
        inputs=lambda key: tuple(jax.random.uniform(key, (2,)) + jnp.array([4.0, 0.1])),
        mistakes=[
            Mistake(
                lambda mean, stderr: mean + stderr * jnp.array([-1.0, 1.0]),
                "one standard error to each side holds 68 %: for 95 % take 1.96 of them",
            ),
            *(
                Mistake(
                    lambda mean, stderr, width=width: mean + width * stderr * jnp.array([-1.0, 1.0]),
                    "that many standard errors are for another confidence: for 95 % take 1.96, to three digits",
                )
                for width in (1.645, 2.0, 2.576)
            ),
            Mistake(lambda mean, stderr: interval(mean, stderr)[::-1], "the lower end comes first"),
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
            Mistake(lambda prices, strike: prices.mean(axis=-1) - strike, "a distance is never negative: take the absolute value"),
            Mistake(lambda prices, strike: strike - prices.mean(axis=-1), "a distance is never negative: take the absolute value"),
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
            Mistake(maximum_with_nan, "a maximum over numbers and NaN is NaN: put -inf where it doesn't pay, and NaN afterwards"),
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
