"""Exercise checks: one printed line says whether an answer is right, and if not, what to look at.

A student meets one function, ``check("06.2", running_maximum)``. It runs the answer on fresh random arguments,
compares it with the course's solution, and prints one line: not attempted yet, not yet with a hint, or correct. It
raises nothing. A second, ``progress()``, shows what was passed so far, also before the kernel was restarted. A third,
``predict("06.a", guess)``, says whether the next cell will show what the student expects.

An author writes ``course_utils/checks/nb06.py`` with a list ``exercises`` of ``Exercise``; the number before the dot
says in which file a check looks. An answer is examined in stages, and the first that fails speaks:

1. *result*: what comes back must have the solution's tree structure, and each leaf its shape, dtype and values;
2. *jit*: the same, called through ``jax.jit`` (unless ``jit=False``);
3. *gradient*: the gradient of the result must be the solution's (if ``gradient`` names arguments);
4. *inspect*: whatever else the author looks at: a Python loop, a key used twice.

Then the answer is compared with the author's ``mistakes``. Those go through the same stages on the same arguments; one
that fails at the same stage with the same result (or the same exception) is what the student did, and its hint is
printed. If there is none, the hint says in general words what differs. Who asks again, and is still wrong, is shown the
smallest of some random arguments on which the answer is wrong, with what was expected and what came.
"""

import contextlib
import functools
import importlib
import itertools
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from course_utils.checks import counterexample
from course_utils.checks.compare import TOLERANCE, difference, kind
from course_utils.inputs import ADVICE
from course_utils.checks.inspectors import (
    calls_at_most,
    equations,
    keys_used_once,
    largest_array,
    must_use,
    no_python_loop,
    primitives,
    takes_derivatives,
)
from course_utils.checks.predictions import Prediction, judge
from course_utils.checks.reading import arrays_from_outside, has_bare_part, is_bare, left_unfinished
from course_utils.checks.record import progress, remember

__all__ = [
    "Exercise", "Mistake", "Prediction", "check", "predict", "progress", "find", "assess", "difference", "draws_from", "TOLERANCE",
    "calls_at_most", "equations", "keys_used_once", "largest_array", "must_use", "no_python_loop", "primitives",
]  # fmt: skip

@dataclass(frozen=True)
class Mistake:
    """A typical wrong answer, and the one hint aimed at it (a clause in lower case, without a full stop)."""

    answer: Any
    hint: str


def one_by_one(*parts):
    """A ``Mistake`` for each tuple with wrong parts in it, hinting at the first one: a part is its right value, then pairs (wrong value, hint)."""
    choices = [[(right, None), *wrong] for right, *wrong in parts]
    answers = [tuple(zip(*choice)) for choice in itertools.product(*choices)]
    return [Mistake(values, next(filter(None, hints))) for values, hints in answers if any(hints)]


@dataclass(frozen=True, eq=False)
class Exercise:
    """What is asked, and how an answer is examined.

    Attributes:
        name: as in the check cell, "06.2".
        solution: a function, or for ``answer = ...`` exercises a value (a number, string, array, or tree of them).
        inputs: ``key -> tuple of arguments``, called with a new key for each draw, and again for each call. The
            arguments may be anything: arrays, trees, keys, Python numbers, functions. None if the answer is a value.
        mistakes: at least two.
        jit: whether the answer must also work under ``jax.jit``.
        static: positions of the arguments that ``jit`` must not trace (Python integers, functions, strings).
        gradient: position or positions of float arguments; the gradient with respect to them is compared as well.
        tolerance: relative error allowed, instead of the dtype's in ``TOLERANCE``.
        inspect: ``(function, arguments) -> hint or None``, asked when all else is right.
        call: how a result is had from an answer that is not simply called with the arguments: a class, or a function
            that returns a function. ``call(answer, *arguments)`` takes its place at every stage.
        draws: how many random arguments are tried.
    """

    name: str
    solution: Any
    inputs: Callable | None = None
    mistakes: Sequence[Mistake] = ()
    jit: bool = True
    static: tuple[int, ...] = ()
    gradient: int | tuple[int, ...] | None = None
    tolerance: float | None = None
    inspect: Callable | None = None
    call: Callable = lambda answer, *arguments: answer(*arguments)
    draws: int = 3


