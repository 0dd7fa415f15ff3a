"""Checks of notebook 16: the exercise rule, a weighted regression, a policy given by its boundary, and a second recursion."""

from functools import partial

import jax
import jax.numpy as jnp

from course_utils.checks import Exercise, Mistake, must_use


def _one_date(key):
    """Some options pay nothing; for ten, exercising and waiting are worth the same, for ten, waiting is worth a little more."""
    keys = jax.random.split(key, 3)
    value = jnp.maximum(jax.random.randint(keys[0], (40,), -4, 5), 0).astype(float)
    worth = jax.random.randint(keys[1], (40,), -2, 5).astype(float)
    worth = worth.at[:20].set(value[:20] * jnp.repeat(jnp.array([1.0, 1.05]), 10))
    return value, worth, jax.random.uniform(keys[2], (40,), minval=6.0, maxval=9.0), 0.9


def _cash_now(value, worth, cash, discount):
    return jnp.where((value > 0) & (value >= worth), value, discount * cash)


def _points(key):
    keys = jax.random.split(key, 3)
    x = jax.random.normal(keys[0], (30,))
    y = 2 + x + x**2 + jax.random.normal(keys[1], (30,))
    return x, y, jax.random.bernoulli(keys[2], 0.5, (30,))


def _line(x, y, weights, share=None):
    share = weights / weights.sum() if share is None else share  # for the means
    x_mean, y_mean = share @ x, share @ y
    slope = weights @ ((x - x_mean) * (y - y_mean)) / (weights @ (x - x_mean) ** 2)
    return y_mean + slope * (x - x_mean)


def _through_zero(x, y, inside):
    return x * (inside @ (x * y)) / (inside @ x**2)


def _zeroed(x, y, inside):
    return _line(x * inside, y * inside, jnp.ones_like(x))


def _walks(key):
    """On each date the price of one path equals the boundary."""
    prices = 40 * jnp.exp(0.1 * jnp.cumsum(jax.random.normal(key, (6, 50)), axis=0))
    boundary, dates = jnp.linspace(34.0, 38.0, 6), jnp.arange(6)
    return prices.at[dates, dates].set(boundary), boundary, 41.0, 0.97


def _price_of_boundary(prices, boundary, strike, discount, stops=jnp.less_equal):
    def step(cash, now):
        price, critical = now
        return jnp.where(stops(price, critical), strike - price, discount * cash), None

    cash, _ = jax.lax.scan(step, jnp.zeros_like(prices[0]), (prices, boundary), reverse=True)
    return discount * cash.mean()


def _last_exercise(prices, boundary, strike, discount):
    def step(cash, now):
        price, critical, factor = now
        return jnp.where(price <= critical, factor * (strike - price), cash), None

    factors = discount ** jnp.arange(1, len(prices) + 1)
    return jax.lax.scan(step, jnp.zeros_like(prices[0]), (prices, boundary, factors))[0].mean()


def _every_exercise(prices, boundary, strike, discount):
    factors = discount ** jnp.arange(1, len(prices) + 1)[:, None]
    return jnp.where(prices <= boundary[:, None], factors * (strike - prices), 0.0).sum(axis=0).mean()


def _first_in_the_money(prices, boundary, strike, discount):
    return _price_of_boundary(prices, jnp.full_like(boundary, strike), strike, discount)


def _without_last_boundary(prices, boundary, strike, discount):
    return _price_of_boundary(prices, boundary.at[-1].set(strike), strike, discount)


def _per_exercise(prices, boundary, strike, discount):
    return _price_of_boundary(prices, boundary, strike, discount) / (prices <= boundary[:, None]).any(axis=0).mean()


def _parabola(x, y):
    columns = jnp.stack([jnp.ones_like(x), x - 40, (x - 40) ** 2 / 10], axis=1)
    return columns @ jnp.linalg.lstsq(columns, y)[0]


def _paths_and_fit(key):
    prices = 40 * jnp.exp(0.1 * jnp.cumsum(jax.random.normal(key, (5, 60)), axis=0))
    return prices, jnp.maximum(40.0 - prices, 0.0), 0.97, _parabola


def _by_values(prices, values, discount, fitted, reverse=True, update=lambda value, worth, waiting: jnp.maximum(value, worth)):
    def step(later, now):
        price, value = now
        waiting = discount * later
        return update(value, fitted(price, waiting), waiting), None

    first, _ = jax.lax.scan(step, values[-1], (prices[:-1], values[:-1]), reverse=reverse)
    return discount * first.mean()


