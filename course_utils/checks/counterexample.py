"""The smallest arguments, of some that are drawn, on which an answer is wrong: what it was called with, what was expected, what came."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np

WIDTH = 100  # characters of a line; the rest of a value is left out
NUMBERS = 12  # of an array that is printed whole


def smallest(cases) -> tuple | None:
    """Of ``cases``, each (arguments, expected, got), that with the fewest numbers in its arguments; None if there are none."""
    count = lambda case: sum(np.size(leaf) for leaf in jax.tree.leaves(case[0]) if not callable(leaf) and not is_key(leaf))
    return min(cases, key=count, default=None)


def lines(names, arguments, expected, got) -> list[str]:
    """What a student reads: one line for each argument, named as in the exercise, then what was expected and what came."""
    said = {f"{name} =": short(value) for name, value in zip(names, arguments)}
    if place := where_they_differ(expected, got):
        expected, got = (f"{value.dtype}{value.shape}, at {list(place)} it is {written(value[place])}" for value in map(np.asarray, (expected, got)))
    said |= {"expected": short(expected), "yours": short(got)}
    width = max(map(len, said))
    return [f"    {name:{width}s}  {value}" for name, value in said.items()]


def where_they_differ(expected, got) -> tuple[int, ...] | None:
    """Where two long arrays of one shape are farthest apart."""
    arrays = all(isinstance(value, jax.Array | np.ndarray) and not is_key(value) for value in (expected, got))
    if not arrays or expected.shape != got.shape or expected.size <= NUMBERS:
        return None
    apart = np.abs(np.nan_to_num(np.asarray(expected, float) - np.asarray(got, float), nan=np.inf))
    return tuple(int(place) for place in np.unravel_index(apart.argmax(), apart.shape))


def named(function, arguments) -> list[str]:
    """The names of the parameters of ``function``, or as many numbers."""
    try:
        names = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        names = []
    return names if len(names) == len(arguments) else [f"argument {place}" for place in range(1, len(arguments) + 1)]


def short(value) -> str:
    """``value`` on one line, shortened in the middle."""
    text = " ".join(written(value).split())
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 25]} … {text[-20:]}"


def written(value) -> str:
    if is_key(value):
        return "a key" if not value.shape else f"keys {value.shape}"
    if isinstance(value, jax.Array | np.ndarray | np.generic):
        array = np.asarray(value.astype(jnp.float32) if value.dtype == jnp.bfloat16 else value)
        if array.size > NUMBERS:
            return f"{array.dtype}{array.shape} {written(array.ravel()[:4])[:-1]}, …]"
        return np.array2string(array, separator=", ", formatter={"float_kind": lambda number: f"{number:.4g}"})
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {written(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list | tuple):
        inside = ", ".join(map(written, value))
        return f"[{inside}]" if isinstance(value, list) else f"({inside}{',' * (len(value) == 1)})"
    if isinstance(value, float):
        return f"{value:.5g}"
    if callable(value):
        return f"a function, {getattr(value, '__name__', type(value).__name__)}"
    return str(value)


def is_key(value) -> bool:
    return isinstance(value, jax.Array) and jnp.issubdtype(value.dtype, jax.dtypes.prng_key)
