"""Ready-made inspectors for the field ``inspect`` of an ``Exercise``: ``(function, arguments) -> hint or None``."""

import functools
from collections.abc import Callable

import jax
import numpy as np


def equations(function: Callable, arguments: tuple) -> list:
    """The operations of the traced ``function``, also those inside its loops and calls (jax calls them equations).

    Each stands there once per place in the program: a Python loop repeats it, ``vmap`` and ``scan`` don't.
    What stands for a function in another process has them as ``traced_equations``.
    """
    if hasattr(function, "traced_equations"):
        return function.traced_equations
    traced = (jax.Array, np.ndarray, float)
    static = [i for i, a in enumerate(arguments) if not all(isinstance(leaf, traced) for leaf in jax.tree.leaves(a))]
    found = []

    def walk(value):
        if hasattr(value, "eqns"):
            for equation in value.eqns:
                found.append(equation)
                walk(list(equation.params.values()))
        elif hasattr(value, "jaxpr"):
            walk(value.jaxpr)
        elif isinstance(value, (tuple, list)):
            for item in value:
                walk(item)

    walk(jax.make_jaxpr(function, static_argnums=static)(*arguments))
    return found


def primitives(function: Callable, arguments: tuple) -> list[str]:
    """The names of these operations: "add", "dot_general", "scan"."""
    return [equation.primitive.name for equation in equations(function, arguments)]


def largest_array(function: Callable, arguments: tuple) -> int:
    """The number of elements of the largest array that these operations make."""
    made = [variable for equation in equations(function, arguments) for variable in equation.outvars]
    return max((getattr(variable.aval, "size", 0) for variable in made), default=0)


def no_python_loop(hint: str, limit: int = 60) -> Callable:
    """An inspector: more than ``limit`` traced operations are a Python loop. Give more rows than that."""
    return lambda function, arguments: hint if len(primitives(function, arguments)) > limit else None


def must_use(*names: str, hint: str) -> Callable:
    """An inspector: one of the primitives ``names`` ("scan", "while", "cond") must be in the traced function."""
    return lambda function, arguments: None if set(names) & set(primitives(function, arguments)) else hint


def calls_at_most(limit: int, hint: str, position: int = 0) -> Callable:
    """An inspector: the function that is argument ``position`` may be called (or traced) ``limit`` times."""

    def inspector(function, arguments):
        calls = []

        @functools.wraps(arguments[position])
        def counted(*args, **kwargs):
            calls.append(1)
            return arguments[position](*args, **kwargs)

        function(*arguments[:position], counted, *arguments[position + 1 :])
        return hint if len(calls) > limit else None

    return inspector


def keys_used_once(hint: str = "a key is used twice: split it, and use each part once") -> Callable:
    """An inspector: no key may be drawn from or split twice (jax's own key-reuse checker)."""

    def inspector(function, arguments):
        try:
            with jax.debug_key_reuse(True):
                jax.jit(lambda *again: function(*again))(*arguments)  # traced anew
        except jax.errors.KeyReuseError:
            return hint

    return inspector


def takes_derivatives(hint: str) -> Callable:
    """An inspector: the function that is the first argument must be differentiated by JAX, and not by a small step."""

    def inspector(function, arguments):
        differentiated = []
        curve, *others = arguments
        watched = jax.custom_jvp(curve)

        @watched.defjvp
        def rule(points, tangents):
            differentiated.append(1)
            return jax.jvp(curve, points, tangents)

        function(watched, *others)
        return None if differentiated else hint

    return inspector
