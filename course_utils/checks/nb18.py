"""Checks of notebook 18: networks from keys, a committee at every date, a program with four slips, a gradient in pieces."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from course_utils import networks
from course_utils.checks import Exercise, Mistake, Prediction, difference, equations, primitives

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


NO_SPLIT = "the numbers are right, but nothing is split: take the keys from one jax.random.split"


def folded(key, dates):
    return jax.vmap(lambda date: networks.init(jax.random.fold_in(key, date), SIZES))(jnp.arange(dates - 1))


def splits_once(function, arguments):
    splits = primitives(function, arguments).count("random_split")
    return SPLIT_AGAIN if splits > 1 else None if splits else NO_SPLIT


def committee(params, prices, middle=jnp.mean, spread=lambda said: said.max(axis=0) - said.min(axis=0)):
    said = jax.vmap(jax.vmap(networks.apply), in_axes=(0, None))(params, prices[:-1])[..., 0]  # (members, dates-1, paths)
    return middle(said, axis=0), spread(said)


def as_pair(answer, *arguments):
    """The answer's result; a list or an array of two counts as a pair."""
    result = answer(*arguments)
    return tuple(result) if isinstance(result, list | jax.Array | np.ndarray) else result


UNEQUAL = "vmap was given axes of unequal length: which axis of params do the prices not have, and which date has no network?"


def mean_of_weights(params, prices):
    mean = jax.tree.map(lambda leaf: leaf.mean(axis=0), params)
    return jax.vmap(networks.apply)(mean, prices[:-1])[..., 0], committee(params, prices)[1]


def of_all_paths(params, prices):
    said = jax.vmap(jax.vmap(networks.apply), in_axes=(0, None))(params, prices[:-1])[..., 0]
    return said.mean(axis=-1), said.max(axis=-1) - said.min(axis=-1)


def of_all_dates(params, prices):
    said = jax.vmap(jax.vmap(networks.apply), in_axes=(0, None))(params, prices[:-1])[..., 0]
    return said.mean(axis=1), said.max(axis=1) - said.min(axis=1)


def column_kept(params, prices):
    said = jax.vmap(jax.vmap(networks.apply), in_axes=(0, None))(params, prices[:-1])
    return said.mean(axis=0), said.max(axis=0) - said.min(axis=0)


def first_path_of_each(params, prices):
    said = jax.vmap(jax.vmap(networks.apply), in_axes=(0, None))(params, prices[:-1])[:, :, 0]
    return said.mean(axis=0), said.max(axis=0) - said.min(axis=0)


def every_network_at_every_date(params, prices):
    apply = jax.vmap(jax.vmap(networks.apply, in_axes=(0, None)), in_axes=(0, None))
    said = apply(params, prices[:-1])[..., 0]
    return said.mean(axis=0), said.max(axis=0) - said.min(axis=0)


def mapped_twice(params, prices, one=networks.apply, last=-1):
    said = jax.vmap(jax.vmap(one))(params, prices[:last])[..., 0]
    return said.mean(axis=0), said.max(axis=0) - said.min(axis=0)


def mapped_once(params, prices):
    said = jax.vmap(networks.apply)(params, prices[:-1])[..., 0]
    return said.mean(axis=0), said.max(axis=0) - said.min(axis=0)


def members_over_prices(params, prices):
    said = jax.vmap(networks.apply, in_axes=(0, None))(params, prices[:-1])[..., 0]
    return said.mean(axis=0), said.max(axis=0) - said.min(axis=0)


def without_leaving_out(params, prices):
    said = jax.vmap(jax.vmap(networks.apply), in_axes=(0, None))(params, prices)[..., 0]
    return said.mean(axis=0), said.max(axis=0) - said.min(axis=0)


def some_networks(key, dates=5):
    for_params, for_prices = jax.random.split(key)
    return stacked_init(for_params, dates), 40 + jax.random.normal(for_prices, (dates, 7, 3))


def some_committees(key):
    for_members, for_prices = jax.random.split(key)
    params = jax.vmap(lambda key: stacked_init(key, 5))(jax.random.split(for_members, 3))  # leaves (members, dates-1, …)
    return params, 40 + jax.random.normal(for_prices, (5, 7, 3))


