"""Checks of notebook 17: what a list of networks holds, how long a list one can afford, a loss in the money; one network that knows the time."""

import math
from functools import partial

import jax
import jax.numpy as jnp

from course_utils import networks
from course_utils.checks import Exercise, Mistake, Prediction, draws_from, no_python_loop


def _list(key, length=4, sizes=(3, 8, 1)):
    """Networks with biases, so that none says 0 where its inputs are 0."""
    return [networks.init(key, sizes, bias=0.5) for key in jax.random.split(key, length)]


def _lists(key):
    """The number of networks and their sizes differ from draw to draw."""
    length, inputs, width = draws_from(key).integers((3, 2, 5), (7, 6, 12)).tolist()
    return (_list(key, length, (inputs, width, 1)),)


def _count(list_of_layers):
    return sum(leaf.size for leaf in jax.tree.leaves(list_of_layers))


def _two_measurements(key):
    """Two compilations and a budget; the exact number of dates is not close to a whole one, and beyond both."""
    draws = draws_from(key)
    while True:
        few = int(draws.integers(8, 25))
        dates, seconds = (few, int(few * draws.uniform(1.6, 3.0))), float(draws.uniform(0.5, 4.0))
        seconds = (seconds, seconds * (dates[1] / dates[0]) ** float(draws.uniform(1.4, 2.4)))
        budget = seconds[1] * float(draws.uniform(3.0, 12.0))
        if 0.55 < _exact_dates(dates, seconds, budget) % 1 < 0.8:  # rounding up and rounding to the nearest are both wrong
            return dates, seconds, budget


def _exact_dates(dates, seconds, budget, turned=False):
    power = math.log(seconds[1] / seconds[0]) / math.log(dates[1] / dates[0])
    return dates[1] * (budget / seconds[1]) ** (power if turned else 1 / power)


def _most_dates(dates, seconds, budget):
    return math.floor(_exact_dates(dates, seconds, budget))


def _in_proportion(dates, seconds, budget):
    return math.floor(dates[1] * budget / seconds[1])


def _straight_line(dates, seconds, budget):
    slope = (seconds[1] - seconds[0]) / (dates[1] - dates[0])
    return math.floor(dates[1] + (budget - seconds[1]) / slope)


def _exponential(dates, seconds, budget):
    rate = math.log(seconds[1] / seconds[0]) / (dates[1] - dates[0])
    return math.floor(dates[1] + math.log(budget / seconds[1]) / rate)


def _slope_as_power(dates, seconds, budget):
    return math.floor(dates[1] * (budget / seconds[1]) ** ((seconds[1] - seconds[0]) / (dates[1] - dates[0])))


def _mixed_measurements(dates, seconds, budget):
    return math.floor(dates[0] * (budget / seconds[1]) ** (math.log(dates[1] / dates[0]) / math.log(seconds[1] / seconds[0])))


def _square(dates, seconds, budget):
    return math.floor(dates[1] * (budget / seconds[1]) ** 0.5)


def _seconds_instead(dates, seconds, budget):
    power = math.log(seconds[1] / seconds[0]) / math.log(dates[1] / dates[0])
    return seconds[1] * (budget / dates[1]) ** power


def _without_a_factor(dates, seconds, budget):
    power = math.log(seconds[1] / seconds[0]) / math.log(dates[1] / dates[0])
    return math.floor(budget ** (1 / power))


def _paths(key):
    """Prices (5, 40, 3), and payoffs (5, 40) of which about half are zero at each date."""
    for_networks, for_prices = jax.random.split(key)
    prices = jax.random.normal(for_prices, (5, 40, 3))
    return _list(for_networks), prices, jnp.maximum(0.1 - prices.mean(axis=-1), 0.0), 0.95


def _of_those_inside(continuation, waiting, inside, inside_later):
    return (inside * (continuation - waiting) ** 2).sum() / inside.sum()


def _rule(value, continuation, waiting):
    return jnp.where((value > 0) & (value >= continuation), value, waiting)


def _loss(nets, prices, values, discount, mean=_of_those_inside, rule=_rule, output=lambda y: y[:, 0], order=reversed):
    cash, total = values[-1], 0.0
    for date in order(range(len(nets))):
        waiting = discount * cash
        continuation = output(networks.apply(nets[date], prices[date]))
        total += mean(continuation, waiting, values[date] > 0, values[date + 1] > 0)
        cash = rule(values[date], continuation, waiting)
    return total


def _first_date_alone(nets, prices, values, discount):
    cash = values[-1]
    for date in reversed(range(len(nets))):
        waiting = discount * cash
        continuation = networks.apply(nets[date], prices[date])[:, 0]
        loss = _of_those_inside(continuation, waiting, values[date] > 0, None)
        cash = _rule(values[date], continuation, waiting)
    return loss


