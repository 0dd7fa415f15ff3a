"""course_utils.batches: every row once, the order fixed by the key, and the same batches by both ways."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from course_utils import batches

SIZES = [1, 4, 5, 12, 20]  # of 12 rows: full batches only, a smaller last one, one of all rows, only a smaller one


def rows_and_squares(rows):
    """Two leaves whose rows belong together: row i is (i, i) and i squared."""
    i = jnp.arange(rows)
    return {"x": jnp.stack([i, i], axis=1), "y": i**2}  # (rows, 2), (rows,)


@pytest.mark.parametrize("size", SIZES)
def test_every_row_comes_once_and_leaves_stay_together(size, rows=12):
    all_batches = list(batches.iterate(jax.random.key(size), rows_and_squares(rows), size))
    assert [len(batch["y"]) for batch in all_batches] == [size] * (rows // size) + [rows % size] * (rows % size > 0)
    x = np.concatenate([batch["x"] for batch in all_batches])
    y = np.concatenate([batch["y"] for batch in all_batches])
    assert sorted(x[:, 0]) == list(range(rows))
    assert (x[:, 0] == x[:, 1]).all() and (x[:, 0] ** 2 == y).all()


@pytest.mark.parametrize("size", SIZES)
def test_stack_holds_the_full_batches_of_iterate(size, rows=12):
    key, data = jax.random.key(size), rows_and_squares(rows)
    if size > rows:
        with pytest.raises(ValueError, match="no full batch"):
            batches.stack(key, data, size)
        return
    stacked = batches.stack(key, data, size)
    assert stacked["x"].shape == (rows // size, size, 2)
    for number, batch in zip(range(rows // size), batches.iterate(key, data, size)):
        assert (stacked["x"][number] == batch["x"]).all() and (stacked["y"][number] == batch["y"]).all()


def test_order_is_fixed_by_the_key_alone():
    data = jnp.arange(12)
    first, again, other = (np.concatenate(list(batches.iterate(jax.random.key(s), data, 5))) for s in (1, 1, 2))
    assert (first == again).all() and (first != other).any() and (first != np.arange(12)).any()


def test_stack_under_jit_and_vmap_over_keys():
    data = rows_and_squares(12)
    keys = jax.random.split(jax.random.key(0), 3)
    mapped = jax.jit(jax.vmap(lambda key: batches.stack(key, data, 5)))(keys)
    assert mapped["x"].shape == (3, 2, 5, 2)
    assert (mapped["y"][1] == batches.stack(keys[1], data, 5)["y"]).all()


def test_iterator_is_good_for_one_pass():
    loader = batches.iterate(jax.random.key(0), jnp.arange(12), 6)
    assert len(list(loader)) == 2 and len(list(loader)) == 0


def test_numpy_data_keep_dtype_and_become_jax_arrays():
    (x, y), *_ = batches.iterate(jax.random.key(0), (np.ones((12, 2), np.float32), np.arange(12, dtype=np.uint8)), 5)
    assert isinstance(x, jax.Array) and x.dtype == jnp.float32 and y.dtype == jnp.uint8


@pytest.mark.parametrize("function", [batches.iterate, batches.stack])
@pytest.mark.parametrize(
    "data, size, error, words",
    [
        ((np.ones(4), np.ones(5)), 2, ValueError, r"\(4,\), \(5,\)"),
        ((), 2, ValueError, "share their first axis"),
        ((np.ones(4), 1.0), 2, ValueError, r"\(4,\), \(\)"),
        (np.ones(4), 0, ValueError, "size is 0"),
        (np.ones(4), -3, ValueError, "size is -3"),
        (np.ones(4), 2.0, TypeError, "size is 2.0"),
        (np.ones(4), "2", TypeError, "size is '2'"),
    ],
)
def test_bad_input_is_named_at_the_call(function, data, size, error, words):
    with pytest.raises(error, match=words):
        function(jax.random.key(0), data, size)