class Verdict(NamedTuple):
    state: str  # "correct", "not yet" or "not attempted yet"
    hint: str = ""


class Raised(NamedTuple):
    """An exception, as two strings: equal for equal mistakes, and all of it that a student is shown."""

    kind: str
    message: str

    def __str__(self):
        text = self.message if len(self.message) <= 110 else self.message[:107] + "..."
        return f"{self.kind}: {ADVICE.get(self.kind, text)}".rstrip(":. ")


class Finding(NamedTuple):
    """What is wrong with an answer on one draw: where, the evidence (a result or ``Raised``), and general words."""

    stage: str
    evidence: Any
    words: str


class CourseError(Exception):
    """The exercise itself is wrong: its name is unknown, or its solution raises."""


wrong_before: set[str] = set()  # exercises whose last check in this kernel said "not yet"


def check(name: str, answer, seed: int | None = None) -> None:
    """Print one line about a student's ``answer`` to exercise ``name``, and a counterexample the second time; raise nothing."""
    try:
        verdict = assess(find(name), answer, seed)
    except KeyboardInterrupt:
        verdict = Verdict("not yet", "the check was interrupted before your answer had finished")
    except Exception as error:  # the course's mistake, not the student's; the tests call `assess`, and see it raised
        verdict = Verdict("cannot be checked", str(error) if isinstance(error, CourseError) else repr(error))
    hint = verdict.hint if verdict.hint.endswith((".", "?")) or not verdict.hint else verdict.hint + "."
    print(f"{name} {verdict.state}: {hint}" if hint else f"{name} {verdict.state}.")
    if verdict.state == "not yet" and name in wrong_before:
        with contextlib.suppress(Exception):  # it is a help, and must not stand in the way
            print("".join(f"{line}\n" for line in example(find(name), answer, seed)), end="")
    (wrong_before.add if verdict.state == "not yet" else wrong_before.discard)(name)
    if verdict.state == "correct":
        cells = sys._getframe(1).f_globals.get("In")  # IPython's list of the cells run so far, this one the last
        remember(name, cells[-1] if cells else "")


def predict(name: str, guess) -> None:
    """Print one line about what a student expects of the next cell; raise nothing."""
    try:
        print(judge(_named(name, "predictions"), guess))
    except Exception as error:
        print(f"{name} cannot be checked: {error if isinstance(error, CourseError) else repr(error)}")


def example(exercise: Exercise, answer, seed: int | None = None, draws: int = 8) -> list[str]:
    """The lines of a counterexample to ``answer``; none if its values are right, or no function is asked for."""
    if exercise.inputs is None or not callable(answer):
        return []
    cases = []
    for key in jax.random.split(jax.random.key(int.from_bytes(os.urandom(4)) >> 1 if seed is None else seed), draws):
        expected, got = (_attempt(functools.partial(exercise.call, one), exercise.inputs(key)) for one in (exercise.solution, answer))
        if _compared(got, expected, exercise.tolerance):
            cases.append((exercise.inputs(key), expected, f"raises {got}" if isinstance(got, Raised) else got))
    found = counterexample.smallest(cases)
    if found is None:
        return []
    names = counterexample.named(exercise.solution, found[0])
    return ["On these arguments it is wrong:", *counterexample.lines(names, *found)]


def draws_from(key) -> np.random.Generator:
    """NumPy's generator seeded by ``key``, for ``inputs``: its draws compile nothing, so a check takes less time."""
    return np.random.default_rng(np.asarray(jax.random.key_data(key)))


