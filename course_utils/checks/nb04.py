"""Checks of notebook 04: trees counted, clipped, written into, and mapped over."""

import jax
import jax.numpy as jnp
import numpy as np

from course_utils.checks import Exercise, Mistake, Prediction, difference, primitives
from course_utils.pytrees import stack, unstack


def _normal(key, *shapes):
    """Random arrays by NumPy, from a key: nothing to compile."""
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    return [jnp.asarray(rng.normal(size=shape), jnp.float32) for shape in shapes]


def _network(key, width=4):
    kernel, bias, last = _normal(key, (3, width), (width,), (width, 2))
    return {"first": {"kernel": kernel, "bias": bias}, "rest": [last, bias[:2] + 1]}


def _size(key):
    return int(jax.random.randint(key, (), 3, 9))


def _norm(tree):
    return jnp.sqrt(sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(tree)))


def _scaled(tree, factor):
    return jax.tree.map(lambda leaf: factor * leaf, tree)


def _clip_with_if(grads, limit):
    norm = _norm(grads)
    return _scaled(grads, limit / norm) if norm > limit else grads


def _above_below_and_at_zero(answer, grads, limit):
    """The answer for a norm above the limit, for one below it, and for a gradient of zeros."""
    cases = {"norm above the limit": (grads, limit), "norm below it": (grads, 4.0 * limit), "zeros": (_scaled(grads, 0.0), limit)}
    return {case: answer(*arguments) for case, arguments in cases.items()}


def _gradient_and_limit(key):
    grads = _network(key)
    return grads, 0.5 * _norm(grads)


def _stack_and_entry(key):
    keys = jax.random.split(key, 8)
    return stack([_network(k) for k in keys[:6]]), jax.random.randint(keys[6], (), 0, 6), _network(keys[7])


def _replace(stacked, i, tree):
    return jax.tree.map(lambda rows, row: rows.at[i].set(row), stacked, tree)


def _leaves_the_stack(answer, arguments):
    """An inspector: the stack that was handed in is afterwards what it was before."""
    stacked, i, tree = arguments
    before = jax.tree.map(jnp.copy, stacked)
    answer(stacked, i, tree)
    return _STACK_CHANGED if difference(stacked, before) else None


def _as_given(stacked, i, tree):
    for name in stacked:
        stacked[name].at[i].set(tree[name])
    return stacked


def _as_given_but_kept(stacked, i, tree):
    for name in stacked:
        stacked[name] = stacked[name].at[i].set(tree[name])
    return stacked


def _not_kept(stacked, i, tree):
    _replace(stacked, i, tree)
    return stacked


def _into_the_stack(stacked, i, tree):
    stacked.update(_replace(stacked, i, tree))
    return stacked


def _by_slices(stacked, i, tree):
    return jax.tree.map(lambda rows, row: jnp.concatenate([rows[:i], row[None], rows[i + 1 :]]), stacked, tree)


def _assign(stacked, i, tree):
    def put(rows, row):
        rows[i] = row
        return rows

    return jax.tree.map(put, stacked, tree)


def _through_a_list(stacked, i, tree):
    trees = unstack(stacked)
    trees[i] = tree
    return stack(trees)


def _models_and_data(key):
    kernels, biases, x = _normal(key, *[(3,)] * 6), _normal(key, *[()] * 6), _normal(key, (6, 9, 3))
    return [{"kernel": kernel, "bias": bias} for kernel, bias in zip(kernels, biases)], x[0]


def _one(params, x):
    return x @ params["kernel"] + params["bias"]


def _shared(models):
    stacked = stack(models)
    return stacked | {"bias": stacked["bias"].mean()}


def _spread(models):
    stacked = stack(models)
    return stacked | {"bias": jnp.full_like(stacked["bias"], stacked["bias"].mean())}


_KERNELS = {"kernel": 0, "bias": None}
_LOOP = "the values are right, but there is still a loop over the dates: stack the models, and let one vmap do it"

_ONE_LEVEL = "`stacked[name]` goes one level down, and may be a dict or a list again, without `.at`: use jax.tree.map on both trees"
_STACK_CHANGED = "what comes back is right, but the stack that was handed in has changed too: return a new tree and leave the old one alone"