def _last_date_twice(prices, values, discount, fitted):
    return _by_values(*(jnp.concatenate([a, a[-1:]]) for a in (prices, values)), discount, fitted)


def _discounted_after(prices, values, discount, fitted):
    def step(later, now):
        price, value = now
        return jnp.maximum(value, fitted(price, later)), None

    return discount * jax.lax.scan(step, values[-1], (prices[:-1], values[:-1]), reverse=True)[0].mean()


exercises = [
    Exercise(
        "16.1",
        solution=_cash_now,
        inputs=_one_date,
        mistakes=[
            Mistake(
                lambda value, worth, cash, discount: jnp.where(value >= worth, value, discount * cash),
                "somewhere an option that pays nothing is exercised, because its worth was estimated at 0 or below: ask for value > 0 too",
            ),
            Mistake(
                lambda value, worth, cash, discount: jnp.where((value > 0) & (value > worth), value, discount * cash),
                "where both are equal, exercise: >= and not >",
            ),
            Mistake(
                lambda value, worth, cash, discount: jnp.where(value > worth, value, discount * cash),
                "two things: where both are equal, exercise (>= and not >), and never exercise for nothing (value > 0)",
            ),
            Mistake(
                lambda value, worth, cash, discount: _cash_now(value, discount * worth, cash, discount),
                "`worth` is already what waiting is worth on this date: don't discount it again",
            ),
            Mistake(
                lambda value, worth, cash, discount: _cash_now(value, worth, cash, 1.0),
                "whoever waits has cash that comes one date later: discount it",
            ),
            Mistake(
                lambda value, worth, cash, discount: discount * _cash_now(value, worth, cash, 1.0),
                "what exercising pays comes now: discount the cash alone",
            ),
            *(
                Mistake(function, "what the curve says decides, and is then forgotten: whoever waits gets the discounted cash")
                for function in (
                    lambda value, worth, cash, discount: _cash_now(value, worth, worth, 1.0),
                    lambda value, worth, cash, discount: _cash_now(value, worth, worth, discount),
                    lambda value, worth, cash, discount: jnp.maximum(value, worth),
                )
            ),
            Mistake(
                lambda value, worth, cash, discount: jnp.maximum(value, discount * cash),
                "this looks at the path's own future: compare value with worth, not with the cash",
            ),
            Mistake(
                lambda value, worth, cash, discount: jnp.where((value > 0) & (value >= worth), discount * cash, value),
                "the two branches are the wrong way round: where(stop, what is paid now, what comes later)",
            ),
        ],
    ),
    Exercise(
        "16.2",
        solution=_line,
        inputs=_points,
        tolerance=1e-3,
        mistakes=[
            Mistake(
                lambda x, y, inside: _line(x, y, jnp.ones_like(x)),
                "this is the line through all points; those outside should have weight 0",
            ),
            Mistake(_zeroed, "multiplying x and y by the mask moves the others to (0, 0), where they still count; weight the squares instead"),
            Mistake(_through_zero, "the line goes through the origin: it needs a constant as well"),
            Mistake(
                lambda x, y, inside: jnp.where(inside, _line(x, y, inside), 0.0),
                "the line is right, but it should be evaluated at all of x, also outside",
            ),
            Mistake(
                lambda x, y, inside: _line(x, y, ~inside),
                "this is the line through the points that are not inside",
            ),
            Mistake(
                lambda x, y, inside: _line(x, y, inside, share=inside / x.size),
                "a mean over the points inside is their sum divided by how many are inside, not by the number of all points",
            ),
            *(
                Mistake(function, "the weights belong in both: in the means of x and y, and in the sums of the slope")
                for function in (
                    lambda x, y, inside: _line(x, y, inside, share=jnp.ones_like(x) / x.size),
                    lambda x, y, inside: _line(x, y, jnp.ones_like(x), share=inside / inside.sum()),
                )
            ),
            Mistake(
                lambda x, y, inside: jnp.polyval(jnp.polyfit(x, y, 1, w=inside.astype(x.dtype))[::-1], x),
                "constant and slope have changed places; `polyfit` returns the highest power first",
            ),
        ],
    ),
    Exercise(
        "16.3",
        solution=_price_of_boundary,
        inputs=_walks,
        inspect=must_use("scan", "while", hint="right, but without a scan: let one go over the dates"),
        mistakes=[
            Mistake(
                _last_exercise,
                "an option is exercised once, the first time; here the last time wins: scan backward, so that an earlier date overwrites it",
            ),
            Mistake(_every_exercise, "an option is exercised once; here each date at or below the boundary pays"),
            Mistake(
                lambda prices, boundary, strike, discount: _price_of_boundary(prices, boundary, strike, discount) / discount,
                "the first date is one step from today: discount once more",
            ),
            Mistake(
                lambda prices, boundary, strike, discount: _price_of_boundary(prices, boundary, strike, 1.0),
                "nothing is discounted: waiting a date multiplies the cash by discount",
            ),
            Mistake(
                lambda prices, boundary, strike, discount: _price_of_boundary(prices, boundary, strike, discount) * discount,
                "every payoff is discounted once too often: that of the first date once, that of the second twice",
            ),
            Mistake(
                partial(_price_of_boundary, stops=jnp.less),
                "where the price is equal to the boundary, exercise: <= and not <",
            ),
            *(
                Mistake(partial(_price_of_boundary, stops=stops), "a put is exercised where the price is low: at or below the boundary")
                for stops in (jnp.greater_equal, jnp.greater)
            ),
            Mistake(
                lambda prices, boundary, strike, discount: _price_of_boundary(prices - boundary[:, None], 0 * boundary, 0.0, discount),
                "exercising pays strike - price; the boundary only says when",
            ),
            Mistake(
                lambda prices, boundary, strike, discount: _price_of_boundary(prices, boundary, 40.0, discount),
                "the strike is the notebook's 40: use the argument `strike`",
            ),
            Mistake(_per_exercise, "that is the mean over the paths that are exercised; the others count too, with 0"),
            Mistake(_without_last_boundary, "the boundary decides at the last date too: begin with zeros, and scan over all dates"),
            Mistake(_first_in_the_money, "this exercises whenever it pays anything; the boundary decides"),
            Mistake(
                lambda prices, boundary, strike, discount: _price_of_boundary(prices[::-1], boundary[::-1], strike, discount),
                "the dates run the wrong way: scan with reverse=True",
            ),
        ],
    ),
    Exercise(
        "16.4",
        solution=_by_values,
        inputs=_paths_and_fit,
        static=(3,),
        tolerance=1e-3,
        inspect=must_use("scan", "while", hint="right, but use a scan instead of a Python loop over the dates"),
        mistakes=[
            *(
                Mistake(
                    partial(_by_values, update=update),
                    "that carries the cash; here what the curve says is carried: the larger of value and curve",
                )
                for update in (
                    lambda value, worth, waiting: jnp.where(value >= worth, value, waiting),
                    lambda value, worth, waiting: jnp.where((value > 0) & (value >= worth), value, waiting),
                )
            ),
            Mistake(
                partial(_by_values, update=lambda value, worth, waiting: jnp.maximum(value, waiting)),
                "that is hindsight: the larger of value and the path's own later value. Put the curve through it first",
            ),
            Mistake(
                lambda prices, values, discount, fitted: _by_values(prices, values, discount, fitted) / discount,
                "that is the value at the first date, which is one step from today: discount once more",
            ),
            Mistake(_discounted_after, "the later value isn't discounted before it is compared with today's payoff"),
            Mistake(
                lambda prices, values, discount, fitted: _by_values(prices, values, 1.0, fitted),
                "nothing is discounted: a value is worth discount times as much one date earlier",
            ),
            Mistake(_last_date_twice, "the last date comes twice, as the first value and in the scan: scan over prices[:-1] and values[:-1]"),
            Mistake(
                lambda prices, values, discount, fitted: _by_values(prices, values, discount, lambda x, y: fitted(y, x)),
                "the price is x: call fitted(price, waiting)",
            ),
            *(
                Mistake(function, "the dates run the wrong way: begin with the last and scan with reverse=True")
                for function in (
                    lambda prices, values, discount, fitted: _by_values(prices[::-1], values[::-1], discount, fitted),
                    partial(_by_values, reverse=False),
                )
            ),
            Mistake(
                lambda prices, values, discount, fitted: discount ** len(prices) * values[-1].mean(),
                "that is the European price: at each date before the last, take the larger of value and curve",
            ),
        ],
    ),
]
