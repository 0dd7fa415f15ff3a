"""Bad input is refused by name: what was given, what was expected, what to do.

``TypeError`` is for a wrong kind of thing, ``ValueError`` for a wrong value.
"""

from numbers import Integral

import jax
import jax.numpy as jnp
import numpy as np

EXPECTED = {(0,): "a number", (1,): "(n,) numbers", (0, 1): "a number or (assets,)", (2,): "(assets, assets)"}

# What jax's errors mean that a function raises which can't be traced, by the name of their type.
ADVICE = {
    "TracerBoolConversionError": "a Python `if`, `while`, `and` or `or` asks for a value that is only traced",
    "TracerIntegerConversionError": "a traced value stands where Python needs an integer, as in `range` or an index",
    "TracerArrayConversionError": "a NumPy function got a traced value; use the one from jax.numpy",
    "ConcretizationTypeError": "a traced value stands where Python needs a number: a shape, `float`, `int`, a function of `math` (use jax.numpy's)",
    "NonConcreteBooleanIndexError": "a mask as an index gives a shape that depends on values; use jnp.where",
    "UnexpectedTracerError": "a traced value was kept from an earlier call; return it instead of storing it",
}


def traced(value) -> bool:
    """Whether ``value`` stands for an array that isn't known yet, as it does under ``jit``, ``vmap`` and ``grad``."""
    return isinstance(value, jax.core.Tracer)


def number(name: str, value, positive: bool = False, dimensions: tuple[int, ...] = (0, 1)) -> None:
    """Refuse ``value`` unless it is a finite number (or array of numbers) of one of these ``dimensions``.

    Of a traced value, as under ``jit``, ``vmap`` or ``grad``, the shape alone is known, and looked at.

    Raises:
        TypeError: if it isn't numeric.
        ValueError: if it is not finite, not positive where it must be, empty, or has other dimensions.
    """
    expected = EXPECTED[dimensions]
    if any(map(traced, jax.tree.leaves(value))):
        if jnp.ndim(jnp.asarray(value)) not in dimensions:
            raise ValueError(f"{name} has shape {jnp.shape(jnp.asarray(value))}; expected {expected}")
        return
    if isinstance(value, (str, bytes, bool)) or value is None:
        raise TypeError(f"{name} is {value!r}; expected {expected}")
    try:
        array = np.asarray(value)
    except Exception:  # ragged lists raise a ValueError that names nothing
        raise TypeError(f"{name} is {value!r}; expected {expected}") from None
    if array.dtype == object and all(type(item) in (int, float) for item in array.flat):  # an integer too long
        array = np.asarray(np.clip(array, -1e300, 1e300), float)
    if array.dtype.kind not in "iuf" and array.dtype.name != "bfloat16":
        raise TypeError(f"{name} is {value!r}, of dtype {array.dtype}; expected {expected}, real")
    if array.ndim not in dimensions or array.size == 0:
        raise ValueError(f"{name} has shape {array.shape}; expected {expected}")
    with np.errstate(over="ignore"):
        array = array.astype(jnp.zeros(()).dtype)  # float32, in which 1e300 is infinite and 1e-300 is 0
    if not np.isfinite(array).all():
        raise ValueError(f"{name} is {value!r}; expected finite numbers, in {array.dtype}")
    if positive and not (array > 0).all():
        raise ValueError(f"{name} is {value!r}; expected positive numbers")


def whole_number(name: str, value, at_least: int) -> None:
    """Refuse ``value`` unless it is an integer of at least ``at_least``: ``TypeError`` or ``ValueError``."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} is {value!r}; expected a whole number of at least {at_least}")
    if value < at_least:
        raise ValueError(f"{name} is {value}; expected at least {at_least}")


def functions(name: str, thing, names: tuple[str, ...], example: str) -> None:
    """Refuse what lacks one of these functions; a class does too, whose functions wait for their self."""
    if isinstance(thing, type) or not all(callable(getattr(thing, function, None)) for function in names):
        raise TypeError(f"{name} is {thing!r}; expected one with functions {', '.join(names)}, such as {example}")
