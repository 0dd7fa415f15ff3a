"""Checks of notebook 17: networks in a list, what they hold, what they say, their loss in the money; one network that knows the time."""

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


def _networks_and_prices(key):
    for_networks, for_prices = jax.random.split(key)
    return _list(for_networks), jax.random.normal(for_prices, (5, 6, 3))


def _continuations(list_of_layers, prices):
    return jnp.stack([networks.apply(layers, x)[:, 0] for layers, x in zip(list_of_layers, prices)])


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
        ],
    ),
    Exercise(
        "17.2",
        solution=_continuations,
        inputs=_networks_and_prices,
        mistakes=[
            Mistake(
                lambda nets, prices: _continuations(nets, prices[1:]),
                "each network was asked at the date after its own: the first belongs to the first date",
            ),
            Mistake(
                lambda nets, prices: jnp.stack([networks.apply(layers, x) for layers, x in zip(nets, prices)]),
                "there is an axis of length 1 too many: a network's output is (paths, 1), its value is [:, 0]",
            ),
            Mistake(
                lambda nets, prices: [networks.apply(layers, x)[:, 0] for layers, x in zip(nets, prices)],
                "that is a list of arrays: join them with jnp.stack",
            ),
            Mistake(
                lambda nets, prices: jnp.concatenate([networks.apply(layers, x)[:, 0] for layers, x in zip(nets, prices)]),
                "the dates are joined end to end: jnp.stack makes an axis of them",
            ),
            Mistake(
                lambda nets, prices: jnp.stack([networks.apply(nets[date], prices[date])[:, 0] for date in range(len(prices))]),
                "there is one date more than there are networks: loop over the networks, since the last date has none",
            ),
            Mistake(
                lambda nets, prices: jnp.stack([networks.apply(layers, prices)[:, 0] for layers in nets]),
                "each network was given the prices of all dates: give it those of its own, prices[date]",
            ),
            Mistake(
                lambda nets, prices: _continuations(nets, prices)[::-1],
                "the dates come from last to first: nothing is carried from date to date here, so loop forward",
            ),
            Mistake(
                lambda nets, prices: jnp.stack([networks.apply(layers, x)[0] for layers, x in zip(nets, prices)]),
                "[0] takes the first path: the outputs are (paths, 1), and the first column of that is [:, 0]",
            ),
            Mistake(
                lambda nets, prices: _continuations([nets[0]] * len(nets), prices),
                "the first network was asked at every date; each date has its own",
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
                "what the network says became cash; it decides, and whoever waits keeps the discounted cash",
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
                "the time comes first; it is to be the last input, after the prices",
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
            ("none", "a Python loop is gone when the function has been traced: think of what each of its turns leaves behind"),
            ("fewer", "tracing shares nothing between two turns of a Python loop"),
        ],
    ),
    Prediction(
        "17.c",
        answer=("list", 49),
        shown="the gradient is a list of 49",
        slips=[
            (("tuple", 49), "one network is a tuple: think of what holds the networks"),
            (("list", 50), "count the networks once more: the last date has none"),
            (("list", 294), "the gradient has the structure of what the loss is differentiated by, not a flat list of its leaves"),
            (("tuple", 3), "that is the gradient of one network, a tuple of layers"),
        ],
    ),
    Prediction(
        "17.d",
        answer=(2, 3, 4),
        shown="traced for lists of length [2, 3, 4]",
        slips=[
            ((2, 3, 3, 4), "a function is not traced again for a structure and shapes that it was compiled for"),
            ((2,), "for `jit`, lists of unequal length don't have the same structure"),
            ((4,), "it is traced at the first call, when nothing is known of the later ones"),
        ],
    ),
]
