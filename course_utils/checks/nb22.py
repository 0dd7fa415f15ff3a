"""Exercises of notebook 22: the hedge."""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from course_utils.checks import Exercise, Mistake, Prediction, draws_from


def numbers(answer, *arguments):
    """What ``answer`` returns, as an array of JAX's floats where it is a list or NumPy's, which are often of 64 bits."""
    result = answer(*arguments)
    return jnp.asarray(result, float) if isinstance(result, (list, np.ndarray, np.generic)) else result


def profit_and_loss(price, shares, moves, alive, paid, held=lambda alive: alive, axis=0):
    return price + (shares * moves * held(alive)).sum(axis=axis) - paid


def a_few_trades(key):
    """Price (), shares, moves and alive (times, paths), paid (paths,); some paths stop early."""
    keys = jax.random.split(key, 4)
    shares = -jax.random.uniform(keys[0], (4, 6), minval=0.2, maxval=1.0)  # (times, paths)
    moves = jax.random.normal(keys[1], (4, 6))  # (times, paths)
    stops = jnp.array([1, 2, 4, 3, 4, 2])  # (paths,)
    alive = jnp.arange(4)[:, None] < stops  # (times, paths)
    paid = jax.random.uniform(keys[2], (6,), minval=0.0, maxval=3.0)  # (paths,)
    return jax.random.uniform(keys[3], (), minval=3.0, maxval=5.0), shares, moves, alive, paid


def interest(rate, times):
    """Discount factors (times + 1,)."""
    return jnp.exp(-rate * times)


def hedge_gains(prices, shares, times, rate, begin=lambda array: array[:-1], end=lambda array: array[1:], at=lambda shares: shares[:-1]):
    discounted = interest(rate, times)[:, None] * prices  # (times + 1, paths)
    return (at(shares) * (end(discounted) - begin(discounted))).sum(axis=0)


def undiscounted(prices, shares, times, rate):
    return (shares[:-1] * jnp.diff(prices, axis=0)).sum(axis=0)


def discounted_late(prices, shares, times, rate, at=lambda shares: shares[1:], when=lambda factors: factors[1:]):
    return (when(interest(rate, times))[:, None] * at(shares) * jnp.diff(prices, axis=0)).sum(axis=0)


def by_steps(change):
    """An answer whose shares gain ``change(prices before, prices after, factors before, factors after)`` at each step."""

    def answer(prices, shares, times, rate, at=lambda shares: shares[:-1]):
        factors = interest(rate, times)[:, None]
        return (at(shares) * change(prices[:-1], prices[1:], factors[:-1], factors[1:])).sum(axis=0)

    return answer


def simple_interest(prices, shares, times, rate):
    owed = prices[:-1] * (1 + rate * jnp.diff(times)[:, None])
    return (shares[:-1] * interest(rate, times)[1:, None] * (prices[1:] - owed)).sum(axis=0)


def discounted_at_the_end(prices, shares, times, rate):
    return interest(rate, times)[-1] * undiscounted(prices, shares, times, rate)


def prices_and_shares(key):
    keys = jax.random.split(key, 3)
    prices = 40.0 * jnp.exp(0.1 * jax.random.normal(keys[0], (5, 4)).cumsum(axis=0))  # (times + 1, paths)
    shares = -jax.random.uniform(keys[1], (5, 4))  # (times + 1, paths)
    rate = jax.random.uniform(keys[2], (), minval=0.1, maxval=0.3)
    return prices, shares, jnp.array([0.0, 0.5, 1.0, 1.5, 2.0]), rate


def expected_unit(kernel, bias, mean, covariance, deviation=lambda kernel, covariance: jnp.sqrt(kernel @ covariance @ kernel)):
    center, deviation = mean @ kernel + bias, deviation(kernel, covariance)
    ratio = center / deviation
    return center * jax.scipy.stats.norm.cdf(ratio) + deviation * jax.scipy.stats.norm.pdf(ratio)


def from_center_and_deviation(formula):
    """An answer with another formula of the normal's mean and deviation."""

    def answer(kernel, bias, mean, covariance):
        return formula(mean @ kernel + bias, jnp.sqrt(kernel @ covariance @ kernel))

    return answer


