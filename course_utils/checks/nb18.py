"""Exercises of notebook 18: stacked parameters."""

import jax
import jax.numpy as jnp

from course_utils import networks
from course_utils.checks import Exercise, Mistake, Prediction, equations, must_use, primitives

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


def split_for_each(key, dates):
    """The numbers are right, but the key is split again for each network."""
    one = lambda date: networks.init(jax.random.split(key, dates - 1)[date], SIZES)
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *[one(date) for date in range(dates - 1)])


SPLIT_AGAIN = "the numbers are right, but the key is split more than once: keep the keys of the first split, and use those"


def splits_once(function, arguments):
    return SPLIT_AGAIN if primitives(function, arguments).count("random_split") > 1 else None


def continuations(params, prices):
    return jax.vmap(networks.apply)(params, prices[:-1])[..., 0]


def cash(stop, values, discount, last=1.0, reverse=True):
    def step(cash, now):
        stop, value = now
        cash = jnp.where(stop, value, discount * cash)
        return cash, cash

    return jax.lax.scan(step, last * values[-1], (stop, values[:-1]), reverse=reverse)[1]


def all_discounted(stop, values, discount):
    """Each cash discounted once more, what is exercised too."""

    def step(cash, now):
        stop, value = now
        cash = discount * jnp.where(stop, value, cash)
        return cash, cash

    return jax.lax.scan(step, values[-1], (stop, values[:-1]), reverse=True)[1]


def cash_of_the_next_date(stop, values, discount, factor=1.0):
    return factor * jnp.concatenate([cash(stop, values, discount)[1:], values[-1:]])


def paying_dates_only(stop, values, discount):
    return cash(stop & (values[:-1] > 0), values, discount)


def waiting_if_better(values, discount):
    def step(cash, value):
        cash = jnp.maximum(value, discount * cash)
        return cash, cash

    return jax.lax.scan(step, values[-1], values[:-1], reverse=True)[1]


def larger_where_stopped(stop, values, discount):
    """The larger of the two where `stop` says exercise."""

    def step(cash, now):
        stop, value = now
        cash = jnp.where(stop, jnp.maximum(value, discount * cash), discount * cash)
        return cash, cash

    return jax.lax.scan(step, values[-1], (stop, values[:-1]), reverse=True)[1]


def some_networks(key):
    for_params, for_prices = jax.random.split(key)
    return stacked_init(for_params, 5), 40 + jax.random.normal(for_prices, (5, 7, 3))


def some_decisions(key):
    for_stop, for_values = jax.random.split(key)
    values = jnp.maximum(jax.random.uniform(for_values, (6, 8), minval=-0.4), 0.0)  # some options pay nothing
    stop = jax.random.bernoulli(for_stop, 0.3, (5, 8))
    # On two paths, exercise where it pays nothing, though waiting would pay.
    return stop.at[:, :2].set(False).at[2, :2].set(True), values.at[2, :2].set(0.0).at[-1, :2].set(0.5), 0.9


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


def stacked_and_averaged(loss, params, prices, values, pieces):
    def split(array):
        return jnp.moveaxis(array.reshape(array.shape[0], pieces, -1, *array.shape[2:]), 1, 0)

    gradients = jax.lax.map(lambda piece: jax.grad(loss)(params, *piece), (split(prices), split(values)))
    return jax.tree.map(lambda leaf: leaf.mean(axis=0), gradients)


def gradient_of_the_scan(loss, params, prices, values, pieces):
    def split(array):
        return jnp.moveaxis(array.reshape(array.shape[0], pieces, -1, *array.shape[2:]), 1, 0)

    def total(params):
        add = lambda total, piece: (total + loss(params, *piece), None)
        return jax.lax.scan(add, 0.0, (split(prices), split(values)))[0] / pieces

    return jax.grad(total)(params)


NO_SCAN = "the numbers are right, but there is no scan: take the pieces one after the other, by jax.lax.scan"
ALL_HELD = "the numbers are right, but all pieces' gradients are held at once: add each to the scan's carry instead of stacking them"
STACKED = "the numbers are right, but the scan keeps something of every piece: take each piece's gradient inside, and add it to the carry"


def sizes_out(scan):
    """How many numbers a scan carries out, and how many it stacks: those have an axis that its body's results have not."""
    carried = stacked = 0
    for result, of_body in zip(scan.outvars, scan.params["jaxpr"].out_avals):
        if result.aval.shape == of_body.shape:
            carried += result.aval.size
        else:
            stacked += result.aval.size
    return carried, stacked