class Layers(NamedTuple):
    """What stands for a network in 18.3's check: where it started, and the line that it learned."""

    start: jax.Array  # (2,)
    line: jax.Array  # (2,)


@jax.jit
def walks(key):
    """Paths of a put on the mean of three prices near 1, six dates and 16 paths."""
    prices = 1 + 0.1 * jnp.cumsum(jax.random.normal(key, (6, 16, 3)), axis=0)
    return prices, jnp.maximum(1.05 - prices.mean(axis=-1), 0.0)


class Draws:
    """Paths to learn from and to price on; it remembers what it was asked for."""

    def __init__(self):
        self.calls = []

    def __call__(self, key):
        prices, values = walks(key)
        self.calls.append((np.asarray(jax.random.key_data(key)), prices, values))
        return prices, values


class Parts(NamedTuple):
    """What 18.3's program is put together from, with a line in place of a network: quick, and exact."""

    init: Callable
    learn: Callable
    predict: Callable
    sample: Callable
    earn: Callable
    discount: float


@jax.jit
def line_init(key):
    return Layers(jax.random.normal(key, (2,)), jnp.zeros(2))


@jax.jit
def line_learn(layers, x, target, inside):
    """The line through the paths inside, by least squares; a little of where it started stays in it."""
    columns = jnp.stack([jnp.ones(len(x)), x.mean(axis=-1)], axis=1) * inside[:, None]
    line = jnp.linalg.solve(columns.T @ columns + 1e-3 * jnp.eye(2), columns.T @ (inside * target))
    return Layers(layers.start, line + 0.01 * layers.start)


@jax.jit
def line_predict(layers, x):
    return layers.line[0] + layers.line[1] * x.mean(axis=-1)


@jax.jit
def earned(params, prices, values, discount=0.99):
    """The cash at time 0 of the policy ``params``, (paths,)."""

    def step(cash, now):
        layers, x, value = now
        return jnp.where((value > 0) & (value >= line_predict(layers, x)), value, discount * cash), None

    return discount * jax.lax.scan(step, values[-1], (params, prices[:-1], values[:-1]), reverse=True)[0]


@partial(jax.jit, static_argnums=(0, 4, 5, 6))
def learned_from(parts, start, prices, values, turned=False, early=False, forward=False):
    """The networks that learn from these paths, first date first; with a slip of 18.3 if asked for. ``parts`` without its paths."""

    def train(cash, now):
        layers, x, value = now
        waiting = parts.discount * cash
        learned = parts.learn(layers, x, waiting, value > 0)
        stop = (value > 0) & (value >= parts.predict(layers if early else learned, x))
        return jnp.where(stop, value, waiting), learned

    dates = slice(-2, None, -1) if turned else slice(-1)
    return jax.lax.scan(train, values[-1], (start, prices[dates], values[dates]), reverse=not (turned or forward))[1]


def trained(parts, start, prices, values, turned=False, early=False, forward=False):
    return learned_from(parts._replace(sample=None), start, prices, values, turned, early, forward)


SENTENCE = "It is the pair of equal keys, for a policy that is priced on the paths that it learned from has seen their future."


def program(key, parts, copied=False, turned=False, early=False, same=False, unused=False, forward=False, sentence=SENTENCE):
    for_networks, for_learning, for_pricing = jax.random.split(key, 3)
    learning = parts.sample(for_learning)
    fresh = parts.sample(for_learning if same else for_pricing)
    networks_wanted = len(learning[1]) - 1
    keys = jax.random.split(for_networks, networks_wanted)
    start = jax.vmap(parts.init)(jnp.stack([keys[0]] * networks_wanted) if copied else keys)
    params = trained(parts, start, *learning, turned, early, forward)
    return params, parts.earn(params, *(learning if unused else fresh)), sentence


def on_learning_paths(key, parts):
    """Only one sample is drawn, and the policy is priced on it."""
    for_networks, for_paths = jax.random.split(key)
    prices, values = parts.sample(for_paths)
    params = trained(parts, jax.vmap(parts.init)(jax.random.split(for_networks, len(values) - 1)), prices, values)
    return params, parts.earn(params, prices, values), SENTENCE