def _target_after_the_decision(nets, prices, values, discount):
    cash, total = values[-1], 0.0
    for date in reversed(range(len(nets))):
        continuation = networks.apply(nets[date], prices[date])[:, 0]
        cash = _rule(values[date], continuation, discount * cash)
        total += _of_those_inside(continuation, cash, values[date] > 0, None)
    return total


def _one_and_times(key):
    for_network, for_prices = jax.random.split(key)
    layers = networks.init(for_network, (4, 8, 1), bias=0.5)
    return layers, jax.random.normal(for_prices, (30, 6, 3)), jnp.linspace(0.1, 3.0, 30)


def _with_time(prices, times):
    """``times`` may be (dates,) or (dates, paths)."""
    return jnp.broadcast_to(times.reshape(len(times), -1, 1), (*prices.shape[:2], 1))


def _at_all_dates(layers, prices, times):
    return networks.apply(layers, jnp.concatenate([prices, _with_time(prices, times)], axis=-1))[..., 0]


exercises = [
    Exercise(
        "17.1",
        solution=_count,
        inputs=_lists,
        jit=False,
        mistakes=[
            Mistake(lambda nets: len(jax.tree.leaves(nets)), "that counts the arrays; each holds `leaf.size` numbers"),
            Mistake(lambda nets: len(nets), "that counts the networks"),
            Mistake(lambda nets: jax.tree.map(lambda leaf: leaf.size, nets), "those are the sizes, leaf by leaf: add up jax.tree.leaves of them"),
            Mistake(lambda nets: sum(jax.tree.leaves(nets)), "that adds up the arrays themselves: add up how many numbers each holds, `leaf.size`"),
            Mistake(lambda nets: sum(len(layers) for layers in nets), "that counts the layers"),
            Mistake(
                lambda nets: sum(len(leaf) for leaf in jax.tree.leaves(nets)),
                "that adds up the lengths of the first axes; all numbers of an array are `leaf.size`",
            ),
            Mistake(
                lambda nets: sum(leaf.nbytes for leaf in jax.tree.leaves(nets)),
                "those are bytes, and a float32 has four: an array holds `leaf.size` numbers",
            ),
            Mistake(lambda nets: _count(nets[0]), "that counts the first network alone"),
            Mistake(
                lambda nets: sum(layer.kernel.size for layers in nets for layer in layers),
                "the kernels are counted, and the biases are missing",
            ),
            Mistake(
                lambda nets: sum(layer.bias.size for layers in nets for layer in layers),
                "the biases are counted, and the kernels are missing",
            ),
            Mistake(
                lambda nets: sum(leaf.shape[0] * leaf.shape[1] for leaf in jax.tree.leaves(nets)),
                "a bias has one axis and no shape[1]: `leaf.size` counts an array's numbers, however many axes it has",
            ),
            Mistake(
                lambda nets: sum(layers.size for layers in nets),
                "a network is a tuple of layers, which has no size: jax.tree.leaves finds the arrays in it",
            ),
            Mistake(
                lambda nets: sum(leaf.ndim for leaf in jax.tree.leaves(nets)),
                "that counts axes: an array holds `leaf.size` numbers",
            ),
            Mistake(
                lambda nets: len(jax.tree.leaves(nets[0])),
                "that counts the arrays of the first network: add up `leaf.size` over all arrays of all",
            ),
            Mistake(
                lambda nets: sum(leaf.sum() for leaf in jax.tree.leaves(nets)),
                "that adds up the weights: add up how many there are, `leaf.size`",
            ),
        ],
    ),
    Exercise(
        "17.2",
        solution=_most_dates,
        inputs=_two_measurements,
        jit=False,
        mistakes=[
            Mistake(_in_proportion, "that takes the time to grow in proportion to the dates: it grows faster, with the power b"),
            Mistake(_straight_line, "that is the straight line through the two measurements: the power law bends upward, so it allows fewer dates"),
            Mistake(_exponential, "that is an exponential, a straight line of log(seconds) against dates: take the logarithm of the dates too"),
            Mistake(_square, "the power b is not 2, though it may be near: find it from the two measurements"),
            *(
                Mistake(function, "the law gives seconds from dates, so solve it for the dates: the exponent is 1/b, not b")
                for function in (
                    lambda dates, seconds, budget: math.floor(_exact_dates(dates, seconds, budget, turned=True)),
                    lambda dates, seconds, budget: _exact_dates(dates, seconds, budget, turned=True),
                )
            ),
            Mistake(_seconds_instead, "that puts the budget where the dates belong, and gives seconds: solve the law for the dates"),
            Mistake(_without_a_factor, "the factor a is missing: start from one of the measurements, and scale it"),
            Mistake(
                lambda dates, seconds, budget: _exact_dates(dates, seconds, budget),
                "that isn't a whole number of dates",
            ),
            Mistake(
                lambda dates, seconds, budget: math.ceil(_exact_dates(dates, seconds, budget)),
                "the last of these dates exceeds the budget: round down",
            ),
            Mistake(
                _slope_as_power,
                "b is the slope of log(seconds) against log(dates), not of the seconds against the dates",
            ),
            Mistake(
                _mixed_measurements,
                "dates and seconds come from two different measurements: scale one measurement, its dates and its seconds",
            ),
            Mistake(
                lambda dates, seconds, budget: _straight_line(dates, seconds, budget) - dates[1],
                "that is how many more dates a straight line would allow: the law is a power, and the measured dates count",
            ),
        ],
    ),
    Exercise(
        "17.3",
        solution=_loss,
        inputs=_paths,
        gradient=0,
        tolerance=1e-3,
        mistakes=[
            Mistake(
                partial(_loss, mean=lambda c, w, inside, later: ((c - w) ** 2).mean()),
                "that is the mean over all paths, as in loss_list: weight each square by values[date] > 0",
            ),
            Mistake(
                partial(_loss, mean=lambda c, w, inside, later: (inside * (c - w) ** 2).mean()),
                "the sum is divided by the number of all paths: divide it by how many are in the money",
            ),
            Mistake(
                partial(_loss, mean=lambda c, w, inside, later: (inside * (c - w) ** 2).sum()),
                "that is the sum of the squares: divide it by how many are in the money",
            ),
            Mistake(
                partial(_loss, mean=lambda c, w, inside, later: _of_those_inside(c, w, later, later)),
                "the paths are chosen by what the next date pays; choose them by values[date]",
            ),
            Mistake(
                partial(_loss, mean=lambda c, w, inside, later: ((inside * c - w) ** 2).sum() / inside.sum()),
                "weight the square, not the network's output: the others' cash still counts",
            ),
            Mistake(
                partial(_loss, rule=lambda value, c, w: jnp.where(value >= c, value, w)),
                "somewhere an option that pays nothing is exercised: stop only where values[date] > 0 as well",
            ),
            Mistake(
                partial(_loss, rule=lambda value, c, w: _rule(value, c, c)),
                "the network's output became cash; it only decides, and whoever waits keeps the discounted cash",
            ),
            Mistake(
                partial(_loss, rule=lambda value, c, w: jnp.maximum(value, w)),
                "that is hindsight, the larger of what is paid now and later: compare values[date] with what the network says",
            ),
            Mistake(
                lambda nets, prices, values, discount: _loss(nets, prices, values, 1.0),
                "the cash comes one date later: the target is discount * cash",
            ),
            Mistake(
                lambda nets, *rest: _loss(nets, *rest) / len(nets),
                "that is the mean over the dates: add up their losses, as in loss_list",
            ),
            Mistake(
                _first_date_alone,
                "only the first date's loss is returned: add each date's loss to the total, +=",
            ),
            Mistake(
                _target_after_the_decision,
                "the target was taken after the decision: what waiting pays is discount * cash, with the cash of the date after",
            ),
            Mistake(partial(_loss, order=iter), "the dates run forward: cash comes from later dates, so begin with the last, reversed(range(...))"),
            Mistake(
                partial(_loss, output=lambda y: y),
                "a network's output is (paths, 1), and (paths, 1) minus (paths,) is (paths, paths): take its [:, 0]",
            ),
            Mistake(
                lambda *arguments: jax.lax.stop_gradient(_loss(*arguments)),
                "the value is right and its gradient is 0, so nothing would be learned: no stop_gradient around what the network says",
            ),
            Mistake(
                partial(_loss, mean=lambda c, w, inside, later: (inside * (c - w)).sum() ** 2 / inside.sum()),
                "the errors are added up before they are squared, so they cancel: square each one first",
            ),
            Mistake(
                partial(_loss, mean=lambda c, w, inside, later: ((c - w) ** 2).mean() * inside.mean()),
                "that scales the mean over all paths: the others' errors must not enter, so weight each square",
            ),
            Mistake(
                partial(_loss, mean=lambda c, w, inside, later: (inside * jnp.abs(c - w)).sum() / inside.sum()),
                "those are absolute errors: square them",
            ),
            Mistake(
                partial(_loss, mean=lambda c, w, inside, later: jnp.mean((c[inside] - w[inside]) ** 2)),
                "a mask as an index gives a shape that depends on values, which jit refuses: weight the squares by the mask",
            ),
        ],
    ),
    Exercise(
        "17.4",
        solution=_at_all_dates,
        inputs=_one_and_times,
        inspect=no_python_loop("right, but a Python loop over the dates puts the network into the program once per date: broadcast the times instead"),
        mistakes=[
            Mistake(
                lambda layers, prices, times: networks.apply(
                    layers, jnp.concatenate([_with_time(prices, times), prices], axis=-1)
                )[..., 0],
                "the time comes first; it should be the last input, after the prices",
            ),
            Mistake(
                lambda layers, prices, times: _at_all_dates(layers, prices, times)[..., None],
                "there is an axis of length 1 too many: take [..., 0] of the network's output",
            ),
            *(
                Mistake(function, "the times must have the shape (dates, paths, 1) before they are joined to the prices: jnp.broadcast_to")
                for function in (
                    lambda layers, prices, times: networks.apply(layers, jnp.concatenate([prices, times[:, None, None]], axis=-1))[..., 0],
                    lambda layers, prices, times: networks.apply(layers, jnp.concatenate([prices, times], axis=-1))[..., 0],
                )
            ),
            Mistake(
                lambda layers, prices, times: networks.apply(
                    layers, jnp.concatenate([prices, jnp.broadcast_to(times, (*prices.shape[:2], 1))], axis=-1)
                )[..., 0],
                "give the times two more axes before you broadcast them, times[:, None, None]: broadcasting lines up the last axes",
            ),
            *(
                Mistake(function, "the time is the same at every date; give each date its own")
                for function in (
                    lambda layers, prices, times: _at_all_dates(layers, prices, jnp.zeros_like(times)),
                    lambda layers, prices, times: _at_all_dates(layers, prices, jnp.full_like(times, times[0])),
                )
            ),
            *(
                Mistake(function, "the last input is the time, times[date], not the number of the date")
                for function in (
                    lambda layers, prices, times: _at_all_dates(layers, prices, jnp.arange(len(times), dtype=times.dtype)),
                    lambda layers, prices, times: _at_all_dates(layers, prices, 1 + jnp.arange(len(times), dtype=times.dtype)),
                )
            ),
            Mistake(
                lambda layers, prices, times: _at_all_dates(layers, prices, jnp.tile(times, prices.shape[1]).reshape(prices.shape[:2])),
                "the times go to the wrong rows: the paths of a date lie together, so jnp.repeat and not jnp.tile",
            ),
            Mistake(
                lambda layers, prices, times: networks.apply(layers, prices)[..., 0],
                "the network has one input more than there are assets: join the time to the prices along the last axis",
            ),
            Mistake(
                lambda layers, prices, times: networks.apply(layers, jnp.concatenate([prices, _with_time(prices, times)], axis=-1))[:, 0],
                "[:, 0] takes the first path: the outputs are (dates, paths, 1), and their last axis has to go, [..., 0]",
            ),
        ],
    ),
]