def adds_in_the_carry(function, arguments):
    """A scan whose carry holds a gradient, and which stacks next to nothing."""
    scans = [equation for equation in equations(function, arguments) if equation.primitive.name == "scan"]
    if not scans:
        return NO_SCAN
    parameters = sum(leaf.size for leaf in jax.tree.leaves(arguments[1]))
    carried, stacked = map(max, zip(*(sizes_out(scan) for scan in scans)))
    return ALL_HELD if carried < parameters else STACKED if stacked > parameters / 2 else None


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
        inspect=splits_once,
        mistakes=[
            Mistake(split_for_each, SPLIT_AGAIN),
            Mistake(
                lambda key, dates: networks.init(jax.random.split(key, dates - 1), SIZES),
                "networks.init takes one key: map it over the keys with jax.vmap",
            ),
            Mistake(
                lambda key, dates: jax.vmap(networks.init)(jax.random.split(key, dates - 1), SIZES),
                "jax.vmap maps over every argument, the sizes too: wrap networks.init in a function of the key alone",
            ),
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
                lambda params, prices: networks.apply(params, prices[:-1]),
                "one call of networks.apply is for one network: map it over the networks and their dates with jax.vmap",
            ),
            Mistake(
                lambda params, prices: jax.vmap(networks.apply)(params, prices[:-1])[:, 0],
                "[:, 0] takes the first path: the outputs are (dates-1, paths, 1), and it is their last axis that has to go",
            ),
            Mistake(
                lambda params, prices: jax.vmap(networks.apply, in_axes=(0, None))(params, prices[:-1])[..., 0],
                "each network was asked at every date: map over the leading axes of params and prices together",
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
            Mistake(
                lambda stop, values, discount: cash_of_the_next_date(stop, values, discount, discount),
                "that is what waiting is worth at each date: return the cash after the decision",
            ),
            Mistake(cash_of_the_next_date, "what comes back at each date is the cash of the date after: return the cash after this date's decision"),
            Mistake(
                lambda stop, values, discount: discount * cash(stop, values, discount),
                "everything is discounted once too often: the cash is asked for as it is worth at its own date",
            ),
            Mistake(
                lambda stop, values, discount: waiting_if_better(values, discount),
                "that takes the larger of the two at each date, which is hindsight: `stop` decides, whatever the later cash is",
            ),
            Mistake(paying_dates_only, "`stop` has the last word: where it says exercise, the cash is the value, even where that is 0"),
            Mistake(larger_where_stopped, "`stop` has the last word: where it says exercise, take the value, not the larger of value and waiting"),
            Mistake(
                lambda stop, values, discount: jax.lax.scan(lambda c, now: (c, c), values[-1], (stop, values)),
                "`stop` has one row fewer than `values`: the last date's values start the scan, the others go through it",
            ),
            Mistake(
                lambda stop, values, discount: (cash(stop, values, discount)[0], cash(stop, values, discount)),
                "scan returns a pair, the last carry and the stacked outputs: the outputs, [1], are what is asked for",
            ),
            Mistake(
                lambda stop, values, discount: cash(stop, values, discount)[0],
                "that is the cash at the first date alone: return the cash from each step as well, and take what scan stacks",
            ),
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
        inspect=adds_in_the_carry,
        mistakes=[
            Mistake(added_up, "that is the sum over the pieces, and it grows with their number: each is a mean over its own paths, so divide by pieces"),
            Mistake(dates_mixed, "dates and paths are mixed up: cut the path axis in two, (dates, pieces, paths/pieces, …), then move the pieces to the front"),
            Mistake(first_piece_only, "only the first piece counts: carry the sum of the gradients through the scan"),
            Mistake(last_piece_only, "only the last piece counts: add each gradient to the carry, don't put it in its place"),
            Mistake(all_at_once, NO_SCAN),
            Mistake(stacked_and_averaged, ALL_HELD),
            Mistake(gradient_of_the_scan, STACKED),
        ],
    ),
]

predictions = [
    Prediction(
        "18.a",
        answer=(49, 1),
        shown="[2].bias     (49, 1)",
        slips=[
            ((1,), "that is one network's: the tree holds those of all 49"),
            ((49,), "each network's bias keeps the axis that it has"),
            ((1, 49), "stacking puts the new axis where `scan` and `vmap` look for it"),
            ((50, 1), "the last date needs no network, so count again"),
            ((49, 64), "that is a bias of a hidden layer: think of how many numbers come out of the last one"),
        ],
    ),
    Prediction(
        "18.b",
        answer=True,
        shown="gradient of the cash: 0.0",
        slips=[(False, "the networks' outputs are compared with the payoffs: think of what a tiny change of an output does to the cash")],
    ),
    Prediction(
        "18.c",
        answer=(1, 1),
        shown="loss_vmap: as many lines for 200 dates as for 10: True",
        slips=[
            ((20, 20), "think of how many times the body of a scan is traced"),
            ((1, 20), "the mapped networks are one batched product: think of what a longer axis changes in it"),
            ((20, 1), "think of how many times the body of a scan is traced"),
        ],
    ),
    Prediction(
        "18.d",
        answer=((), (49,)),
        shown="init(params):       count ()\nvmap(init)(params): count (49,)",
        slips=[
            (((49,), (49,)), "an optimizer that is initialized on a tree doesn't know what the axes of its leaves mean"),
            (((), ()), "vmap does something to each output of the function that it maps"),
            (((1,), (49,)), "a count is one number, and not an array that holds one number"),
            (((49,), ()), "it is vmap that adds an axis"),
        ],
    ),
]