def find(name: str) -> Exercise:
    """The exercise called ``name``. Raises ``CourseError`` if there is none."""
    return _named(name, "exercises")


def _named(name: str, kind: str):
    number = str(name).split(".")[0]
    try:
        listed = getattr(importlib.import_module(f"{__name__}.nb{number}"), kind)
        return next(entry for entry in listed if entry.name == name)
    except (ModuleNotFoundError, AttributeError, StopIteration):
        one = kind.removesuffix("s")
        raise CourseError(f"the course has no {one} of this name; was the cell edited?") from None


class About(NamedTuple):
    """What there is to know of an answer without calling it."""

    function: bool
    kind: str  # in a few words
    bare: bool  # an untouched skeleton
    bare_part: bool  # code around a `...`
    outside: Sequence[str]  # names of the notebook's arrays that it reads


class Here:
    """An answer in this process. Of one in another process a grader has the same three methods."""

    def __init__(self, exercise: Exercise, answer, ways: "_Ways | None" = None):
        self.exercise, self.answer = exercise, answer
        self.ways = None if exercise.inputs is None else ways or _ways(exercise, answer)

    def about(self) -> About:
        answer = self.answer
        bare = answer is ... or is_bare(answer)
        return About(callable(answer), kind(answer), bare, has_bare_part(answer), arrays_from_outside(answer))

    def result(self, way: str, key):
        """What it gives in one of the ``_Ways``, or ``Raised``; arguments are made anew for each call, which may change them."""
        if self.exercise.inputs is None:
            return self.answer
        return _attempt(getattr(self.ways, way), self.exercise.inputs(key))

    def inspected(self, key):
        """The author's hint, None if there is nothing to say, or ``Raised``."""
        return _attempt(self.exercise.inspect, (self.ways.plain, self.exercise.inputs(key)))


def _ours(exercise: Exercise, answer) -> Here:
    """One of the course's own answers, which is the same each time."""
    return Here(exercise, answer, exercise.inputs and _ways_once(exercise, answer))


def assess(exercise: Exercise, answer, seed: int | None = None) -> Verdict:
    """Examine ``answer`` on ``exercise.draws`` random arguments: new ones each time, or those of ``seed``."""
    return examine(exercise, Here(exercise, answer), seed)


def examine(exercise: Exercise, theirs, seed: int | None = None, ours: Callable = _ours) -> Verdict:
    """``assess`` an answer wherever it is: ``theirs`` has the methods of ``Here``, ``ours`` makes such of the course's answers."""
    about = theirs.about()
    untouched = Verdict("not attempted yet", "replace the ... in the cell above, run it, then run this one")
    if about.bare:
        return untouched
    if exercise.inputs is not None and not about.function:
        return Verdict("not yet", f"a function is asked for, and this is {about.kind}")
    key = jax.random.key(int.from_bytes(os.urandom(4)) >> 1 if seed is None else seed)
    keys = list(jax.random.split(key, exercise.draws)) if exercise.inputs is not None else [None]
    expected = _expected(exercise, ours(exercise, exercise.solution), keys)
    findings = list(_findings(exercise, theirs, expected, keys))
    first = next((finding for finding in findings if finding), None)
    if first is None:
        return Verdict("correct")
    if about.bare_part or left_unfinished(first.evidence):
        return untouched
    for mistake in exercise.mistakes:
        pairs = zip(_findings(exercise, ours(exercise, mistake.answer), expected, keys), findings)
        if all(_same(finding, other, exercise.tolerance) for finding, other in pairs):
            return Verdict("not yet", mistake.hint)
    if about.outside:
        return Verdict("not yet", f"it uses `{about.outside[0]}` of the notebook; it should use its arguments alone")
    wrong = [finding for finding in findings if finding]
    other_values = first.stage == "result" and first.words.endswith("not right")
    if other_values and len(wrong) > 1 and all(_same(first, other, None) for other in wrong):
        return Verdict("not yet", "it gives the same result for every input")
    sometimes = "right for some inputs, but for others " if None in findings else ""
    return Verdict("not yet", sometimes + first.words)


