"""Stack a list of trees into one tree, and take it apart again.

Forty-nine networks in a list are forty-nine trees. Stacked, they are one tree whose leaves have a leading axis of 49,
and ``vmap`` and ``scan`` walk along that axis. This is the idea that the course is built on.
"""

from collections.abc import Sequence
from typing import TypeVar

import jax
import jax.numpy as jnp

Tree = TypeVar("Tree")


def stack(trees: Sequence[Tree]) -> Tree:
    """Join ``n`` trees of one structure into one tree: leaves ``(…)`` become ``(n, …)``.

    Raises:
        ValueError: without trees, or where they differ in structure or in a leaf's shape.
    """
    trees = list(trees)
    if not trees:
        raise ValueError("trees is empty; expected at least one tree to stack")
    first, shapes = jax.tree.structure(trees[0]), [jnp.shape(leaf) for leaf in jax.tree.leaves(trees[0])]
    for number, tree in enumerate(trees):
        if jax.tree.structure(tree) != first:
            raise ValueError(f"trees[{number}] has another structure than trees[0]; stack trees made by one function")
        if [jnp.shape(leaf) for leaf in jax.tree.leaves(tree)] != shapes:
            raise ValueError(f"trees[{number}] has leaves of other shapes than trees[0]; only equal shapes stack")
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


def unstack(tree: Tree) -> list[Tree]:
    """Split a tree whose leaves are ``(n, …)`` into a list of ``n`` trees with leaves ``(…)``: ``stack`` undone.

    Raises:
        ValueError: without leaves, or where the leaves don't share their leading axis.
    """
    leaves, structure = jax.tree.flatten(tree)
    lengths = {jnp.shape(leaf)[:1] for leaf in leaves}
    if len(lengths) != 1 or () in lengths:
        raise ValueError(f"the leaves have leading axes {sorted(lengths)}; expected one length that all of them share")
    return [structure.unflatten(slices) for slices in zip(*leaves)]
