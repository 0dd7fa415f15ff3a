"""Checks of notebook 17: networks in a list, what they hold, what they say, their loss in the money; one network that knows the time."""

import jax
import jax.numpy as jnp

from course_utils import networks
from course_utils.checks import Exercise, Mistake, no_python_loop


def _list(key, length=4, sizes=(3, 8, 1)):
    """Networks with biases, so that none says 0 where its inputs are 0."""
    return [networks.init(key, sizes, bias=0.5) for key in jax.random.split(key, length)]


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


def _loss(list_of_layers, prices, values, discount, mean="inside", careless=False, discounted=True, cash_from="cash"):
    cash, total = values[-1], 0.0
    for date in reversed(range(len(list_of_layers))):
        waiting = discount * cash if discounted else cash
        continuation = networks.apply(list_of_layers[date], prices[date])[:, 0]
        inside = values[date] > 0
        errors = (continuation - waiting) ** 2
        if mean == "everyone":
            total += errors.mean()
        elif mean == "zeroed":
            total += (inside * errors).mean()
        elif mean == "later":
            total += (errors * (values[date + 1] > 0)).sum() / (values[date + 1] > 0).sum()
        else:
            total += (inside * errors).sum() / inside.sum()
        stop = (values[date] >= continuation) & (careless | inside)
        cash = jnp.where(stop, values[date], continuation if cash_from == "curve" else waiting)
    return total


def _like(**options):
    return lambda list_of_layers, prices, values, discount: _loss(list_of_layers, prices, values, discount, **options)


def _one_and_times(key):
    for_network, for_prices = jax.random.split(key)
    layers = networks.init(for_network, (4, 8, 1), bias=0.5)
    return layers, jax.random.normal(for_prices, (30, 6, 3)), jnp.linspace(0.1, 3.0, 30)


def _with_time(prices, times):
    return jnp.broadcast_to(times[:, None, None], (*prices.shape[:2], 1))


def _at_all_dates(layers, prices, times):
    return networks.apply(layers, jnp.concatenate([prices, _with_time(prices, times)], axis=-1))[..., 0]


exercises = [
    Exercise(
        "17.1",
        solution=_count,
        inputs=lambda key: (_list(key),),
        jit=False,
        mistakes=[
            Mistake(lambda nets: len(jax.tree.leaves(nets)), "that counts the arrays; each holds `leaf.size` numbers"),
            Mistake(lambda nets: len(nets), "that counts the networks"),
            Mistake(lambda nets: _count(nets[0]), "that counts the first network alone"),
            Mistake(
                lambda nets: sum(layer.kernel.size for layers in nets for layer in layers),
                "the kernels are counted, and the biases are missing",
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
            Mistake(_like(mean="everyone"), "that is the mean over all paths, as in loss_list: weight each square by values[date] > 0"),
            Mistake(_like(mean="zeroed"), "the sum is divided by the number of all paths: divide it by how many are in the money"),
            Mistake(_like(mean="later"), "the paths are chosen by what the next date pays; choose them by values[date]"),
            Mistake(_like(careless=True), "somewhere an option that pays nothing is exercised: stop only where values[date] > 0 as well"),
            Mistake(_like(discounted=False), "the cash comes one date later: the target is discount * cash"),
            Mistake(_like(cash_from="curve"), "what the network says became cash; it decides, and whoever waits keeps the discounted cash"),
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
            Mistake(
                lambda layers, prices, times: _at_all_dates(layers, prices, jnp.zeros_like(times)),
                "the time is 0 at every date; give each date its own",
            ),
            Mistake(
                lambda layers, prices, times: networks.apply(layers, prices)[..., 0],
                "the network has one input more than there are assets: join the time to the prices along the last axis",
            ),
        ],
    ),
]