cdf, pdf = jax.scipy.stats.norm.cdf, jax.scipy.stats.norm.pdf


def a_unit(key):
    """Kernel (assets,), bias (), mean (assets,) and covariance (assets, assets) of the inputs."""
    keys = jax.random.split(key, 4)
    root = jax.random.normal(keys[0], (3, 3))
    kernel, bias = jax.random.normal(keys[1], (3,)), jax.random.normal(keys[2], ())
    return kernel, bias, jax.random.normal(keys[3], (3,)), root @ root.T + 0.2 * jnp.eye(3)


def trading_costs(shares, prices, alive, rate, first=True, last=True, size=jnp.abs, worth=lambda prices: prices):
    held = jnp.where(alive, shares, 0.0)  # (times, paths)
    nothing = jnp.zeros_like(held[:1])
    traded = jnp.diff(jnp.concatenate([nothing, held, nothing]), axis=0)  # (times + 1, paths)
    traded = traded[0 if first else 1 : None if last else -1]
    prices = prices[0 if first else 1 : None if last else -1]
    return rate * (size(traded) * worth(prices)).sum(axis=0)


def forgetful(shares, prices, alive, rate):
    """Shares that a stopped path still holds."""
    return trading_costs(shares, prices, jnp.ones_like(alive), rate)


def traded_while_alive(shares, prices, alive, rate, last=False):
    """Without the sale at exercise."""
    still = jnp.concatenate([alive, jnp.full_like(alive[:1], last)])
    return trading_costs(shares, prices * still, jnp.ones_like(alive), rate)


def every_holding(shares, prices, alive, rate):
    return rate * (jnp.abs(jnp.where(alive, shares, 0.0)) * prices[:-1]).sum(axis=0)


def some_trading(key):
    """Shares (times, paths), prices (times + 1, paths), alive (times, paths) and the cost of a trade as a share of its worth."""
    alive = a_few_trades(key)[3]
    shares = jax.random.uniform(jax.random.fold_in(key, 8), (4, 6), minval=-1.0, maxval=1.0)  # (times, paths)
    prices = 30.0 + 20.0 * jax.random.uniform(jax.random.fold_in(key, 7), (5, 6))  # (times + 1, paths)
    return shares, prices, alive, jnp.float32(draws_from(key).uniform(0.001, 0.01))


def cheapest(spread, cost):
    return spread / cost


