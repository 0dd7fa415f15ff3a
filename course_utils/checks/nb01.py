"""Exercises of notebook 01: arrays and devices."""

import jax
import jax.numpy as jnp

from course_utils.checks import Exercise, Mistake, Prediction


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
        jit=False,
        mistakes=[
            Mistake(_assigned, "a JAX array cannot be assigned to; x.at[0].set(0) returns a new array"),
            Mistake(_thrown_away, "x comes back unchanged; .at[].set returns a new array, which must be kept"),
            Mistake(
                lambda x: x.at[0].set(0),
                "the last element is still there; its index is -1 (writing at len(x) is dropped)",
            ),
            Mistake(lambda x: x.at[1:-1].set(0), "the ends are to be 0, and all between them kept"),
            Mistake(lambda x: x.at[0:-1].set(0), "0:-1 is a slice: from the first element up to the last, which it leaves out"),
            Mistake(lambda x: x.at[[0, -1]].set(0), "JAX takes no list as an index; write jnp.array([0, -1]), or set one end after the other"),
            Mistake(lambda x: x.at[0].set(0.0).at[1].set(0.0), "the index of the last element is -1"),
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
            Mistake((8, 10, "float"), "the first two are right; give the number of bits as well"),
            Mistake((8, 10, "int32"), "the first two are right; a Python float turns integers into floats"),
        ],
    ),
    Exercise(
        "01.3",
        solution=lambda x: jnp.sqrt(jnp.sum(x.astype(jnp.float32) ** 2)),
        inputs=lambda key: (jax.random.uniform(key, (50,), minval=300.0, maxval=500.0).astype(jnp.float16),),
        jit=False,
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
        jit=False,
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
        ],
    ),
]

predictions = [
    Prediction(
        "01.a",
        answer=("float32", "int32"),
        shown="jax:   float32 int32",
        slips=[
            (("float64", "int64"), "that is what NumPy would give"),
            (("float32", "float32"), "the second counts 0, 1, 2; does it need floats for that?"),
            (("float32", "int64"), "JAX treats integers as it treats floats"),
            (("int32", "int32"), "what does NumPy's ones give, an integer or a float?"),
        ],
    ),
    Prediction(
        "01.b",
        answer=(True, True),
        shown="True\nTrue\n",
        slips=[
            ((False, False), "neither sum is a float32; to which number is it rounded?"),
            ((True, False), "compare 1e-8 with the gap at 1, in the table above"),
            ((False, True), "how large is the gap at 2**24, and to which of its two ends is a number in the middle rounded?"),
        ],
    ),
    Prediction(
        "01.c",
        answer=(3, 0, 1, 0),
        shown="jax .at.add [3 0 1 0]",
        slips=[
            ((1, 0, 1, 0), "that is what NumPy's += leaves; JAX's add is said to differ"),
            ((0, 0, 0, 2), "those are the indices; the numbers say how often each place was added to"),
            ((3, 1, 0, 0), "which of the four places has the index 2?"),
        ],
    ),
    Prediction(
        "01.d",
        answer=4,
        shown="x[10]                4",
        slips=[
            (IndexError, "nothing is raised; a number comes back"),
            ("error", "nothing is raised; a number comes back"),
            (0, "the index doesn't start again from 0, and nothing is filled in"),
            (10, "the element is asked for, not its index; x ends long before"),
            ("nan", "x holds integers, and they have no NaN"),
        ],
    ),
    Prediction(
        "01.e",
        answer="infinite",
        shown="inf 300.0 300000.0",
        slips=[
            ("negative", "integers wrap around; floats have a value for what is too large"),
            ("right", "the sum has the dtype of the array, and 300,000 is beyond its range"),
            ("error", "as with integers and with indices, nothing is raised"),
        ],
    ),
]
