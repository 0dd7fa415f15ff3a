"""What the code of an answer gives away: a body that is still ``...``, arrays of the notebook that it reads."""

import dis
import inspect
import types

import jax
import numpy as np


def _codes(answer) -> list[types.CodeType]:
    """The code of a function and of those defined in it; of a class, its methods'."""
    functions = vars(answer).values() if isinstance(answer, type) else [answer]
    codes = [inspect.unwrap(f).__code__ for f in functions if hasattr(inspect.unwrap(f), "__code__")]
    for code in codes:  # the list grows while it is read
        codes += [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
    return codes


def _does_nothing(code: types.CodeType) -> bool:
    """Whether a function's body is ``...`` or ``pass``, with or without a docstring."""
    steps = [step for step in dis.get_instructions(code) if step.opname not in ("RESUME", "NOP", "COPY_FREE_VARS")]
    return all(
        step.opname == "RETURN_VALUE" or step.opname in ("LOAD_CONST", "RETURN_CONST") and step.argval in (None, ...)
        for step in steps
    )


def is_bare(answer) -> bool:
    """Whether an answer is an untouched skeleton: a bare function, or a class with a bare method."""
    codes = _codes(answer) if callable(answer) else []
    return any(map(_does_nothing, codes)) if isinstance(answer, type) else bool(codes) and _does_nothing(codes[0])


def has_bare_part(answer) -> bool:
    """Whether a function has a function in it that does nothing: a skeleton with code around its ``...``."""
    return callable(answer) and any(map(_does_nothing, _codes(answer)))


def left_unfinished(result) -> bool:
    """Whether a ``...`` came through into the ``result``, or into the message of what was raised."""
    return any(leaf is ... or isinstance(leaf, str) and "ellipsis" in leaf.lower() for leaf in jax.tree.leaves(result))


def arrays_from_outside(answer) -> list[str]:
    """Names of the notebook's arrays that a function reads."""
    if not callable(answer):
        return []
    variables = getattr(inspect.unwrap(answer), "__globals__", {})
    steps = (step for code in _codes(answer) for step in dis.get_instructions(code) if step.opname == "LOAD_GLOBAL")
    return sorted({step.argval for step in steps if isinstance(variables.get(step.argval), (np.ndarray, jax.Array))})
