"""Exercises of notebook 01: arrays and devices."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from course_utils.checks import Exercise, Mistake, Prediction, draws_from, one_by_one


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


def _numbers_in_bins(key):
    """Ten thousand numbers, more in the middle than at the ends, and a few below 0 and above 1."""
    rng = draws_from(key)
    bins = int(rng.integers(6, 8))  # the fullest bin holds more than 2048
    place = np.floor(rng.normal(bins / 2, bins / 4, size=10_000))  # (n,): negative ones too, and some from `bins` on
    inside = rng.uniform(0.05, 0.95, size=10_000)  # no number on the edge of a bin, where rounding decides
    return jnp.asarray((place + inside) / bins, jnp.float32), bins


def _histogram(x, bins, whole=jnp.floor, from_the_end=False, dtype=jnp.int32, at_last=None):
    index = whole(x * bins).astype(int)
    index = index if from_the_end else jnp.where(index < 0, bins, index)
    counts = jnp.zeros(bins, dtype).at[index].add(1)
    return counts if at_last is None else counts.astype(at_last)


# What those read who have left one of the three slips in the program of exercise 01.4.
FROM_THE_END = "the last bins count too much: some indices are negative, and those count from the end"
CUT_OFF = "bin 0 counts too much: what does astype(int) make of -0.5?"
FULL = "the large counts are too small: from which number on does a float16 no longer change when 1 is added?"
FLOATS = "the counts are right, but they are floats; int32 is asked for"
KINDS = ((jnp.float16, None), (jnp.float16, jnp.int32), (jnp.float32, None), (jnp.int32, None))


def _left_in():
    """Every mixture of the slips: of several, the hint is about the first."""
    for from_the_end in (True, False):
        for cut_off in (True, False):
            for dtype, at_last in KINDS:
                hint = FROM_THE_END if from_the_end else CUT_OFF if cut_off else FULL if dtype == jnp.float16 else FLOATS
                slips = dict(whole=jnp.trunc if cut_off else jnp.floor, from_the_end=from_the_end, dtype=dtype, at_last=at_last)
                untouched = from_the_end and cut_off and (dtype, at_last) == KINDS[0]
                if untouched:
                    hint = "that is the program as it was; try it on a few numbers below 0, and on three thousand equal ones"
                if from_the_end or cut_off or dtype != jnp.int32:
                    yield Mistake(functools.partial(_histogram, **slips), hint)


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
            Mistake(lambda x: jnp.pad(x, 1), "that puts a zero in front and one behind; the ends themselves are to be 0"),
            Mistake(lambda x: x.at[-1].set(0), "the first element is still there"),
            Mistake(lambda x: x.at[0, -1].set(0), "x[0, -1] is one element of a matrix; for two elements of a vector write jnp.array([0, -1])"),
            Mistake(lambda x: jnp.zeros_like(x).at[1:-1].set(x), "x is longer than the middle it is written to; give the middle of x: x[1:-1]"),
            Mistake(lambda x: jnp.concatenate([0, x[1:-1], 0]), "concatenate joins arrays, and 0 is a number; or set the ends with .at"),
            Mistake(lambda x: x.at[0].set(jnp.nan).at[-1].set(jnp.nan), "the ends are to be 0, not NaN"),
        ],
    ),
    Exercise(
        "01.2",
        solution=(8, 10, "float32"),
        mistakes=one_by_one(
            (
                8,
                (4, "x[7] is read outside the array, so it is clamped to the last element"),
                (5, "x[-1] is the last element; and x[7] is read outside the array, so its index is clamped"),
                (6, "the index doesn't start again from 0; reading outside the array clamps it"),
                (11, "7 is an index, and x has no element that is 7; reading outside the array clamps the index"),
                ("error", "in the first, nothing is raised: a number comes back"),
                ("nan", "in the first, nothing is filled in, and integers have no NaN; the index is clamped"),
            ),
            (
                10,
                (110, "writing at index 7 of 5 is dropped, not appended"),
                (106, "reading outside the array is clamped, but writing there is dropped"),
                (100, "the sum is over all five elements; and what happens to a value written outside?"),
                ("error", "in the second, nothing is raised: what is written outside is dropped"),
            ),
            (
                "float32",
                ("float64", "the first two are right; JAX computes in 32 bits unless told otherwise"),
                (jnp.float32, 'the first two are right; the third is asked for as a string, such as "int8"'),
                ("float", "the first two are right; give the number of bits as well"),
                ("int32", "the first two are right; a Python float turns integers into floats"),
                ("float16", "the first two are right; half precision is never chosen unless you ask for it"),
                ("weak float", "the first two are right; the third is a dtype's name, and x has a dtype for 0.5 to adapt to"),
            ),
        ),
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
            Mistake(lambda x: jnp.sqrt(jnp.mean(x.astype(jnp.float32) ** 2)), "that is the root of the mean of the squares; the norm has their sum"),
            Mistake(lambda x: jnp.sum(jnp.abs(x.astype(jnp.float32))), "the square is taken of each element, and the root of the sum: not of each element"),
            Mistake(lambda x: jnp.sqrt(jnp.sum(x.astype(jnp.float32))), "the elements are not squared before they are added"),
            Mistake(lambda x: np.sqrt(np.sum(np.float64(x) ** 2)), "NumPy computed that in 64 bits; a float32 is asked for"),
        ],
    ),
    Exercise(
        "01.4",
        solution=lambda x, bins: _histogram(x, bins),
        inputs=_numbers_in_bins,
        jit=False,
        mistakes=[
            *_left_in(),
            Mistake(
                lambda x, bins: jnp.zeros(bins, jnp.int32).at[jnp.clip(jnp.floor(x * bins).astype(int), 0, bins - 1)].add(1),
                "numbers outside were counted in the first and last bin; they should not be counted",
            ),
            Mistake(
                lambda x, bins: jnp.zeros(bins, jnp.int32).at[jnp.maximum(jnp.floor(x * bins).astype(int), 0)].add(1),
                "numbers below 0 were counted in bin 0; they should not be counted",
            ),
            Mistake(
                lambda x, bins: jnp.zeros(bins, jnp.int32).at[jnp.abs(jnp.floor(x * bins).astype(int))].add(1),
                "a number below 0 was counted where its opposite belongs; it should not be counted",
            ),
            Mistake(
                lambda x, bins: jnp.zeros(bins, jnp.int32).at[jnp.abs(x * bins).astype(int)].add(1),
                "a number below 0 was counted where its opposite belongs; it should not be counted",
            ),
            Mistake(
                lambda x, bins: jnp.zeros(bins, jnp.int32).at[jnp.where(x < 0, bins, x * bins).astype(int)].set(1),
                "each bin that occurs has a 1; `add` counts repeated indices, `set` doesn't",
            ),
            Mistake(
                lambda x, bins: jnp.zeros(bins, jnp.int32).at[jnp.where(x < 0, -1, x * bins).astype(int)].add(1),
                "-1 is the last bin; an index that is dropped lies past the end",
            ),
            Mistake(
                lambda x, bins: jnp.zeros(bins, jnp.int32).at[jnp.where(x < 0, 0, x * bins).astype(int)].add(1),
                "numbers below 0 were counted in bin 0; they should not be counted",
            ),
            Mistake(
                lambda x, bins: jnp.zeros(bins, jnp.int32).at[jnp.round(x * bins).astype(int)].add(1),
                "each bin begins in the middle of where it should: round goes to the nearest integer",
            ),
            Mistake(
                lambda x, bins: jnp.histogram(x, bins)[0],
                "jnp.histogram chooses the range by itself, from the smallest number to the largest; here it goes from 0 to 1",
            ),
            Mistake(
                lambda x, bins: _histogram(x, bins) / len(x),
                "those are shares; the counts are asked for",
            ),
            Mistake(
                lambda x, bins: _histogram(x, bins, dtype=jnp.int8),
                "an int8 ends at 127, and wraps around",
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
