"""Exercises of notebook 18: stacked parameters."""

import jax
import jax.numpy as jnp

from course_utils import networks
from course_utils.checks import Exercise, Mistake, must_use

SIZES = (3, 16, 1)


def stacked_init(key, dates):
    return jax.vmap(lambda key: networks.init(key, SIZES))(jax.random.split(key, dates - 1))


def one_key_for_all(key, dates):
    one = networks.init(key, SIZES)
    return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (dates - 1, *leaf.shape)), one)


def one_per_date(key, dates):
    return stacked_init(key, dates + 1)


def a_list(key, dates):
    return [networks.init(key, SIZES) for key in jax.random.split(key, dates - 1)]


def continuations(params, prices):
    return jax.vmap(networks.apply)(params, prices[:-1])[..., 0]


def cash(stop, values, discount, last=1.0, reverse=True):
    def step(cash, now):
        stop, value = now
        cash = jnp.where(stop, value, discount * cash)
        return cash, cash

    return jax.lax.scan(step, last * values[-1], (stop, values[:-1]), reverse=reverse)[1]


def waiting(stop, values, discount):
    return discount * jnp.concatenate([cash(stop, values, discount)[1:], values[-1:]])


def all_discounted(stop, values, discount):
    """Each cash discounted once more, what is exercised too."""

    def step(cash, now):
        stop, value = now
        cash = discount * jnp.where(stop, value, cash)
        return cash, cash

    return jax.lax.scan(step, values[-1], (stop, values[:-1]), reverse=True)[1]


def some_networks(key):
    for_params, for_prices = jax.random.split(key)
    return stacked_init(for_params, 5), 40 + jax.random.normal(for_prices, (5, 7, 3))


def some_decisions(key):
    for_stop, for_values = jax.random.split(key)
    return jax.random.bernoulli(for_stop, 0.3, (5, 8)), jax.random.uniform(for_values, (6, 8)), 0.9


def squares(params, prices, values):
    """A loss that is a mean over paths, as notebook 18's is."""
    return jnp.mean((jax.vmap(networks.apply)(params, prices)[..., 0] - values) ** 2)


def gradient_in_pieces(loss, params, prices, values, pieces):
    def split(array):  # (dates, paths, …) -> (pieces, dates, paths/pieces, …)
        return jnp.moveaxis(array.reshape(array.shape[0], pieces, -1, *array.shape[2:]), 1, 0)

    def add(total, piece):
        return jax.tree.map(jnp.add, total, jax.grad(loss)(params, *piece)), None

    total, _ = jax.lax.scan(add, jax.tree.map(jnp.zeros_like, params), (split(prices), split(values)))
    return jax.tree.map(lambda leaf: leaf / pieces, total)


def added_up(loss, params, prices, values, pieces):
    return jax.tree.map(lambda leaf: pieces * leaf, gradient_in_pieces(loss, params, prices, values, pieces))


def dates_mixed(loss, params, prices, values, pieces):
    split = lambda array: array.reshape(pieces, array.shape[0], -1, *array.shape[2:])
    pick = lambda array: jnp.concatenate(list(split(array)), axis=1)
    return gradient_in_pieces(loss, params, pick(prices), pick(values), pieces)


def first_piece_only(loss, params, prices, values, pieces):
    some = prices.shape[1] // pieces
    return jax.grad(loss)(params, prices[:, :some], values[:, :some])


def last_piece_only(loss, params, prices, values, pieces):
    some = prices.shape[1] // pieces
    return jax.grad(loss)(params, prices[:, -some:], values[:, -some:])


def all_at_once(loss, params, prices, values, pieces):
    return jax.grad(loss)(params, prices, values)


def some_batch(key):
    for_networks, for_values = jax.random.split(key)
    params, prices = some_networks(for_networks)  # four networks, prices (5, 7, 3)
    prices = jnp.concatenate([prices[:-1] / 40, prices[:-1, :5] / 38], axis=1)  # (4, 12, 3)
    return squares, params, prices, jax.random.normal(for_values, (4, 12)), 3

