"""Exercises of notebook 01: arrays and devices."""

import jax
import jax.numpy as jnp

from course_utils.checks import Exercise, Mistake


def _vector(key):
    x = jax.random.normal(key, (8,))
    return (x if x[0] > 0 else x[:5],)


def _assigned(x):
    x[0] = 0
    x[-1] = 0
    return x


def _thrown_away(x):
    x.at[0].set(0).at[-1].set(0)
    return x


def _indices(key):
    indices = jax.random.randint(key, (60,), -3, 8)  # (60,), some on either side outside
    bins = 5 if indices[0] > 2 else 4
    return indices.at[:3].set(jnp.array([-1, bins, 0])), bins


def _histogram(indices, bins, outside=None, one=1):
    indices = jnp.where(indices < 0, bins, indices) if outside is None else outside(indices, bins)
    return jnp.zeros(bins, jnp.int32).at[indices].add(one)


exercises = [
    Exercise(
        "01.1",
        solution=lambda x: x.at[0].set(0).at[-1].set(0),
        inputs=_vector,
        mistakes=[
            Mistake(_assigned, "a JAX array cannot be assigned to; x.at[0].set(0) returns a new array"),
            Mistake(_thrown_away, "x comes back unchanged; .at[].set returns a new array, which must be kept"),
            Mistake(
                lambda x: x.at[0].set(0),
                "the last element is still there; its index is -1 (writing at len(x) is dropped)",
            ),
            Mistake(lambda x: x.at[1:-1].set(0), "the ends are to be 0, and all between them kept"),
            Mistake(lambda x: x[1:-1], "the ends are to be set to 0, not cut off"),
        ],
    ),
    Exercise(
        "01.2",
        solution=(8, 10, "float32"),
        mistakes=[
            Mistake((4, 10, "float32"), "x[7] is read outside the array, so it is clamped to the last element"),
            Mistake((8, 110, "float32"), "writing at index 7 of 5 is dropped, not appended"),
            Mistake((8, 106, "float32"), "reading outside the array is clamped, but writing there is dropped"),
            Mistake((8, 10, "float64"), "the first two are right; JAX computes in 32 bits unless told otherwise"),
            Mistake((8, 10, jnp.float32), 'the first two are right; the third is asked for as a string, such as "int8"'),
            Mistake((8, 10, "int32"), "the first two are right; a Python float turns integers into floats"),
        ],
    ),
    Exercise(
        "01.3",
        solution=lambda x: jnp.sqrt(jnp.sum(x.astype(jnp.float32) ** 2)),
        inputs=lambda key: (jax.random.uniform(key, (50,), minval=300.0, maxval=500.0).astype(jnp.float16),),
        tolerance=1e-3,
        mistakes=[
            Mistake(
                lambda x: jnp.sqrt(jnp.sum(x**2)),
                "it is infinite: the squares overflow float16; use astype before squaring",
            ),
            Mistake(
                lambda x: jnp.sqrt(jnp.sum(x**2)).astype(jnp.float32),
                "it is infinite: astype comes too late, the squares have already overflowed float16",
            ),
            Mistake(
                lambda x: jnp.sqrt(jnp.sum(x.astype(jnp.float32) ** 2)).astype(jnp.float16),
                "the value is right, but the result should stay float32",
            ),
            Mistake(
                lambda x: jnp.sum(x.astype(jnp.float32) ** 2), "that is the square of the norm; the root is missing"
            ),
        ],
    ),
    Exercise(
        "01.4",
        solution=_histogram,
        inputs=_indices,
        static=(1,),
        mistakes=[
            Mistake(
                lambda indices, bins: _histogram(indices, bins, lambda i, _: i),
                "negative indices were counted from the end; send them to an index that is dropped",
            ),
            Mistake(
                lambda indices, bins: jnp.zeros(bins, jnp.int32).at[jnp.where(indices < 0, bins, indices)].set(1),
                "each bin that occurs has a 1; `add` counts repeated indices, `set` doesn't",
            ),
            Mistake(
                lambda indices, bins: jnp.zeros(bins).at[jnp.where(indices < 0, bins, indices)].add(1),
                "the counts are floats; give zeros the dtype int32",
            ),
            Mistake(
                lambda indices, bins: _histogram(indices, bins, lambda i, bins: jnp.clip(i, 0, bins - 1)),
                "indices outside were counted in the first and last bin; they should not be counted",
            ),
            Mistake(
                lambda indices, bins: _histogram(indices, bins, lambda i, bins: jnp.maximum(i, 0)),
                "negative indices were counted in bin 0; they should not be counted",
            ),
            Mistake(
                lambda indices, bins: _histogram(indices[(indices >= 0) & (indices < bins)], bins, lambda i, _: i),
                "right, but selecting with a mask gives a shape that depends on values, so jit can't; use jnp.where",
            ),
        ],
    ),
]
