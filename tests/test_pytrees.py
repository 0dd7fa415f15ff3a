"""Stacking trees and taking them apart."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from course_utils import networks
from course_utils.pytrees import stack, unstack


class Point(NamedTuple):
    x: float
    y: dict


def trees(n):
    return [networks.init(jax.random.key(seed), (2, 3, 1), bias=0.5) for seed in range(n)]


@pytest.mark.parametrize("n", [1, 2, 5])
def test_stack_adds_a_leading_axis_in_order(n):
    stacked = stack(trees(n))
    assert jax.tree.structure(stacked) == jax.tree.structure(trees(1)[0])
    assert [leaf.shape for leaf in jax.tree.leaves(stacked)] == [(n, 2, 3), (n, 3), (n, 3, 1), (n, 1)]
    for number, tree in enumerate(trees(n)):
        np.testing.assert_array_equal(stacked[0].kernel[number], tree[0].kernel)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_unstack_undoes_stack(n):
    back = unstack(stack(trees(n)))
    assert len(back) == n
    jax.tree.map(np.testing.assert_array_equal, back, trees(n))


def test_any_structure_any_numbers():
    stacked = stack([Point(1, {"a": np.zeros(2)}), Point(2, {"a": np.ones(2)})])
    assert isinstance(stacked, Point)
    np.testing.assert_array_equal(stacked.x, [1, 2])
    np.testing.assert_array_equal(stacked.y["a"], [[0, 0], [1, 1]])


def test_trees_may_come_from_a_generator():
    np.testing.assert_array_equal(stack({"a": number} for number in range(3))["a"], [0, 1, 2])


def test_vmap_walks_along_the_leading_axis():
    x = jnp.array([[0.3, -0.7]])
    mapped = jax.vmap(networks.apply, in_axes=(0, None))(stack(trees(3)), x)  # (3, 1, 1)
    np.testing.assert_allclose(mapped, jnp.stack([networks.apply(tree, x) for tree in trees(3)]), rtol=1e-5)


def test_stack_and_unstack_under_jit():
    jax.tree.map(np.testing.assert_array_equal, jax.jit(lambda t: unstack(stack(t)))(trees(3)), trees(3))


@pytest.mark.parametrize(
    "bad, message",
    [
        ([], "trees is empty"),
        ([{"a": 1}, {"b": 1}], r"trees\[1\] has another structure"),
        ([{"a": 1}, {"a": 1}, {"a": 1, "b": 2}], r"trees\[2\] has another structure"),
        ([{"a": jnp.zeros(2)}, {"a": jnp.zeros(3)}], r"trees\[1\] has leaves of other shapes"),
        ([{"a": jnp.zeros(2)}, {"a": 0.0}], r"trees\[1\] has leaves of other shapes"),
    ],
)
def test_stack_refuses(bad, message):
    with pytest.raises(ValueError, match=message):
        stack(bad)


@pytest.mark.parametrize("bad", [{"a": jnp.zeros(2), "b": jnp.zeros(3)}, {"a": jnp.zeros(2), "b": 0.0}, {"a": 1.0}, {}])
def test_unstack_refuses(bad):
    with pytest.raises(ValueError, match="leading axes"):
        unstack(bad)
