"""Checks of notebook 17: networks in a list, what they hold, what they say, their loss in the money; one network that knows the time."""

from functools import partial

import jax
import jax.numpy as jnp

from course_utils import networks
from course_utils.checks import Exercise, Mistake, draws_from, no_python_loop


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
        inspect=no_python_loop("right, but a Python loop over the dates is in the program once per date; broadcast the times"),
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
