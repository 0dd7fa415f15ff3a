"""Batches: the rows of a data set in random order, a few at a time.

Two ways to the same batches. ``iterate`` yields them one by one, for a Python loop, the last one smaller if need be.
``stack`` returns the full ones as arrays with a leading batch axis, for ``jax.lax.scan``. Data are a pytree of arrays
that share their first axis: ``(x, y)``, or ``{"images": ..., "labels": ...}``. One key fixes one order; a new epoch
needs a new key. Notebook 07 writes both out.
"""

from collections.abc import Iterator
from operator import index

import jax
import jax.numpy as jnp


def iterate(key, data, size: int) -> Iterator:
    """The rows of ``data`` in the random order that ``key`` fixes, as batches of ``size`` rows.

    Every row comes exactly once. The last batch has what is left, ``rows % size`` rows if ``size`` doesn't divide
    ``rows``. The iterator is good for **one** pass: call ``iterate`` again, with a new key, for the next epoch.
    The data are shuffled once, at the call, which takes the memory of a copy.

    Args:
        key: a key, used up by this call.
        data: a pytree of arrays (rows, ...).
        size: rows in a batch, at least 1.

    Returns:
        an iterator over pytrees like ``data`` with leaves (size, ...).

    Raises:
        ValueError: if the leaves don't share their number of rows, or ``size`` is below 1; at the call, not later.
    """
    rows, size = _rows(data), _size(size)
    full = rows // size
    order = jax.random.permutation(key, rows)  # (rows,)
    leaves, structure = jax.tree.flatten(jax.tree.map(lambda leaf: jnp.asarray(leaf)[order], data))
    stacked = [leaf[: full * size].reshape(full, size, *leaf.shape[1:]) for leaf in leaves]

    def generate():
        for batch in zip(*stacked):  # an array hands out its rows faster than slices of it are taken
            yield structure.unflatten(batch)
        if full * size < rows:
            yield structure.unflatten([leaf[full * size :] for leaf in leaves])

    return generate()


def stack(key, data, size: int):
    """The full batches of ``iterate(key, data, size)`` in one pytree with leaves (batches, size, ...).

    ``batches`` is ``rows // size``; the ``rows % size`` rows at the end of the random order sit this epoch out, since
    a scan needs batches of one shape. Works inside ``jit`` with ``size`` static.

    Raises:
        ValueError: as ``iterate``, and if there are fewer than ``size`` rows, which leaves no full batch.
    """
    rows, size = _rows(data), _size(size)
    if size > rows:
        raise ValueError(f"size is {size}, but data has {rows} rows, so there is no full batch: take size <= {rows}")
    batches = rows // size
    order = jax.random.permutation(key, rows)[: batches * size].reshape(batches, size)
    return jax.tree.map(lambda leaf: jnp.asarray(leaf)[order], data)


def _rows(data) -> int:
    """The number of rows that all leaves of ``data`` share."""
    shapes = [jnp.shape(leaf) for leaf in jax.tree.leaves(data)]
    if not shapes or () in shapes or len({shape[0] for shape in shapes}) > 1:
        raise ValueError(f"data has leaves of shapes {shapes}; expected arrays that share their first axis, the rows")
    return shapes[0][0]


def _size(size) -> int:
    """``size`` as an int, if it is one and at least 1."""
    try:
        whole = index(size)
    except TypeError:
        raise TypeError(f"size is {size!r}; expected a whole number of rows") from None
    if whole < 1:
        raise ValueError(f"size is {whole}; a batch needs at least 1 row")
    return whole