predictions = [
    Prediction(
        "17.a",
        answer=294,
        shown="49 networks, 294 arrays, 219,569 numbers",
        slips=[
            (49, "those are the networks: each is a tuple of layers, and a layer holds more than one array"),
            (147, "each layer has a bias as well as a kernel"),
            (6, "those are the arrays of one network"),
            (300, "the last date needs no network"),
            (219_569, "those are numbers; an array holds many of them"),
        ],
    ),
    Prediction(
        "17.b",
        answer="as many",
        shown="a date adds as many lines at 50 as at 10: True",
        slips=[
            ("more", "running the loop once more traces the same network once more, however often that was done before"),
            ("none", "a Python loop is gone once the function has been traced: think of what each of its passes leaves behind"),
            ("fewer", "tracing shares nothing between two passes of a Python loop"),
        ],
    ),
    Prediction(
        "17.c",
        answer=("list", 49),
        shown="the gradient is a list of 49",
        slips=[
            (("tuple", 49), "one network is a tuple: think of what holds the networks"),
            (("list", 50), "count the networks once more: the last date has none"),
            (("list", 294), "the gradient has the structure of what the loss is differentiated with respect to, not a flat list of its leaves"),
            (("tuple", 3), "that is the gradient of one network, a tuple of layers"),
        ],
    ),
    Prediction(
        "17.d",
        answer=(2, 3, 4),
        shown="traced for lists of length [2, 3, 4]",
        slips=[
            ((2, 3, 3, 4), "a function is not traced again for a structure and shapes that it was already compiled for"),
            ((2,), "for `jit`, lists of unequal length don't have the same structure"),
            ((4,), "it is traced at the first call, when nothing is known of the later ones"),
        ],
    ),
]