exercises = [
    Exercise(
        "22.1",
        solution=lambda price, shares, moves, alive, paid: profit_and_loss(price, shares, moves, alive, paid),
        inputs=a_few_trades,
        jit=False,  # NumPy is fine
        call=numbers,
        mistakes=[
            Mistake(
                partial(profit_and_loss, held=jnp.ones_like),
                "the shares are sold when the option is exercised: what they would have gained after that doesn't count",
            ),
            Mistake(
                lambda price, shares, moves, alive, paid: (shares * moves * alive).sum(axis=0) - paid,
                "the seller was paid the price at the beginning; it belongs to the profit",
            ),
            *(
                Mistake(
                    lambda price, shares, moves, alive, paid, sign=sign: price + (shares * moves * alive).sum(axis=0) + sign * paid,
                    "the seller pays the holder what the option pays; take it off",
                )
                for sign in (0.0, 1.0)
            ),
            Mistake(
                lambda price, shares, moves, alive, paid: price - (shares * moves * alive).sum(axis=0) - paid,
                "the seller holds these shares, so what they gain is the seller's: add it (shares of a put are negative already)",
            ),
            Mistake(
                lambda price, shares, moves, alive, paid: paid - price - (shares * moves * alive).sum(axis=0),
                "that is the profit of the holder, who pays the price; turn the signs",
            ),
            Mistake(
                partial(profit_and_loss, axis=None),
                "that adds up all paths; each path has a profit and loss of its own, so sum over the times alone",
            ),
            Mistake(
                lambda price, shares, moves, alive, paid: price + jnp.cumsum(shares * moves * alive, axis=0) - paid,
                "what is asked for is one number for each path, after the last trade, not the course of it",
            ),
            Mistake(
                lambda price, shares, moves, alive, paid: price + shares * moves * alive - paid,
                "add up what the shares gained over the times: one number comes back for each path",
            ),
            Mistake(
                partial(profit_and_loss, axis=1),
                "that adds up over the paths; the times are the first axis",
            ),
            Mistake(
                lambda *numbers: profit_and_loss(*numbers).mean(),
                "what is asked for is one number for each path, not their mean",
            ),
            Mistake(
                lambda price, shares, moves, alive, paid: price + (moves * alive).sum(axis=0) - paid,
                "that is the gain of one share: multiply it by the number of shares held",
            ),
            Mistake(
                partial(profit_and_loss, held=jnp.logical_not),
                "that counts the gains after the option is gone, and leaves out those before",
            ),
        ],
    ),
    Exercise(
        "22.2",
        solution=lambda prices, shares, times, rate: hedge_gains(prices, shares, times, rate),
        inputs=prices_and_shares,
        jit=False,
        call=numbers,
        mistakes=[
            *(
                Mistake(
                    partial(discounted_late, when=when),
                    "nothing is mended yet: which shares do you hold while the price goes from prices[j] to prices[j + 1], and what does the money for them cost?",
                )
                for when in (lambda factors: factors[1:], lambda factors: factors[:-1])
            ),
            Mistake(
                partial(hedge_gains, at=lambda shares: shares[1:]),
                "the gain of a step goes to the shares that were held when it began; yours are bought when it is over, in the knowledge of where it went",
            ),
            *(
                Mistake(
                    partial(discounted_late, at=lambda shares: shares[:-1], when=when),
                    "the shares are right; but money for a share of price S costs interest over the step: discount each price to time 0 before you take the difference",
                )
                for when in (lambda factors: factors[1:], lambda factors: factors[:-1])
            ),
            Mistake(undiscounted, "the shares are right; but all money is to be in money of time 0: discount each price before you take the difference"),
            Mistake(
                discounted_at_the_end,
                "one factor for all: each price is discounted from its own time",
            ),
            Mistake(
                lambda prices, shares, times, rate: -hedge_gains(prices, shares, times, rate),
                "the sign is turned: a share bought at 40 and sold at 41 gains 1",
            ),
            Mistake(
                simple_interest,
                "that is simple interest, and the rate here is compounded all the time: discount by exp(-rate * times), and no interest need be written down",
            ),
            Mistake(
                by_steps(lambda before, after, early, late: late / early * after - before),
                "that is what each step gains in money of its own beginning; it still has to be discounted to time 0",
            ),
            Mistake(
                by_steps(lambda before, after, early, late: after - early / late * before),
                "that is what each step gains in money of its own end; it still has to be discounted to time 0",
            ),
            Mistake(
                by_steps(lambda before, after, early, late: late * (late / early * after - before)),
                "the difference is in money of the step's beginning, so it is discounted from there, not from the step's end",
            ),
            *(
                Mistake(
                    by_steps(lambda before, after, early, late, again=again: again(early, late) * (late * after - early * before)),
                    "discounted prices are in money of time 0 already, and so is their difference: discount once",
                )
                for again in (lambda early, late: early, lambda early, late: late)
            ),
            Mistake(
                by_steps(lambda before, after, early, late: after / late - before / early),
                "the exponent has the wrong sign: money that comes later is worth less today",
            ),
            Mistake(
                lambda prices, shares, times, rate: jnp.diff(interest(rate, times)[:, None] * shares * prices, axis=0).sum(axis=0),
                "that counts what was bought in between as gained: take the difference of the prices first, and multiply it by the shares",
            ),
            Mistake(
                lambda prices, shares, times, rate: jnp.cumsum(shares[:-1] * jnp.diff(interest(rate, times)[:, None] * prices, axis=0), axis=0),
                "what is asked for is one number for each path, at the end, not the course of it",
            ),
            Mistake(
                lambda prices, shares, times, rate: (shares[:-1] * jnp.diff(interest(rate, times)[:, None] * prices, axis=0)).sum(axis=1),
                "that adds up over the paths; the times are the first axis",
            ),
            Mistake(
                lambda prices, shares, times, rate: shares * jnp.diff(prices, axis=0),
                "there is one step less than there are times: over which of its rows of shares does no step begin?",
            ),
        ],
    ),
    Exercise(
        "22.3",
        solution=lambda kernel, bias, mean, covariance: expected_unit(kernel, bias, mean, covariance),
        inputs=a_unit,
        jit=False,  # so is scipy.stats
        call=numbers,
        tolerance=1e-4,  # the tails of a normal distribution, in float32
        mistakes=[
            Mistake(
                partial(expected_unit, deviation=lambda kernel, covariance: kernel @ covariance @ kernel),
                "kernel @ covariance @ kernel is the variance of the unit's input; the formula takes its square root",
            ),
            Mistake(
                partial(expected_unit, deviation=lambda kernel, covariance: jnp.sqrt((kernel**2 * jnp.diag(covariance)).sum())),
                "that is the deviation if the inputs were independent: the covariances count too, kernel @ covariance @ kernel",
            ),
            *(
                Mistake(
                    partial(expected_unit, deviation=deviation),
                    "deviations don't add up: it is the variance of a weighted sum that the covariances give",
                )
                for deviation in (
                    lambda kernel, covariance: jnp.abs(kernel) @ jnp.sqrt(jnp.diag(covariance)),
                    lambda kernel, covariance: kernel @ jnp.sqrt(jnp.diag(covariance)),
                )
            ),
            Mistake(
                partial(expected_unit, deviation=lambda kernel, covariance: jnp.linalg.norm(jnp.linalg.cholesky(covariance) @ kernel)),
                "the Cholesky factor L makes covariance = L @ L.T, so the deviation is the length of L.T @ kernel",
            ),
            *(
                Mistake(
                    partial(expected_unit, deviation=lambda kernel, covariance, variance=variance: jnp.sqrt(jnp.maximum(variance(kernel, covariance), 0.0))),
                    "the product * multiplies column by column: each covariance is weighted by the kernel of its row and by that of its column",
                )
                for variance in (
                    lambda kernel, covariance: (kernel * covariance * kernel).sum(),
                    lambda kernel, covariance: (kernel * covariance).sum(),
                )
            ),
            Mistake(
                partial(expected_unit, deviation=lambda kernel, covariance: jnp.sqrt(covariance.sum())),
                "that is the deviation of the inputs' plain sum: in the unit each of them is multiplied by its entry of the kernel",
            ),
            *(
                Mistake(
                    partial(expected_unit, deviation=deviation),
                    "the unit's input is one number, so its deviation is one too: the kernel comes in from both sides",
                )
                for deviation in (
                    lambda kernel, covariance: jnp.sqrt(kernel @ covariance),
                    lambda kernel, covariance: jnp.sqrt(covariance @ kernel**2),
                    lambda kernel, covariance: jnp.sqrt(jnp.diag(covariance)),
                )
            ),
            Mistake(
                from_center_and_deviation(lambda center, deviation: jax.nn.relu(center)),
                "that is the unit at the mean of its inputs; the mean of the unit is larger, since a ReLU is convex",
            ),
            Mistake(
                from_center_and_deviation(lambda center, deviation: center * cdf(center / deviation)),
                "only half of it: a second term is added, the deviation times the density",
            ),
            Mistake(
                from_center_and_deviation(lambda center, deviation: center * cdf(center / deviation) + pdf(center / deviation)),
                "the density is multiplied by the deviation",
            ),
            Mistake(
                from_center_and_deviation(lambda center, deviation: center * cdf(center) + deviation * pdf(center)),
                "distribution function and density are taken at the mean divided by the deviation",
            ),
            Mistake(
                from_center_and_deviation(lambda center, deviation: center),
                "that is the mean of the unit's input; the unit puts 0 in place of what is below 0",
            ),
            Mistake(
                from_center_and_deviation(lambda center, deviation: center * pdf(center / deviation) + deviation * cdf(center / deviation)),
                "distribution function and density have changed places",
            ),
            Mistake(
                from_center_and_deviation(lambda center, deviation: center * cdf(center / deviation) - deviation * pdf(center / deviation)),
                "the sign of the term with the density: the mean of the unit is above the unit at the mean",
            ),
            Mistake(
                lambda kernel, bias, mean, covariance: expected_unit(kernel, 0.0 * bias, mean, covariance),
                "the bias is missing: the unit's input is inputs @ kernel + bias",
            ),
            Mistake(
                lambda kernel, bias, mean, covariance: expected_unit(kernel, -bias, mean, covariance),
                "the bias is added, not taken off",
            ),
            Mistake(
                lambda kernel, bias, mean, covariance: expected_unit(kernel, 0.0 * bias, mean, covariance) + bias,
                "the bias is inside the unit: it moves the mean of its input",
            ),
        ],
    ),
    Exercise(
        "22.4",
        solution=lambda shares, prices, alive, rate: trading_costs(shares, prices, alive, rate),
        inputs=some_trading,
        jit=False,
        call=numbers,
        mistakes=[
            *(
                Mistake(
                    partial(trading_costs, size=size),
                    "a sale costs as well as a purchase: take the absolute number of shares traded",
                )
                for size in (lambda traded: traded, jax.nn.relu)
            ),
            Mistake(forgetful, "a path that has stopped holds nothing: set its shares to 0 before you take differences, and the sale is counted when it happens"),
            Mistake(partial(trading_costs, first=False), "the first purchase is a trade too: before it the seller holds nothing"),
            Mistake(partial(trading_costs, last=False), "what is still held at the end is sold, and that is a trade too"),
            Mistake(
                partial(trading_costs, first=False, last=False),
                "the first purchase and the last sale are trades too: before and after the seller holds nothing",
            ),
            Mistake(
                partial(trading_costs, worth=jnp.ones_like),
                "the cost is a share of the money that changes hands: the number of shares times their price",
            ),
            Mistake(
                lambda shares, prices, alive, rate: trading_costs(shares, prices, alive, 1.0),
                "that is all the money that changes hands; the cost is `rate` times that",
            ),
            Mistake(
                lambda shares, prices, alive, rate: jnp.abs(trading_costs(shares, prices, alive, rate, size=lambda traded: traded)),
                "a sale must not make up for a purchase: take the absolute number of each trade before you add them up",
            ),
            Mistake(
                lambda shares, prices, alive, rate: trading_costs(jnp.abs(shares), prices, alive, rate),
                "from 1 share to -1 two are sold: take the absolute number of the shares traded, not of those held",
            ),
            Mistake(
                partial(trading_costs, size=jnp.square),
                "the cost grows with the number of shares traded, not with its square",
            ),
            Mistake(
                lambda shares, prices, alive, rate: trading_costs(shares * prices[:-1], jnp.ones_like(prices), alive, rate),
                "a price that moves is no trade: take the difference of the shares first, and multiply it by the price",
            ),
            Mistake(
                lambda shares, prices, alive, rate: trading_costs(shares, jnp.concatenate([prices[1:], prices[-1:]]), alive, rate, last=False),
                "a trade is made when its step begins, at the price of that time",
            ),
            *(
                Mistake(
                    partial(traded_while_alive, last=last),
                    "when a path stops, what it held is sold, and yours leaves that sale out: set the shares to 0 there and take the differences afterwards",
                )
                for last in (False, True)
            ),
            Mistake(
                lambda shares, prices, alive, rate: rate * jnp.abs(jnp.diff(jnp.pad(shares * alive, ((1, 1), (0, 0))), axis=0)) * prices,
                "add up over the times: one number comes back for each path",
            ),
            Mistake(
                lambda shares, prices, alive, rate: (rate * jnp.abs(jnp.diff(jnp.pad(shares * alive, ((1, 1), (0, 0))), axis=0)) * prices).sum(axis=1),
                "that adds up over the paths; the times are the first axis",
            ),
            Mistake(every_holding, "it is trading that costs, not holding: take the differences of the shares from one time to the next"),
            Mistake(
                lambda shares, prices, alive, rate: trading_costs(shares, prices, alive, rate).mean(),
                "what is asked for is one number for each path, not their mean",
            ),
        ],
    ),
    Exercise(
        "22.5",
        solution=cheapest,
        inputs=lambda key: tuple(map(float, draws_from(key).uniform((0.3, 0.02), (0.9, 0.08)))),
        jit=False,
        tolerance=1e-4,
        mistakes=[
            Mistake(
                lambda spread, cost: cost / spread,
                "upside down: the larger the spread to get rid of, the more trades are worthwhile",
            ),
            Mistake(
                lambda spread, cost: (spread / cost) ** 0.5,
                "the sum spread / √k + cost √k has the derivative -spread / (2 k √k) + cost / (2 √k); set it to 0 and solve for k itself, not for √k",
            ),
            Mistake(
                lambda spread, cost: (spread / cost) ** 2,
                "you have squared once too often: at the best k the two derivatives are equal, spread / (2 k √k) = cost / (2 √k)",
            ),
            Mistake(
                lambda spread, cost: (spread / (2 * cost)) ** (2 / 3),
                "you let the cost grow like k; it grows like √k, since each trade gets smaller as there are more of them",
            ),
            Mistake(
                lambda spread, cost: 2 * (spread * cost) ** 0.5,
                "that is how small the sum can be; what is asked for is the number of trades at which it is so small",
            ),
            Mistake(
                lambda spread, cost: (2 * spread / cost) ** (2 / 3),
                "you let the spread fall like 1/k; it falls like 1/√k",
            ),
            *(
                Mistake(
                    lambda spread, cost, factor=factor: factor * spread / cost,
                    "nearly: the derivatives of spread / √k and of cost √k both have a factor of one half, and it cancels",
                )
                for factor in (0.5, 2.0)
            ),
            Mistake(
                lambda spread, cost: (spread / cost, 2 * (spread * cost) ** 0.5),
                "the number of trades alone is asked for, not what is left at it",
            ),
            *(
                Mistake(guess, "set the derivative of spread / √k + cost √k with respect to k to 0: spread / (2 k √k) = cost / (2 √k)")
                for guess in (
                    lambda spread, cost: spread * cost,
                    lambda spread, cost: spread**2 / cost,
                    lambda spread, cost: spread / cost**2,
                    lambda spread, cost: spread - cost,
                )
            ),
            *(Mistake(lambda *numbers, way=way: way(cheapest(*numbers)), "leave it unrounded") for way in (round, math.floor, math.ceil)),
        ],
    ),
]

