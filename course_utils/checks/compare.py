"""Whether two results are the same, and if not, in which words they differ."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

# An element may be off by tolerance × (its own size + the mean size in its leaf + 0.001). Integers must be equal.
TOLERANCE = {"float64": 1e-7, "float32": 1e-4, "float16": 5e-3, "bfloat16": 2e-2, "complex64": 1e-4}


def difference(got, want, tolerance: float | None = None) -> str | None:
    """In general words how the tree ``got`` differs from ``want``, or None if it doesn't. A list will do for a pair of numbers or arrays."""
    if type(got) is list and type(want) is tuple and len(got) == len(want) and jax.tree_util.all_leaves(want):
        got = tuple(got)
    if jax.tree.structure(got) != jax.tree.structure(want):
        if got is None:
            return "it returns None: does it end with `return`?"
        if kind(got) == kind(want):
            return "the parts of the result are nested in another way"
        return f"the result should be {kind(want)}, and yours is {kind(got)}"
    for (path, leaf), wanted in zip(jax.tree_util.tree_leaves_with_path(got), jax.tree.leaves(want), strict=True):
        if words := _leaf_difference(leaf, wanted, tolerance):
            return f"at {jax.tree_util.keystr(path)} {words}" if path else words
    return None


def _leaf_difference(got, want, tolerance) -> str | None:
    a, b = _numbers(got), _numbers(want)
    if a is None or b is None:
        if callable(got) and callable(want) or a is b and _plain(got) == _plain(want):  # one number alone, and NumPy would compare each
            return None
        if callable(got):
            return "a function comes back where its result is asked for: call it"
        if kind(got) == kind(want):
            return "the answer is another one"
        return f"{kind(want)} is asked for, not {kind(got)}"
    if a.shape != b.shape:
        transposed = a.ndim > 1 and a.shape == b.shape[::-1]
        words = f"the shape should be {b.shape}, and yours is {a.shape}"
        return words + ": it looks transposed" if transposed else words
    has, should = str(getattr(got, "dtype", "")), str(getattr(want, "dtype", ""))  # a Python number suits any dtype
    if has and should and has != should:
        return f"the dtype should be {should}, and yours is {has}"
    if np.any((a != a) & (b == b)):
        return "there is NaN where there should be a number"
    near = functools.partial(_close, b=b, tolerance=tolerance or TOLERANCE.get(should, 1e-4))
    if near(a):
        return None
    if b.dtype.kind != "b" and near(-a):
        return "the sign is the wrong way round"
    if b.ndim and near(a[::-1]):
        return "the right values come in the reverse order"
    return "the values are not right" if b.ndim else "the value is not right"


def _close(a, b, tolerance) -> bool:
    if a.dtype.kind in "biu" and b.dtype.kind in "biu":
        return np.array_equal(a, b)
    a, b = (x if x.dtype.kind == "c" else x.astype(np.float64) for x in (a, b))
    sizes = np.abs(b[np.isfinite(b)])
    size = sizes.sum() / max(sizes.size, 1) + 1e-3
    return bool(np.isclose(a, b, rtol=tolerance, atol=tolerance * size, equal_nan=True).all())


def _numbers(leaf):
    """``leaf`` as a NumPy array, or None if it is no number; of a random key, its data."""
    if isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        leaf = jax.random.key_data(leaf)
    if not isinstance(leaf, (bool, int, float, complex, np.generic, np.ndarray, jax.Array)):
        return None
    leaf = np.asarray(leaf)
    return leaf if leaf.dtype == bool or jnp.issubdtype(leaf.dtype, np.number) else None


def _plain(leaf):
    return leaf.strip().casefold() if isinstance(leaf, str) else leaf


def kind(tree) -> str:
    """``tree`` in a few words, its values not among them."""
    if hasattr(tree, "shape") and hasattr(tree, "dtype"):
        return f"an array of shape {tuple(tree.shape)} and dtype {tree.dtype}"
    if isinstance(tree, dict):
        return f"a dict with the keys {', '.join(sorted(map(str, tree)))}" if tree else "an empty dict"
    if type(tree) in (tuple, list):
        return f"a {type(tree).__name__} of {len(tree)}"
    if isinstance(tree, str):
        return "a string"
    if isinstance(tree, (bool, int, float, complex)):
        return "a number" if type(tree) is not bool else "True or False"
    if tree is None or callable(tree):
        return "None" if tree is None else "a function"
    name = type(tree).__name__
    return f"an {name}" if name[0] in "AEIOUaeiou" else f"a {name}"