def one_too_many(key, parts):
    for_networks, for_learning, for_pricing = jax.random.split(key, 3)
    learning = parts.sample(for_learning)
    params = trained(parts, jax.vmap(parts.init)(jax.random.split(for_networks, len(learning[1]))), *learning)
    return params, parts.earn(params, *parts.sample(for_pricing)), SENTENCE


def what_comes_back(program, *arguments):
    """The shapes of what the program returns. Which keys it uses is its own affair, so its numbers are looked at by ``slip``."""
    result = program(*arguments)
    if not isinstance(result, tuple | list) or len(result) != 3:
        return result
    params, cash, why = result
    zeros = lambda tree: jax.tree.map(lambda leaf: 0.0 * leaf if isinstance(leaf, jax.Array) else leaf, tree)
    return zeros(params), zeros(cash), "a sentence" if isinstance(why, str) else why


COPIED = "all networks start from the same weights, those of one that is copied: map `init` over as many keys as there are networks"
TURNED = "the paths are turned around in time and the networks are not, so network 0 belongs to the last date: let the scan walk backward instead"
EARLY = "a date decides with its network as it was before training, so the dates before it learn from decisions that the trained network won't make"
SAME = "both samples come from one key, so the policy is priced on the paths that it learned from: an unchanged `key` always splits into the same halves"
UNUSED = "fresh paths are drawn, and the policy is priced on those that it learned from: hand the fresh ones to `earn`"
FORWARD = "the dates run forward: the cash comes from later dates, so the scan has to begin with the last, reverse=True"
NO_SENTENCE = "the program is right; what is missing is your sentence, of at least a few words"


def slip(function, arguments):
    """The first slip that is left in a program of 18.3."""
    answer, parts = function.args[0], arguments[1]  # the engine hands over what_comes_back with the answer bound to it
    params, cash, why = answer(*arguments)
    (key, *learning), *others = parts.sample.calls
    start = params._replace(line=jnp.zeros_like(params.line))
    same = lambda one, other: not difference(one, other, 1e-3)
    if len(np.unique(np.asarray(start.start), axis=0)) < len(start.start):
        return COPIED
    slips = [dict(turned=turned, early=early) for early in (False, True) for turned in (False, True)]
    ways = {str(one): one for one in [*slips, dict(forward=True)]}
    way = next((one for one in ways.values() if same(trained(parts, start, *learning, **one), params)), None)
    if way is None:
        return "the networks are not what learning backward from the first sample gives: compare `train` with the prompt, line by line"
    if hint := next((hint for name, hint in (("turned", TURNED), ("early", EARLY), ("forward", FORWARD)) if way.get(name)), None):
        return hint
    if not others or all(np.array_equal(key, other) for other, *_ in others):
        return SAME
    if same(cash, parts.earn(params, *learning)):
        return UNUSED
    if not any(same(cash, parts.earn(params, *fresh)) for _, *fresh in others):
        return "the networks are right, and the cash is not what they earn on the fresh paths: return what `earn` gives"
    return None if len(why.split()) > 3 else NO_SENTENCE