exercises = [
    Exercise(
        "18.1",
        solution=stacked_init,
        inputs=lambda key: (key, 6),
        static=(1,),
        mistakes=[
            Mistake(one_key_for_all, "all networks start with the same weights: split the key, one for each"),
            Mistake(one_per_date, "one network too many: the last date needs none, so there are dates - 1"),
            *(
                Mistake(several, "these are several trees: map the initializer over the keys with jax.vmap, and get one tree")
                for several in (a_list, lambda key, dates: tuple(a_list(key, dates)))
            ),
            *(
                Mistake(
                    lambda key, dates, i=i: stacked_init(jax.random.split(key)[i], dates),
                    "the key is split twice: split `key` itself, once, into dates - 1",
                )
                for i in (0, 1)
            ),
        ],
    ),
    Exercise(
        "18.2",
        solution=continuations,
        inputs=some_networks,
        mistakes=[
            Mistake(
                lambda params, prices: jax.vmap(networks.apply)(params, prices[1:])[..., 0],
                "each network was asked at the date after its own: leave out the last date, not the first",
            ),
            Mistake(
                lambda params, prices: jax.vmap(networks.apply)(params, prices[:-1]),
                "there is an axis of length 1 too many: a network's output is (paths, 1), its value is [..., 0]",
            ),
            Mistake(
                lambda params, prices: jax.vmap(networks.apply)(params, prices)[..., 0],
                "vmap needs axes of one length: params has dates - 1 networks, prices has dates rows, so leave out the last",
            ),
        ],
    ),
    Exercise(
        "18.3",
        solution=cash,
        inputs=some_decisions,
        inspect=must_use("scan", hint="the numbers are right, but there is no scan: take the dates from last to first by jax.lax.scan"),
        mistakes=[
            Mistake(waiting, "that is what waiting is worth at each date: return the cash after the decision"),
            Mistake(all_discounted, "what is exercised at a date is discounted too: only the cash of a later date is"),
            Mistake(
                lambda stop, values, discount: cash(stop, values, discount, last=0.0),
                "the scan starts from 0: at the last date the cash is what exercising pays there, values[-1]",
            ),
            Mistake(
                lambda stop, values, discount: cash(stop, values, discount, reverse=False),
                "the scan goes forward: the cash comes from later dates, so give it reverse=True",
            ),
            Mistake(
                lambda stop, values, discount: cash(stop, values, discount)[::-1],
                "the dates come in reverse order: scan with reverse=True stacks its outputs in the order of its inputs",
            ),
            Mistake(
                lambda stop, values, discount: cash(stop, values, 1.0),
                "the cash isn't discounted: one date back, it is worth discount times as much",
            ),
            Mistake(
                lambda stop, values, discount: jnp.where(stop, values[:-1], discount * values[1:]),
                "whoever waits gets the next date's payoff, exercised or not: carry the cash through the scan",
            ),
        ],
    ),
    Exercise(
        "18.4",
        solution=gradient_in_pieces,
        inputs=some_batch,
        static=(0, 4),
        tolerance=1e-4,
        inspect=must_use("scan", hint="the numbers are right, but there is no scan: take the pieces one after the other, by jax.lax.scan"),
        mistakes=[
            Mistake(added_up, "that is the sum over the pieces, so it grows with their number: each is a mean over its own paths, so divide by pieces"),
            Mistake(dates_mixed, "dates and paths are mixed up: cut the path axis in two, (dates, pieces, paths/pieces, …), then move the pieces to the front"),
            Mistake(first_piece_only, "only the first piece counts: carry the sum of the gradients through the scan"),
            Mistake(last_piece_only, "only the last piece counts: add each gradient to the carry, don't put it in its place"),
            Mistake(all_at_once, "the numbers are right, but there is no scan: take the pieces one after the other, by jax.lax.scan"),
        ],
    ),
]