predictions = [
    Prediction(
        "22.a",
        1,
        shown="mean 40.",
        slips=[
            (0, "one of the three decides on its shares after it has seen what happens to them"),
            (2, "a price above 36 today says nothing of where the discounted price goes next"),
            (3, "seen from the time at which it is bought, a share gains nothing on average: interest is paid for the money"),
        ],
    ),
    Prediction(
        "22.b",
        (200, 1, 64),
        shown="first kernel (200, 1, 64)",
        slips=[
            ((50, 1, 64), "there is a network at each trading time, not at each exercise date alone"),
            ((49, 1, 64), "the policy has one network less than dates; here one stands at every trading time, today's too"),
            ((199, 1, 64), "count today: trading begins before the first date and ends with the last"),
            ((201, 1, 64), "at the end nothing is bought any more"),
            ((50, 4, 1, 64), "the trading times are one axis, in their order"),
            ((4, 50, 1, 64), "the trading times are one axis, in their order"),
            ((200, 64), "a kernel has the number of inputs too"),
        ],
    ),
    Prediction(
        "22.c",
        2.0,
        within=1.06,
        shown="lattice -0.49",
        slips=[
            (4.0, "variances add up, not spreads: each step's variance falls like h squared, and there are 1/h of them"),
            (16.0, "that is one step's variance; there are four times as many steps, and a spread is the root of a variance"),
            (1.0, "each step misses less, and by more than there are more of them"),
        ],
    ),
    Prediction(
        "22.d",
        "less",
        shown="spread 2.",
        slips=[("half", "part of what moves the option is no move of the share"), ("by half", "part of what moves the option is no move of the share")],
    ),
]
