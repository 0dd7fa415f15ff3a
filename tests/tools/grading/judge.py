"""The verdict on an answer that runs elsewhere: the course's own check, on what came from there.

The arguments are drawn here, the course's solution and typical mistakes run here, and what the answer gave on the same
arguments comes as data. The student's code never runs in this process.
"""

import functools
import threading
from types import SimpleNamespace

import jax
import numpy as np

from course_utils import checks
from grading import data
from grading.isolation import Stopped

STATES = {"correct": "correct", "not yet": "wrong", "not attempted yet": "untouched", "cannot be checked": "error"}
OWN = "the course's"  # the state of an answer that is the course's own object
_one_at_a_time = threading.RLock()  # the course's answers, whose results are kept: two threads needn't compile one twice


class Late(Stopped):
    """The answer took too long, and its process goes on."""


class Elsewhere:
    """An answer that stands in another process: as ``checks.Here``, with ``ask`` in between."""

    def __init__(self, exercise: checks.Exercise, ask):
        """``ask(what, **request)`` gives a reply, or raises ``Stopped``."""
        self.exercise, self.own = exercise, False
        self.ask = lambda what, **request: ask(what, exercise=exercise.name, **request)

    def about(self) -> checks.About:
        reply = self.ask("about")
        self.own |= reply.get("own") is True
        said = reply.get("about", {})
        outside = [str(name)[:80] for name in said.get("outside", [])[:9]]
        return checks.About(bool(said["function"]), str(said["kind"])[:200], bool(said["bare"]), bool(said["bare_part"]), outside)

    def result(self, way: str, key):
        reply = self.ask("result", way=way, key=_numbers(key))
        self.own |= reply.get("own") is True
        return _told(reply)

    def inspected(self, key):
        """The inspector looks at the operations of the answer here, if that is all it looks at, and else over there."""
        if self.exercise.jit:
            reply = self.ask("traced", key=_numbers(key))
            if "equations" in reply:
                try:
                    stand_in = SimpleNamespace(traced_equations=[_equation(*equation) for equation in reply["equations"]])
                    return self.exercise.inspect(stand_in, self.exercise.inputs(key))
                except Exception:  # the inspector calls the answer, which isn't here, or wants to know more of an operation
                    pass
        found = _told(self.ask("inspected", key=_numbers(key)))
        return found if isinstance(found, checks.Raised) else str(found)[:300] if found else None


def _equation(name, params, sizes):
    made = [SimpleNamespace(aval=SimpleNamespace(size=int(size))) for size in sizes]
    return SimpleNamespace(primitive=SimpleNamespace(name=str(name)), params=dict(params), outvars=made)


def _numbers(key):
    return None if key is None else np.asarray(jax.random.key_data(key)).tolist()


def _told(reply: dict):
    if "raised" in reply:
        kind, message = reply["raised"]
        return checks.Raised(str(kind)[:100], str(message)[: data.LONGEST])
    return data.decode(reply["result"])


class _Ours:
    """One of the course's own answers; what it gave is kept, for the next student is asked the same."""

    def __init__(self, exercise, answer):
        self.here = checks._ours(exercise, answer)
        self.kept = {}

    def _once(self, what, key, way=None):
        place = what, way, str(_numbers(key))
        with _one_at_a_time:
            if place not in self.kept:
                found = getattr(self.here, what)(*([way] if way else []), key)
                plain = what == "inspected" or isinstance(found, checks.Raised)
                self.kept[place] = found if plain else data.decode(data.encode(found))
            return self.kept[place]

    def result(self, way, key):
        return self._once("result", key, way)

    def inspected(self, key):
        return self._once("inspected", key)


@functools.cache
def _ours_by_place(name: str, place: int):
    exercise = checks.find(name)
    return _Ours(exercise, exercise.solution if place < 0 else exercise.mistakes[place].answer)


def _ours(exercise, answer):
    if answer is exercise.solution:
        return _ours_by_place(exercise.name, -1)
    return _ours_by_place(exercise.name, next(i for i, mistake in enumerate(exercise.mistakes) if mistake.answer is answer))


def judge(name: str, seed: int, ask) -> tuple[str, str]:
    """State and hint of the answer to exercise ``name`` that the process behind ``ask`` has before it. Raises ``Stopped``."""
    exercise = checks.find(name)
    answer = Elsewhere(exercise, ask)
    try:
        verdict = checks.examine(exercise, answer, seed, _ours)
    except Stopped:
        raise
    except checks.CourseError as error:
        return "error", str(error)
    except Exception as error:  # whatever came isn't what is sent by a process in which all is well
        return "error", f"what came back can't be judged: {type(error).__name__}"
    if answer.own:
        return OWN, "the answer is the course's own code, or calls its solution"
    hint = verdict.hint if not verdict.hint or verdict.hint.endswith((".", "?")) else verdict.hint + "."
    return STATES[verdict.state], hint