exercises = [
    Exercise(
        "04.1",
        solution=lambda tree: sum(leaf.size for leaf in jax.tree.leaves(tree)),
        inputs=lambda key: (_network(key, _size(key)),),
        mistakes=[
            Mistake(lambda tree: len(jax.tree.leaves(tree)), "that counts the leaves; count the numbers in them"),
            Mistake(
                lambda tree: sum(len(leaf) for leaf in jax.tree.leaves(tree)),
                "`len` gives the length of the first axis alone; an array's `size` counts all its numbers",
            ),
            Mistake(
                lambda tree: jax.tree.map(jnp.size, tree),
                "that is a tree with the size of each leaf; one number is asked for, the sum of them all",
            ),
            Mistake(
                lambda tree: sum(leaf.sum() for leaf in jax.tree.leaves(tree)),
                "that adds the numbers up; count them",
            ),
            Mistake(
                lambda tree: sum(leaf.size for leaf in tree.values()),
                "`tree.values()` goes one level down, and there may be more trees below: use jax.tree.leaves(tree)",
            ),
            Mistake(
                lambda tree: tree["hidden"]["kernel"].size,
                "it reads the keys of `params`, and other trees have others: go through jax.tree.leaves(tree)",
            ),
            Mistake(
                lambda tree: [leaf.size for leaf in jax.tree.leaves(tree)],
                "these are the sizes of the leaves one by one; one number is asked for, their sum",
            ),
            Mistake(
                lambda tree: max(leaf.size for leaf in jax.tree.leaves(tree)),
                "that is the size of the largest leaf; the numbers in all of them are asked for",
            ),
            Mistake(
                lambda tree: sum(leaf.ndim for leaf in jax.tree.leaves(tree)),
                "`ndim` counts an array's axes; its `size` counts the numbers in it",
            ),
            Mistake(
                lambda tree: sum(leaf.shape[0] * leaf.shape[1] for leaf in jax.tree.leaves(tree)),
                "a bias has only one axis, so its shape has no second entry; an array's `size` works for any number of axes",
            ),
            Mistake(
                lambda tree: sum(leaf.size for leaf in tree),
                "a loop over a dictionary gives its keys, and those are strings: loop over jax.tree.leaves(tree)",
            ),
            Mistake(
                lambda tree: jax.tree.leaves(tree).size,
                "jax.tree.leaves returns a Python list, which has no `size`; ask each leaf in it for its own",
            ),
            Mistake(
                lambda tree: sum(leaf.size() for leaf in jax.tree.leaves(tree)),
                "`size` is a number and not a method: write it without parentheses",
            ),
        ],
    ),
    Exercise(
        "04.2",
        solution=lambda grads, limit: _scaled(grads, jnp.minimum(1.0, limit / _norm(grads))),
        inputs=_gradient_and_limit,
        call=_above_below_and_at_zero,
        mistakes=[
            Mistake(
                lambda grads, limit: jax.tree.map(lambda g: g * jnp.minimum(1.0, limit / jnp.linalg.norm(g)), grads),
                "each leaf is measured by itself; the norm is one number for the whole tree, and so is the factor",
            ),
            Mistake(
                lambda grads, limit: jax.tree.map(lambda g: jnp.clip(g, -limit, limit), grads),
                "entries are cut off one by one, which changes the direction; multiply the whole tree by one factor",
            ),
            Mistake(
                lambda grads, limit: _scaled(grads, limit / _norm(grads)),
                "a gradient whose norm is below the limit is made longer; it should be left as it is",
            ),
            Mistake(
                lambda grads, limit: _scaled(_scaled(grads, 1.0 / _norm(grads)), jnp.minimum(_norm(grads), limit)),
                "right, except for a gradient of zeros: dividing it by its norm is 0 / 0, NaN; divide `limit` by the norm instead",
            ),
            Mistake(
                lambda grads, limit: _scaled(grads, jnp.maximum(1.0, limit / _norm(grads))),
                "the other way around: gradients below the limit are made longer, and those above it are left as they are",
            ),
            Mistake(
                lambda grads, limit: _scaled(grads, jnp.minimum(1.0, limit / _norm(grads) ** 2)),
                "the norm is the square root of the sum of squares; the root is missing",
            ),
            Mistake(
                _clip_with_if,
                "right as it is, but not under jit: a Python `if` needs a number; let jnp.minimum or jnp.where choose",
            ),
            Mistake(
                lambda grads, limit: _scaled(grads, jnp.minimum(1.0, limit / sum(jnp.linalg.norm(g) for g in jax.tree.leaves(grads)))),
                "the norms of the leaves are added up; add up all the squares first, then take one square root",
            ),
            Mistake(
                lambda grads, limit: _scaled(grads, jnp.minimum(1.0, limit / jnp.sqrt(sum(g.sum() ** 2 for g in jax.tree.leaves(grads))))),
                "each leaf is summed before it is squared, so its entries cancel; square every entry, then sum",
            ),
            Mistake(
                lambda grads, limit: jax.tree.map(lambda g: jnp.minimum(g, g * limit / _norm(grads)), grads),
                "of two negative entries the minimum is the one farther from zero; take the minimum of the factors, not of the entries",
            ),
            Mistake(
                lambda grads, limit: jax.tree.map(lambda g: jnp.where(_norm(grads) > limit, limit, g), grads),
                "above the limit every entry becomes `limit`; multiply the tree by limit / norm instead",
            ),
            Mistake(
                lambda grads, limit: jax.tree.map(lambda g: jnp.where(_norm(grads) > limit, g / _norm(grads), g), grads),
                "a gradient that is too long is given the length 1; its length should become `limit`",
            ),
            Mistake(
                lambda grads, limit: jnp.minimum(1.0, limit / _norm(grads)),
                "that is the factor; multiply every leaf by it and return the tree",
            ),
            Mistake(
                lambda grads, limit: jnp.minimum(1.0, limit / _norm(grads)) * grads,
                "a tree can't be multiplied with *: multiply each leaf, by jax.tree.map",
            ),
            Mistake(
                lambda grads, limit: grads * jnp.minimum(1.0, limit / _norm(grads)),
                "a tree can't be multiplied with *: multiply each leaf, by jax.tree.map",
            ),
            Mistake(
                lambda grads, limit: jax.tree.map(lambda g: g * jnp.where(_norm(grads) < limit, limit / _norm(grads), 1.0), grads),
                "the other way around: gradients below the limit are made longer, and those above it are left as they are",
            ),
            Mistake(
                lambda grads, limit: _scaled(grads, jnp.minimum(limit, limit / _norm(grads))),
                "the factor is cut off at `limit`; a gradient that isn't too long should be left as it is, so cut it off at 1",
            ),
        ],
    ),
    Exercise(
        "04.3",
        solution=_replace,
        inputs=_stack_and_entry,
        inspect=_leaves_the_stack,
        mistakes=[
            Mistake(_as_given, _ONE_LEVEL),
            Mistake(_as_given_but_kept, _ONE_LEVEL),
            Mistake(lambda stacked, i, tree: {name: rows.at[i].set(tree[name]) for name, rows in stacked.items()}, _ONE_LEVEL),
            Mistake(_not_kept, "the stack comes back unchanged: `.at[i].set` returns a changed copy, and yours is dropped"),
            Mistake(_into_the_stack, _STACK_CHANGED),
            Mistake(_assign, "arrays can't be assigned to; `rows.at[i].set(row)` returns a changed copy"),
            Mistake(
                lambda stacked, i, tree: jax.tree.map(lambda rows: rows.at[i].set(tree), stacked),
                "the whole of `tree` is put into each leaf: give both trees to jax.tree.map, which pairs their leaves",
            ),
            Mistake(
                lambda stacked, i, tree: jax.tree.map(lambda rows, row: rows.at[i].set(row), tree, stacked),
                "the trees come in the wrong order: the function's arguments are a leaf of each, in the order of the trees",
            ),
            Mistake(
                lambda stacked, i, tree: jax.tree.map(lambda rows, row: rows.at[i].add(row), stacked, tree),
                "the new entry is added to the old one; `set` replaces it",
            ),
            Mistake(
                lambda stacked, i, tree: jax.tree.map(lambda rows, row: rows.at[:].set(row), stacked, tree),
                "every entry has become `tree`; only entry i should",
            ),
            Mistake(
                lambda stacked, i, tree: jax.tree.map(lambda rows, row: rows.at[:, i].set(row), stacked, tree),
                "entry i is meant along the leading axis, and `[:, i]` goes along the second",
            ),
            Mistake(
                lambda stacked, i, tree: jax.tree.map(lambda rows, row: rows[i].set(row), stacked, tree),
                "`rows[i]` is an entry, which has no `set`: write rows.at[i].set(row)",
            ),
            Mistake(
                lambda stacked, i, tree: [rows.at[i].set(row) for rows, row in zip(jax.tree.leaves(stacked), jax.tree.leaves(tree))],
                "that is the list of the leaves; the stack should keep its structure, as it does with jax.tree.map",
            ),
            Mistake(
                lambda stacked, i, tree: jax.tree.map(lambda rows, row: row, stacked, tree),
                "only the new entry comes back; return the whole stack with that entry in it",
            ),
            Mistake(
                _by_slices,
                "right as it is, but a slice can't end at a traced i: use rows.at[i].set(row), which takes one",
            ),
            Mistake(
                _through_a_list,
                "right as it is, but not for a traced i: it can't index a Python list; index the arrays instead",
            ),
        ],
    ),
    Exercise(
        "04.4",
        solution=lambda models, x: jax.vmap(_one, in_axes=(_KERNELS, 0))(_shared(models), x),
        inputs=_models_and_data,
        inspect=lambda answer, arguments: _LOOP if primitives(answer, arguments).count("dot_general") > 3 else None,
        mistakes=[
            Mistake(
                lambda models, x: jax.vmap(_one)(models, x),
                "vmap needs an axis to map over in every leaf: stack the list of trees first, and give the shared bias None in in_axes",
            ),
            Mistake(
                lambda models, x: jax.vmap(_one)(stack(models), x),
                "each date has its own bias; all dates share the mean of the biases",
            ),
            Mistake(
                lambda models, x: jax.vmap(_one, in_axes=(_KERNELS, None))(_shared(models), x),
                "every model is applied to the data of all dates; map over the leading axis of `x` too",
            ),
            Mistake(
                lambda models, x: jax.vmap(_one, in_axes=(_KERNELS, 0))(stack(models), x),
                "the bias is still one per date, (dates,), and is added along the paths; take its mean first",
            ),
            Mistake(
                lambda models, x: jax.vmap(_one, in_axes=(None, 0))(jax.tree.map(lambda leaf: leaf.mean(axis=0), stack(models)), x),
                "the kernels are averaged too; only the biases are shared, and each date keeps its own kernel",
            ),
            Mistake(
                lambda models, x: jnp.stack([_one(m, d) for m, d in zip(unstack(_spread(models)), x)]),
                _LOOP,
            ),
            Mistake(
                lambda models, x: jax.vmap(_one, in_axes=(_KERNELS, 0))(models, x),
                "vmap can't go through a Python list: stack the list of trees first, and then map along the leading axis",
            ),
            Mistake(
                lambda models, x: jax.vmap(_one, in_axes=(_KERNELS, 0))(_shared(models) | {"bias": stack(models)["bias"].sum()}, x),
                "the biases are added up; all dates share their average",
            ),
            Mistake(
                lambda models, x: jax.vmap(_one, in_axes=(_KERNELS, 0))(_shared(models) | {"bias": models[0]["bias"]}, x),
                "all dates have the first model's bias; they share the average of all the biases",
            ),
            Mistake(
                lambda models, x: jax.vmap(_one, in_axes=(_KERNELS, 0))(_shared(models) | {"bias": 0.0}, x),
                "the bias is missing: add the average of the models' biases",
            ),
            Mistake(
                lambda models, x: jax.vmap(_one, in_axes=(_KERNELS, 1))(_shared(models), x),
                "`x` is mapped over its axis 1, the paths; its dates are axis 0",
            ),
            Mistake(
                lambda models, x: x @ stack(models)["kernel"].T + stack(models)["bias"].mean(),
                "every model is applied to the data of every date; pair model i with x[i], by one vmap over both",
            ),
        ],
    ),
]

