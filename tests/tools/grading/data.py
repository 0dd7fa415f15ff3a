"""What crosses from a student's process to the grader: trees of numbers and words, as JSON. Nothing in it is ever run.

``encode`` makes JSON of a result, and ``decode`` a result of JSON. What is no plain data (a function, an object of the
student's) becomes a thing of its name: enough to compare, and to say what came instead of what was asked for. The course's
own results are compared after the same journey, so that two trees are equal after it if they were before.
"""

import base64
import functools
import re
from collections import namedtuple

import jax
import jax.numpy as jnp
import numpy as np

LONGEST = 10_000  # characters of a string, and of what is said about an object
DEEPEST = 60
KEYS = ("threefry2x32", "rbg", "unsafe_rbg")


class Unreadable(ValueError):
    """What came isn't what ``encode`` writes."""


def encode(value, depth: int = 0):
    """``value`` as JSON has it. Raises ``ValueError`` if it is nested too deeply."""
    if depth > DEEPEST:
        raise ValueError("the result is nested too deeply")
    inside = functools.partial(encode, depth=depth + 1)
    if value is None or value is True or value is False:
        return value
    if type(value) in (int, float):
        return value
    if type(value) is str:
        return value[:LONGEST]
    if value is ...:
        return {"is": "ellipsis"}
    if type(value) is complex:
        return {"is": "complex", "parts": [value.real, value.imag]}
    if isinstance(value, jax.Array) and jnp.issubdtype(value.dtype, jax.dtypes.prng_key):
        return {"is": "key", "kind": str(jax.random.key_impl(value)), "numbers": inside(jax.random.key_data(value))}
    if isinstance(value, (jax.Array, np.ndarray, np.generic)) and np.dtype(value.dtype).kind in "biufcV":
        array = np.ascontiguousarray(np.asarray(value))
        return {"is": "array", "dtype": array.dtype.name, "shape": np.shape(value), "bytes": base64.b64encode(array.tobytes()).decode()}
    if type(value) in (tuple, list):
        return {"is": type(value).__name__, "parts": [*map(inside, value)]}
    if type(value) is dict:
        return {"is": "dict", "names": [*map(inside, value)], "parts": [*map(inside, value.values())]}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return {"is": "named", "name": _name(type(value)), "names": list(value._fields), "parts": [*map(inside, value)]}
    if not jax.tree_util.all_leaves([value]):
        children, rest = jax.tree_util.default_registry.flatten_one_level(value)
        return {"is": "node", "name": _name(type(value)), "rest": _said(rest), "parts": [*map(inside, children)]}
    if callable(value):
        return {"is": "function", "name": str(getattr(value, "__name__", type(value).__name__))[:LONGEST]}
    return {"is": "object", "name": _name(type(value)), "rest": _said(value)}


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"[:LONGEST]


def _said(thing) -> str:
    """``repr`` without addresses, which are other ones in each process."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(thing))[:LONGEST]


def decode(value):
    """The result that ``value`` stands for. Raises ``Unreadable``, whatever is wrong with it."""
    try:
        return _decoded(value)
    except Exception as error:
        raise Unreadable(f"{type(error).__name__}: {error}"[:200]) from None


def _decoded(value):
    if value is None or type(value) in (bool, int, float, str):
        return value
    what = value["is"]
    if what == "ellipsis":
        return ...
    if what == "array":
        array = np.frombuffer(base64.b64decode(value["bytes"]), jnp.dtype(str(value["dtype"]))).reshape(value["shape"])
        if array.dtype.kind not in "biufcV" or array.dtype.hasobject:
            raise TypeError(f"no numbers: {array.dtype}")
        return array
    if what == "key":
        if value["kind"] not in KEYS:
            raise TypeError("no kind of key")
        return jax.random.wrap_key_data(jnp.asarray(_decoded(value["numbers"])), impl=value["kind"])
    if what == "function":
        return _function(str(value["name"]))
    if what == "object":
        return _thing(str(value["name"]))(str(value["rest"]), [])
    parts = [*map(_decoded, value["parts"])]
    if what == "complex":
        return complex(*parts)
    if what in ("tuple", "list"):
        return tuple(parts) if what == "tuple" else parts
    if what == "dict":
        return dict(zip(map(_decoded, value["names"]), parts, strict=True))
    if what == "named":
        return _named(str(value["name"]), tuple(map(str, value["names"])))(*parts)
    if what == "node":
        return _node(str(value["name"]))(str(value["rest"]), parts)
    raise KeyError(what)


@functools.cache
def _function(name: str):
    def elsewhere(*_):
        raise RuntimeError("this function is in another process")

    elsewhere.__name__ = name
    return elsewhere


@functools.cache
def _named(name: str, fields: tuple[str, ...]):
    kind = namedtuple("Named", [f"field_{place}" for place in range(len(fields))])
    kind.__name__ = name.rpartition(".")[2]
    kind.__module__, kind.called = name, fields
    return kind


class _Thing:
    """An object that is known by its name, what is said of it, and its parts."""

    def __init__(self, rest: str, parts: list):
        self.rest, self.parts = rest, parts

    def __eq__(self, other):
        return type(self) is type(other) and self.rest == other.rest

    def __hash__(self):
        return hash(self.rest)


@functools.cache
def _thing(name: str) -> type:
    return type(name.rpartition(".")[2], (_Thing,), {})


@functools.cache
def _node(name: str) -> type:
    kind = type(name.rpartition(".")[2], (_Thing,), {})
    jax.tree_util.register_pytree_node(kind, lambda node: (node.parts, node.rest), lambda rest, parts: kind(rest, list(parts)))
    return kind