def some_parts(key):
    return key, Parts(line_init, line_learn, line_predict, Draws(), earned, 0.99)


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
            Mistake(
                lambda key, dates: stacked_init(key, dates + 1)[:-1],
                "[:-1] of a tree takes away a layer, not a network: split into dates - 1 keys from the start",
            ),
            Mistake(
                lambda key, dates: jax.vmap(lambda key: networks.init(key, SIZES))(jax.random.split(key, dates)[1:]),
                "a key is split off and thrown away: split `key` into dates - 1, and use them all",
            ),
            Mistake(
                lambda key, dates: jax.vmap(lambda key: networks.init(key, (3, 64, 64, 1)))(jax.random.split(key, dates - 1)),
                "the sizes are those of the notebook's networks: here they are (3, 16, 1)",
            ),
            Mistake(
                folded,
                NO_SPLIT,
            ),
        ],
    ),
    Exercise(
        "18.2",
        solution=committee,
        inputs=some_committees,
        call=as_pair,
        mistakes=[
            *(
                Mistake(function, UNEQUAL)
                for function in (
                    mapped_twice,
                    lambda params, prices: mapped_twice(params, prices, last=None),
                    without_leaving_out,
                    mapped_once,
                )
            ),
            Mistake(members_over_prices, "that maps over the members alone: inside, map over the dates of params and prices together"),
            Mistake(
                lambda params, prices: committee(params, jnp.concatenate([prices[1:], prices[:1]])),
                "each network was evaluated at the date after its own: leave out the last date, not the first",
            ),
            Mistake(every_network_at_every_date, "each network was evaluated at every date: inside, the dates of params and of prices go together"),
            Mistake(column_kept, "there is an axis of length 1 too many: a network's output is (paths, 1), its value is [..., 0]"),
            Mistake(first_path_of_each, "that takes the first path: the outputs end in (paths, 1), and it is the last axis that has to go"),
            Mistake(of_all_dates, "that is taken over the dates: the members are axis 0 of what the networks say"),
            Mistake(of_all_paths, "that is taken over the paths: the members are axis 0 of what the networks say"),
            Mistake(mean_of_weights, "that is one network with the mean weights, and its output is not the mean of the members': take the mean of what the members say"),
            *(
                Mistake(partial(committee, spread=spread), "the spread is the largest value less the smallest, not a standard deviation")
                for spread in (lambda said: said.std(axis=0), lambda said: said.std(axis=0, ddof=1))
            ),
            Mistake(
                partial(committee, middle=jnp.median),
                "that is the median of the members; the mean is asked for",
            ),
            Mistake(lambda params, prices: committee(params, prices)[::-1], "mean and spread are swapped"),
            Mistake(lambda params, prices: committee(params, prices)[0], "that is the mean alone: return a pair, the mean and the spread"),
            Mistake(
                partial(committee, spread=lambda said: said.max(axis=0)),
                "the second of the pair is the largest value alone: subtract the smallest",
            ),
            Mistake(
                partial(committee, spread=lambda said: said.max() - said.min()),
                "the spread is one number over everything: take the largest and the smallest over the members alone, axis 0",
            ),
        ],
    ),
    Exercise(
        "18.3",
        solution=program,
        inputs=some_parts,
        call=what_comes_back,
        jit=False,
        draws=2,
        inspect=slip,
        mistakes=[
            Mistake(partial(program, copied=True, turned=True, early=True, same=True), COPIED),
            Mistake(partial(program, turned=True, early=True, same=True), TURNED),
            Mistake(partial(program, turned=True), TURNED),
            Mistake(partial(program, early=True), EARLY),
            Mistake(partial(program, same=True), SAME),
            Mistake(on_learning_paths, SAME),
            Mistake(partial(program, unused=True), UNUSED),
            Mistake(partial(program, forward=True), FORWARD),
            Mistake(partial(program, sentence="yes"), NO_SENTENCE),
            Mistake(
                lambda key, parts: (lambda params, cash, why: (params, cash.mean(), why))(*program(key, parts)),
                "that is the mean: return the cash of each fresh path, as `earn` gives it",
            ),
            Mistake(lambda key, parts: program(key, parts)[:2], "three things come back: the networks, the cash, and your sentence"),
            Mistake(
                one_too_many,
                "one network too many is made: the last date needs none, so there are len(values) - 1",
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
            Mistake(
                lambda loss, params, prices, values, pieces: jax.tree.map(lambda leaf: pieces * leaf, dates_mixed(loss, params, prices, values, pieces)),
                "dates and paths are mixed up when the axis is cut, and the sum isn't divided by pieces: cut the path axis in two, then move the pieces to the front",
            ),
            Mistake(
                lambda loss, params, prices, values, pieces: jax.tree.map(lambda leaf: pieces / prices.shape[1] * leaf, gradient_in_pieces(loss, params, prices, values, pieces)),
                "each piece's loss is a mean over its paths already: divide by the number of pieces, not of paths",
            ),
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
