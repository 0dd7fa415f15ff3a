"""Checks of notebook 13: rates of convergence, a game of dice to repair, stopping problems on a grid."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from course_utils.checks import Exercise, Mistake, Prediction, draws_from, must_use


def _errors(key):
    a, b, c = draws_from(key).uniform(size=3)
    return tuple(map(jnp.asarray, (0.8 + 0.19 * a, 1.0 + 9.0 * b, 10.0 ** (-2 - 4 * c))))


def _needed(beta, error, tolerance):
    return jnp.log(tolerance / error) / jnp.log(beta)


def _die_and_costs(key):
    """A die, and the costs of four rolls. One face lies between what the last roll is worth with its cost and without it."""
    rng = draws_from(key)
    faces, costs = rng.uniform(1.0, 6.0, size=6), rng.permutation([0.2, 0.5, 0.9, 1.4]) * rng.uniform(0.8, 1.2)
    faces = np.append(faces, faces.mean() - costs[-1] / 2)
    return jnp.asarray(rng.permutation(faces)), jnp.asarray(costs)


def _maximum(faces, mean, cost):
    return jnp.maximum(faces, mean - cost)


def _by_the_mean(faces, mean, cost):
    return jnp.where(faces > mean, faces, mean - cost)


def _game(faces, costs, *, reverse=True, place=0, choose=_maximum, worth=lambda mean, cost: mean - cost):
    def roll(value, cost):
        mean = jnp.mean(value)
        return choose(faces, mean, cost), worth(mean, cost)

    return jax.lax.scan(roll, faces, costs, reverse=reverse)[1][place]


def _stopping(key):
    """A stopping problem on 8 nodes. On one of them stopping pays nothing: on the last date no more than going does. On another
    it pays, on the date before, more than the discounted expectation and less than the expectation itself."""
    rng = draws_from(key)
    reward, transition, discount = rng.uniform(high=5.0, size=8), np.exp(2.0 * rng.normal(size=(8, 8))), rng.uniform(0.8, 0.95)
    transition /= transition.sum(axis=1, keepdims=True)
    nothing, between = rng.permutation(8)[:2]
    reward[[nothing, between]] = 0.0
    share = (1 + discount) / 2
    reward[between] = share * transition[between] @ reward / (1 - share * transition[between, between])
    return *map(jnp.asarray, (reward, transition, discount)), 6


def _values_and_stops(reward, go, value, later):
    return value, reward > go


def _backward(
    reward, transition, discount, dates, *, expect=jnp.matmul, choose=jnp.maximum, shown=_values_and_stops, last=0.0, reverse=True
):
    def step(later, _):
        go = discount * expect(transition, later)
        value = choose(reward, go)
        return value, shown(reward, go, value, later)

    return jax.lax.scan(step, last * reward, length=dates, reverse=reverse)[1]


def _share(dates=50, choose=np.maximum):
    """The right to sell a share, as notebook 13 states it: value today at node 150, with or without a change."""
    week, rate, volatility = 1 / 50, 0.06, 0.20
    x = np.log(36.0) + np.linspace(-1, 1, 301)
    center = x[:, None] + (rate - volatility**2 / 2) * week
    moves = np.exp(-((x - center) ** 2) / (2 * volatility**2 * week))
    moves /= moves.sum(axis=1, keepdims=True)
    reward, discount = np.maximum(40.0 - np.exp(x), 0.0), np.exp(-rate * week)
    value = np.zeros_like(x)
    for _ in range(dates):
        value = choose(reward, discount * moves @ value)
    today = {"undiscounted": moves @ value, "unmoved": discount * value, "today": discount * moves @ value}
    return {name: float(values[150]) for name, values in today.items()} | {"all": today["today"]}


_RIGHT = _share()


def _highest(stop, prices, never=0.0):
    return jnp.where(stop.any(axis=1), jnp.max(jnp.where(stop, prices, 0.0), axis=1), never)


def _guarded_or_not(wrong):
    """A wrong answer, and the same with 0 where stopping is right nowhere."""
    return wrong, lambda stop, prices: jnp.where(stop.any(axis=1), wrong(stop, prices), 0.0)


def _stops_and_prices(key):
    """Truth values with a date on which stopping is right nowhere, and one on which it is right at every node."""
    rng = draws_from(key)
    stop = rng.uniform(size=(6, 9)) < 0.4
    stop[0], stop[1] = False, True
    return jnp.asarray(stop), jnp.asarray(np.sort(rng.uniform(20.0, 60.0, size=9)))


exercises = [
    Exercise(
        "13.1",
        solution=_needed,
        inputs=_errors,
        jit=False,
        mistakes=[
            Mistake(
                lambda beta, error, tolerance: jnp.log(error / tolerance) / jnp.log(beta),
                "a negative number of iterations: log β is negative, so the logarithm above it must be too",
            ),
            Mistake(
                lambda beta, error, tolerance: jnp.log(tolerance) / jnp.log(beta),
                "that is right only if the error is 1 now; take the logarithm of tolerance / error",
            ),
            Mistake(
                lambda beta, error, tolerance: jnp.log(tolerance / error) * jnp.log(beta),
                "divide by log β: error · βⁿ = tolerance, and its logarithm is linear in n",
            ),
            Mistake(
                lambda beta, error, tolerance: jnp.log(beta) / jnp.log(tolerance / error),
                "the ratio is upside down: the smaller the tolerance, the more iterations",
            ),
            Mistake(
                lambda beta, error, tolerance: (tolerance - error) / jnp.log(beta),
                "the error falls by a factor, not by an amount: take the logarithm of tolerance / error",
            ),
            Mistake(
                lambda beta, error, tolerance: jnp.log(error / tolerance) / (1 - beta),
                "nearly: −log β is 1 − β only for β close to 1; take the logarithm itself",
            ),
            Mistake(
                lambda beta, error, tolerance: jnp.log10(tolerance / error) / jnp.log(beta),
                "log10 and log are mixed: take the same logarithm above and below",
            ),
            Mistake(
                lambda beta, error, tolerance: tolerance / (error * beta),
                "the number of iterations is an exponent: error · βⁿ = tolerance; take logarithms",
            ),
            Mistake(
                lambda beta, error, tolerance: jnp.log(tolerance) - jnp.log(error) / jnp.log(beta),
                "a pair of parentheses is missing: the difference of the logarithms is divided by log β, not the second one alone",
            ),
            *(
                Mistake(answer, "the logarithm of a ratio is a difference: log(tolerance) − log(error), divided by log β")
                for answer in (
                    lambda beta, error, tolerance: jnp.log(tolerance) / (jnp.log(error) * jnp.log(beta)),
                    lambda beta, error, tolerance: jnp.log(tolerance) / jnp.log(error) / jnp.log(beta),
                    lambda beta, error, tolerance: jnp.log(tolerance) / jnp.log(error),
                    lambda beta, error, tolerance: jnp.log(error - tolerance) / jnp.log(beta),
                    lambda beta, error, tolerance: jnp.log(tolerance - error) / jnp.log(beta),
                )
            ),
            *(
                Mistake(answer, "1 − β is what the first iteration takes away; the next one takes less, since the error falls by a factor")
                for answer in (
                    lambda beta, error, tolerance: (error - tolerance) / (1 - beta),
                    lambda beta, error, tolerance: (error - tolerance) / (error * (1 - beta)),
                )
            ),
            Mistake(
                lambda beta, error, tolerance: -jnp.log(tolerance) / jnp.log(beta),
                "a negative number, and the error isn't used: take the logarithm of tolerance / error",
            ),
            *(
                Mistake(
                    lambda beta, error, tolerance, more=more: _needed(beta, error, tolerance) + more,
                    "off by one: no iteration is needed if the error is `tolerance` already",
                )
                for more in (1, -1)
            ),
            Mistake(
                lambda beta, error, tolerance: jnp.log2(tolerance / error) / jnp.log(beta),
                "log2 and log are mixed: take the same logarithm above and below",
            ),
            *(
                Mistake(lambda *arguments, rounded=rounded: rounded(_needed(*arguments)), "right, but rounded; return the number as it is")
                for rounded in (jnp.ceil, jnp.floor, jnp.round)
            ),
        ],
    ),
    Exercise(
        "13.2",
        solution=lambda faces, costs: _game(faces, costs),
        inputs=_die_and_costs,
        mistakes=[
            Mistake(
                partial(_game, reverse=False, place=-1, choose=_by_the_mean),
                "that is `broken` as it stands: play two rolls by hand, of which only the second costs something",
            ),
            Mistake(
                partial(_game, choose=_by_the_mean),
                "the costs come in the right order now; but when is it better to keep a face than to pay for the next roll?",
            ),
            Mistake(
                partial(_game, reverse=False, place=-1),
                "the choice is right now; but the roll that is looked at first, the last one, is given the first roll's cost",
            ),
            *(
                Mistake(partial(_game, place=-1, choose=choose), "the scan runs in reverse, so the first roll is [0] among its outputs, and [-1] the last one")
                for choose in (_maximum, _by_the_mean)
            ),
            *(
                Mistake(partial(_game, reverse=False, choose=choose), "that is the roll that the scan looked at first: a last roll, with the first one's cost")
                for choose in (_maximum, _by_the_mean)
            ),
            Mistake(partial(_game, worth=lambda mean, cost: mean), "the first roll has its price, too, and it isn't paid yet"),
            Mistake(
                partial(_game, choose=lambda faces, mean, cost: jnp.maximum(faces, mean) - cost),
                "who keeps a face pays for no further roll: the cost belongs to going on alone",
            ),
            *(
                Mistake(function, "the costs aren't used in the choice or in the value carried on; going on is worth the mean less the cost")
                for function in (
                    partial(_game, choose=lambda faces, mean, cost: jnp.maximum(faces, mean)),
                    lambda faces, costs: _game(faces, 0.0 * costs),
                )
            ),
            Mistake(
                partial(_game, choose=lambda faces, mean, cost: jnp.where(faces > mean - cost, faces, mean)),
                "the comparison knows the cost, and the value doesn't: who goes on has the mean less the cost",
            ),
            Mistake(
                lambda faces, costs: _game(faces, 0.0 * costs) - jnp.sum(costs),
                "the later rolls are paid for only if they are rolled: take each cost off inside the scan",
            ),
            Mistake(partial(_game, place=slice(None)), "those are the values of all the rolls; return that of the first"),
            Mistake(
                lambda faces, costs: _game(faces, costs[1:]),
                "one roll is missing: the scan takes a step for each entry of `costs`",
            ),
            Mistake(
                partial(_game, choose=lambda faces, mean, cost: jnp.minimum(faces, mean - cost)),
                "that is the worse of the two; keep the better one",
            ),
        ],
    ),
    Exercise(
        "13.3",
        solution=lambda reward, transition, discount, dates: _backward(reward, transition, discount, dates),
        inputs=_stopping,
        static=(3,),
        draws=2,
        inspect=must_use("scan", "while", hint="right, but a Python loop is unrolled; make the dates one scan"),
        mistakes=[
            Mistake(lambda *arguments: _backward(*arguments)[::-1], "the two are exchanged: `value` comes first, then `stop`"),
            Mistake(
                lambda *arguments: _backward(*arguments, shown=lambda reward, go, value, later: (value, go > reward)),
                "`stop` is the wrong way around: true is where stopping pays more",
            ),
            Mistake(lambda *arguments: _backward(*arguments)[1], "that is `stop` alone; return the pair `value, stop`"),
            *(
                Mistake(
                    lambda *arguments, number=number: (_backward(*arguments)[0], number(_backward(*arguments)[1])),
                    "`stop` is a number; leave it true or false, as a comparison makes it",
                )
                for number in (lambda stop: stop.astype(float), lambda stop: stop.astype(int))
            ),
            Mistake(
                lambda reward, transition, discount, dates: _backward(reward, transition, discount**2, dates),
                "going on is discounted twice; one date's discount is enough, since what the carry holds is discounted already",
            ),
            *(
                Mistake(partial(_backward, expect=expect), "`*` works entry by entry; the expectation is transition @ value")
                for expect in (
                    lambda transition, value: jnp.sum(transition * value, axis=0),
                    lambda transition, value: jnp.mean(transition * value, axis=1),
                )
            ),
            Mistake(
                lambda reward, transition, discount, dates: _backward(reward, transition, 1.0, dates),
                "nothing is discounted: going on is worth discount × the expectation of the next date's value",
            ),
            Mistake(
                lambda *arguments: _backward(*arguments, expect=lambda transition, value: value @ transition),
                "the matrix is the wrong way around: row i is what follows node i, so it is transition @ value",
            ),
            Mistake(
                lambda *arguments: _backward(*arguments, expect=lambda transition, value: value),
                "stopping wins wherever it pays: the carry isn't the larger of reward and go, or going on isn't worth transition @ value",
            ),
            Mistake(
                lambda *arguments: _backward(*arguments, expect=lambda transition, value: jnp.mean(value)),
                "the nodes aren't equally likely, as a die's faces are: the expectation is transition @ value",
            ),
            Mistake(
                lambda reward, transition, discount, dates: _backward(discount * reward, transition, discount, dates),
                "the reward is paid on this date: discount the value of going on alone",
            ),
            Mistake(
                lambda *arguments: _backward(*arguments, shown=lambda reward, go, value, later: (go, reward > go)),
                "`value` is the value of going on; asked for is the larger of it and the reward",
            ),
            Mistake(
                lambda *arguments: _backward(*arguments, shown=lambda reward, go, value, later: (later, reward > go)),
                "`value` is the next date's, the old carry; return the one that is computed in the step",
            ),
            *(
                Mistake(stops, "`value` is right; for `stop`, compare the reward with the discounted value of going on")
                for stops in (
                    lambda *arguments: _backward(*arguments, shown=lambda reward, go, value, later: (value, reward > value)),
                    lambda *arguments: _backward(*arguments, shown=lambda reward, go, value, later: (value, reward > later)),
                    lambda reward, transition, discount, dates: _backward(
                        reward, transition, discount, dates, shown=lambda reward, go, value, later: (value, reward > go / discount)
                    ),
                )
            ),
            Mistake(
                lambda *arguments: _backward(*arguments, reverse=False),
                "the last date comes first: with reverse=True the outputs stand in the order of the dates",
            ),
            Mistake(
                lambda *arguments: _backward(*arguments, last=1.0),
                "that is one date too many: after the last date there is nothing, so the carry starts as zeros",
            ),
            Mistake(
                lambda *arguments: _backward(*arguments, choose=lambda reward, go: go),
                "everything is worth zero: carry the larger of the reward and the value of going on (is a `where` the wrong way around?)",
            ),
            Mistake(
                lambda *arguments: _backward(*arguments, choose=jnp.add),
                "you can't have both, stopping and going on: take the larger, not the sum",
            ),
            Mistake(
                lambda *arguments: (_backward(*arguments)[0], ~_backward(*arguments)[1]),
                "`stop` is the wrong way around: true is where stopping pays more",
            ),
            Mistake(
                lambda *arguments: tuple(leaf[0] for leaf in _backward(*arguments)),
                "only the first date is returned; all dates are asked for, the scan's stacked outputs",
            ),
            Mistake(
                lambda *arguments: _backward(*arguments, shown=lambda reward, go, value, later: (value, reward >= go)),
                "where both pay the same, as on the last date where the reward is 0, stopping doesn't pay more: compare by >, not >=",
            ),
            Mistake(
                lambda *arguments: _backward(*arguments)[0],
                "that is the value alone; return the pair `value, stop`",
            ),
        ],
    ),
    Exercise(
        "13.4",
        solution=_RIGHT["today"],
        tolerance=1e-4,
        mistakes=[
            Mistake(
                _share(dates=49)["today"],
                "that is the value with 49 Fridays to come, as on the first Friday; today there are 50, and the first is a week away",
            ),
            Mistake(_RIGHT["undiscounted"], "nearly: discount the week from today to the first Friday as well"),
            Mistake(_RIGHT["unmoved"], "in the week to the first Friday the price moves as well: take the expectation, row 150 of `moves @ value`"),
            Mistake(_share(dates=51)["today"], "there are 50 Fridays, and this has 51"),
            Mistake(_share(dates=1)["today"], "that is the value with a single Friday to come: the dates stand in order, so today is a week before value[0]"),
            Mistake(_RIGHT["all"], "that is what it is worth at each price; at a price of 36 it is the number at node 150"),
            *(
                Mistake(more, "that is how much more it is worth than selling today; give the worth itself")
                for more in (_RIGHT["today"] - 4.0, 0.478)
            ),
            Mistake(4.0, "that is what selling at once pays; the right to choose later is worth more"),
            *(Mistake(rounded, "nearly: it is rounded; give it with more digits") for rounded in (4.48, 4.5)),
            Mistake(
                _share(choose=lambda reward, go: np.where(go > 0, go, reward))["today"],
                "that is the value of waiting for the last Friday; each week take the better of stopping and going",
            ),
        ],
    ),
    Exercise(
        "13.5",
        solution=lambda stop, prices: _highest(stop, prices),
        inputs=_stops_and_prices,
        mistakes=[
            *(
                Mistake(first, "that is the lowest price at which stopping is right; the highest is asked for (argmax finds the first that is true)")
                for lowest in (
                    lambda stop, prices: jnp.min(jnp.where(stop, prices, jnp.inf), axis=1),
                    lambda stop, prices: prices[jnp.argmax(stop, axis=1)],
                )
                for first in _guarded_or_not(lowest)
            ),
            *(
                Mistake(counted, "the nodes at which stopping is right need not be the first ones, so their number doesn't say which is the last")
                for counted in _guarded_or_not(lambda stop, prices: prices[jnp.sum(stop, axis=1) - 1])
            ),
            *(
                Mistake(partial(_highest, never=never), "where stopping is right nowhere, return 0, not −∞ or NaN")
                for never in (-jnp.inf, jnp.nan)
            ),
            Mistake(partial(_highest, never=-1.0), "on a date on which stopping is right at no price, return 0"),
            *(
                Mistake(rest, "that is about the prices at which going is right; look at those where `stop` is true")
                for rest in (
                    lambda stop, prices: jnp.max(jnp.where(stop, 0.0, prices), axis=1),
                    lambda stop, prices: jnp.max(jnp.where(~stop, prices, 0.0), axis=1) * stop.any(axis=1),
                )
            ),
            Mistake(
                lambda stop, prices: prices[jnp.argmin(stop, axis=1) - 1],
                "it takes the price before the first `False`; the prices at which stopping is right may have gaps",
            ),
            *(
                Mistake(blend, "that is a sum or a mean of prices; the highest one is asked for")
                for blend in (
                    lambda stop, prices: jnp.sum(stop * prices, axis=1),
                    lambda stop, prices: jnp.mean(stop * prices, axis=1),
                    lambda stop, prices: jnp.sum(stop * prices, axis=1) / jnp.maximum(jnp.sum(stop, axis=1), 1),
                )
            ),
            Mistake(lambda stop, prices: jnp.where(stop, prices, 0.0), "the table is right; take the largest price of each date, over axis 1"),
            Mistake(lambda stop, prices: jnp.max(stop, axis=1), "that says whether stopping is right at some price; return the highest such price"),
            Mistake(lambda stop, prices: jnp.max(stop * prices), "that is the highest price of all dates; each date has its own"),
            Mistake(
                lambda stop, prices: jnp.min(jnp.where(stop, prices, 0.0), axis=1),
                "the smallest entry is nearly always the 0 of a price at which stopping is wrong; take the largest",
            ),
            Mistake(
                lambda stop, prices: jnp.argmax(jnp.where(stop, prices, 0.0), axis=1),
                "that is the number of the node; return its price",
            ),
            *(
                Mistake(last, "right where stopping is right somewhere; on a date without any such price return 0")
                for last in (
                    lambda stop, prices: prices[stop.shape[1] - 1 - jnp.argmax(stop[:, ::-1], axis=1)],
                    lambda stop, prices: prices[jnp.argmax(jnp.where(stop, prices, 0.0), axis=1)],
                    lambda stop, prices: _highest(stop, prices, never=prices[-1]),
                )
            ),
            Mistake(
                lambda stop, prices: jnp.max(prices[stop]),
                "under jit a shape can't depend on which prices are chosen: keep all of them, and put 0 where stopping is wrong",
            ),
            Mistake(
                lambda stop, prices: jnp.max(jnp.where(stop, prices, 0.0), axis=0),
                "the maximum runs over the dates; it should run over the nodes, axis 1",
            ),
            Mistake(
                lambda stop, prices: jnp.sum(stop, axis=1),
                "that counts nodes; the answer is a price",
            ),
        ],
    ),
]

predictions = [
    Prediction(
        "13.a",
        answer="less",
        shown="the best is to keep k' = 1.793",
        slips=[
            ("more", "what is kept can be of use in one more year, and then the world ends"),
            ("the same", "at the steady state it is best to stay if all later years are to come; here there is only one"),
            ("same", "at the steady state it is best to stay if all later years are to come; here there is only one"),
        ],
    ),
    Prediction(
        "13.b",
        answer=0.95,
        shown="-0.05129 from 38 on; log β = -0.05129",
        within=1.002,
        slips=[
            (0.05, "that is what an iteration takes away from the error, not what it leaves"),
            (0.9025, "that would be two iterations"),
            (0.9, "the wear of capital enters the utility, which a settled policy leaves the same; look for what multiplies next year's value"),
            (1.0, "then the error would never fall; look for the number that multiplies next year's value"),
            (-0.05129, "that is the logarithm; the factor itself is asked for"),
        ],
    ),
    Prediction(
        "13.c",
        answer=0.2859,
        shown="largest error 0.2869   smallest 0.2859",
        within=1.1,
        slips=[
            (guess, "some nodes would then be rated worse than others, compared with what they are worth; ask whether every choice could still be right")
            for guess in (0, 0.0001, 0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.14, 0.15, 0.2)
        ],
    ),
    Prediction(
        "13.d",
        answer=True,
        shown="alpha relative difference below 1e-7: True",
        slips=[(False, "a derivative of the choice is missing, but ask how much a small change of the best choice would gain")],
    ),
    Prediction(
        "13.e",
        answer=4.25,
        shown="[4.667 4.25  3.5  ]",
        within=1.001,
        slips=[
            (3.5, "that is what it is worth with one roll to come; now you may also keep a good face"),
            (4.75, "that is halfway between 3.5 and 6; go through the six faces one by one"),
            (5.0, "that is the mean of the faces that are kept; the others are worth something too"),
            (2.5, "the faces that aren't kept are worth something too: you roll again"),
            (4.667, "that is with three rolls to come"),
        ],
    ),
]