def _expected(exercise: Exercise, solution, keys) -> Callable:
    """``(way, draw) -> what the solution gives``, computed when it is first asked for."""

    @functools.cache
    def expected(way: str, draw: int):
        result = solution.result(way, keys[draw])
        if isinstance(result, Raised):
            raise CourseError(f"the course's own solution raises {result}; please tell whoever teaches it")
        return result

    return expected


def _findings(exercise: Exercise, answer, expected: Callable, keys) -> Iterator[Finding | None]:
    """What is wrong with ``answer``, one finding per key, and only as they are asked for."""

    def finding(draw):
        result = answer.result("compiled", keys[draw])
        found = _compared(result, expected("compiled", draw), exercise.tolerance)
        if exercise.inputs is None:
            return found
        if found and exercise.jit and isinstance(result, Raised):
            plain = _compared(answer.result("plain", keys[draw]), expected("compiled", draw), exercise.tolerance)
            return plain or Finding("jit", result, f"right as it is, but under jax.jit {found.words}")
        if not found and exercise.gradient is not None:
            found = _compared(answer.result("gradient", keys[draw]), expected("gradient", draw), exercise.tolerance)
            found = found and found._replace(stage="gradient", words=f"the value is right, but in its gradient {found.words}")
        if not found and exercise.inspect is not None:
            hint = answer.inspected(keys[draw])
            found = hint and Finding("inspect", hint, f"it raises {hint}" if isinstance(hint, Raised) else hint)
        return found

    return map(finding, range(len(keys)))


class _Ways(NamedTuple):
    """The functions that are run to examine an answer. Under jit, one that works is compiled once, not step by step."""

    plain: Callable
    compiled: Callable
    gradient: Callable


def _ways(exercise: Exercise, answer) -> _Ways:
    plain = functools.partial(exercise.call, answer)
    compile_it = functools.partial(jax.jit, static_argnums=exercise.static) if exercise.jit else lambda f: f
    gradient = plain if exercise.gradient is None else compile_it(_gradient(plain, exercise.gradient))
    return _Ways(plain, compile_it(plain), gradient)


_ways_once = functools.cache(_ways)  # for the course's own answers; a student's may mean another thing the next time


def _attempt(function: Callable, arguments: tuple = ()):
    """The result of ``function(*arguments)``, or ``Raised``. What it prints goes nowhere."""
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        try:
            result = jax.block_until_ready(function(*arguments))
            jax.effects_barrier()  # jax.debug.print is quiet too
            return result
        except (Exception, SystemExit) as error:
            return Raised(type(error).__name__, (str(error).strip().splitlines() or [""])[0])


def _gradient(function: Callable, argnums):
    """Gradient of a weighted sum of all that ``function`` returns; the weights differ, so no two errors cancel."""

    def total(*arguments):
        leaves = [jnp.asarray(leaf) for leaf in jax.tree.leaves(function(*arguments))]
        floats = [leaf for leaf in leaves if jnp.issubdtype(leaf.dtype, jnp.floating)]
        return sum(jnp.sum(leaf * jnp.cos(1.0 + jnp.arange(leaf.size)).reshape(leaf.shape)) for leaf in floats)

    return jax.grad(total, argnums)


def _compared(got, want, tolerance) -> Finding | None:
    words = f"it raises {got}" if isinstance(got, Raised) else difference(got, want, tolerance)
    return Finding("result", got, words) if words else None


def _same(one: Finding | None, other: Finding | None, tolerance) -> bool:
    """Whether two answers did the same on one draw."""
    if one is None or other is None:
        return one is other
    return one.stage == other.stage and not difference(one.evidence, other.evidence, tolerance)