predictions = [
    Prediction(
        "04.a",
        (1, 0, 2),
        shown="['kernel'] [1. 1. 1.]\n['range'][0] 0.0\n['range'][1] 2.0\n",
        slips=[
            ((1, 1, 1), "one for each key would hold if nothing under the keys were a node; look each of them up in the table"),
            ((1, 1, 2), "look `None` up in the table once more"),
            ((1, 0, 1), "look the tuple up in the table once more"),
            ((3, 0, 2), "an array isn't looked into, however many numbers it holds"),
            ((3, 1, 2), "look `None` up in the table once more, and remember that an array isn't looked into"),
        ],
    ),
    Prediction(
        "04.b",
        False,
        shown="same structure in euros: False",
        slips=[(True, "the leaves are the same, but a static field isn't a leaf: read again where it is kept instead")],
    ),
    Prediction(
        "04.c",
        (2, (5, 2, 3)),
        shown="{'bias': (5, 3), 'kernel': (5, 2, 3)}",
        slips=[
            ((2, (2, 3, 5)), "right, except for the place of the new axis: think of where `stack` was said to put it"),
            ((10, (2, 3)), "those are the leaves of the list, before they are stacked"),
            ((10, (5, 2, 3)), "the shape is right; five arrays have become one, for the kernel and for the bias"),
            ((2, (10, 3)), "end to end would be `concatenate`; `stack` makes a new axis"),
            ((2, (2, 3)), "that is one model's kernel; the stack holds all five"),
            ((1, (5, 2, 3)), "the shape is right, but a model has more than its kernel"),
            ((5, (5, 2, 3)), "the shape is right; five is the number of models, and leaves are counted"),
            ((5, (2, 3)), "five is the number of models; after stacking it is found in the shapes"),
        ],
    ),
    Prediction(
        "04.d",
        21,
        shown="(21,)",
        slips=[
            (4, "that is the number of leaves; count the numbers in them"),
            (16, "those are the numbers in the two kernels; the biases have numbers too"),
            (20, "nearly: think of the output's bias"),
            (17, "nearly: think of the hidden units' biases"),
            (8, "three, four and one are the widths of the layers; a kernel joins every input to every output"),
        ],
    ),
]
