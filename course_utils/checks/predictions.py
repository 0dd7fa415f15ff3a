"""Predictions: a student says what the next cell will show, and one printed line says whether it will."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a cell will show, asked before it runs.

    Attributes:
        name: as in the cell that asks, "04.a".
        answer: a number, a truth value, a word, a dtype, an error's class, or a tuple or list of these, such as a shape.
        shown: a piece of the stored output of the cell that follows, where the answer can be read; a test looks for it.
        slips: typical wrong guesses, each with a hint (a clause in lower case, without a full stop) that doesn't give the answer away.
        within: a number is right if it is off by at most this factor: 1 asks for the number itself, 2 for its size.
    """

    name: str
    answer: Any
    shown: str
    slips: Sequence[tuple[Any, str]]
    within: float = 1.0


def judge(prediction: Prediction, guess) -> str:
    """One line about a ``guess``."""
    if guess is ...:
        return f"{prediction.name} no prediction yet."
    if agrees(guess, prediction.answer, prediction.within):
        return f"{prediction.name} as you say. Run the next cell to see it."
    hint = next((f" {hint[0].upper()}{hint[1:]}{'' if hint.endswith('?') else '.'}" for slip, hint in prediction.slips if agrees(guess, slip)), "")
    return f"{prediction.name} not quite.{hint} Change your mind, or run the next cell and find out why."


def agrees(guess, answer, within: float = 1.0) -> bool:
    """Whether ``guess`` says what ``answer`` does, whichever way it is written: float32 by name or by type, a shape as tuple or list."""
    guess, answer = plain(guess), plain(answer)
    if isinstance(answer, tuple):
        return isinstance(guess, tuple) and len(guess) == len(answer) and all(agrees(*pair, within) for pair in zip(guess, answer))
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (guess, answer))
    if not numbers:
        return type(guess) is type(answer) and guess == answer
    if answer == 0 or within == 1.0:
        return abs(guess - answer) <= 1e-6 * abs(answer)
    return answer / within <= guess <= answer * within if answer > 0 else answer * within <= guess <= answer / within


def plain(value):
    """``value`` as a tuple, a Python number or a lower-case word."""
    if isinstance(value, str):
        return value.strip().casefold()
    if isinstance(value, tuple | list):
        return tuple(map(plain, value))
    if isinstance(value, type) and issubclass(value, Exception):
        return value.__name__.casefold()
    if isinstance(value, bool | int | float | complex) or value is None:
        return value
    if hasattr(value, "tolist"):  # an array, or one of its numbers
        return plain(value.tolist())
    try:
        return np.dtype(value).name  # jnp.float32, np.dtype("float32"), float
    except TypeError:
        return value
