"""The exercise checks: the engine on made-up exercises, then every exercise of the course."""

import importlib
import json
import pkgutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from course_utils import checks
from course_utils.checks.predictions import agrees, judge
from course_utils.checks import Exercise, Mistake, assess

CUMMAX = Exercise(
    "99.1",
    solution=lambda x: jax.lax.cummax(x),
    inputs=lambda key: (jax.random.normal(key, (7,)),),
    gradient=0,
    mistakes=[
        Mistake(lambda x: jnp.max(x), "the maximum of all"),
        Mistake(lambda x: jax.lax.stop_gradient(jax.lax.cummax(x)), "no gradient"),
        Mistake(lambda x: jax.lax.cummax(x) if x[0] > -99 else x, "an if"),
        Mistake(lambda x: jax.lax.cummax(x, reverse=True), "from the wrong end"),
    ],
)
NUMBERS = jnp.zeros(7)


def skeleton(x): ...


def skeleton_with_docstring(x):
    """The running maximum of ``x``: (n,) -> (n,)."""
    ...


@jax.jit
def jitted_skeleton(x): ...


def skeleton_within(x):
    def step(largest, x): ...

    return jax.lax.scan(step, -jnp.inf, x)[1]


def forgot_return(x):
    jax.lax.cummax(x)


def prints(x):
    print("a", "lot" * 1000)
    jax.debug.print("more {}", x)
    return jax.lax.cummax(x)


def changes_its_argument(tree):
    tree["a"] = tree.pop("b")
    return tree["a"]


@pytest.mark.parametrize(
    "answer", [skeleton, skeleton_with_docstring, jitted_skeleton, skeleton_within, ..., lambda x: ...]
)
def test_skeletons_are_not_attempted(answer):
    assert assess(CUMMAX, answer).state == "not attempted yet"


@pytest.mark.parametrize(
    "answer", [jax.lax.cummax, jax.jit(jax.lax.cummax), prints, lambda x: jax.lax.associative_scan(jnp.maximum, x)]
)
def test_right_answers_are_correct(answer, capfd):
    assert assess(CUMMAX, answer) == ("correct", "")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    "answer, hint",
    [
        (lambda x: -jax.lax.cummax(x), "the sign is the wrong way round"),
        (lambda x: jax.lax.cummax(x)[::-1], "the right values come in the reverse order"),
        (lambda x: jax.lax.cummax(x)[1:], "the shape should be (7,), and yours is (6,)"),
        (lambda x: jax.lax.cummax(x).astype("bfloat16"), "the dtype should be float32, and yours is bfloat16"),
        (
            lambda x: np.maximum.accumulate(np.asarray(x, "float64")),
            "the dtype should be float32, and yours is float64",
        ),
        (
            lambda x: [jax.lax.cummax(x)],
            "the result should be an array of shape (7,) and dtype float32, and yours is a list of 1",
        ),
        (lambda x: x * jnp.nan, "there is NaN where there should be a number"),
        (lambda x: x - 1, "the values are not right"),
        (lambda x: 0 * x, "it gives the same result for every input"),
        (lambda x: NUMBERS, "it uses `NUMBERS` of the notebook; it should use its arguments alone"),
        (lambda x: jax.lax.cummax, "a function comes back where its result is asked for: call it"),
        (lambda x: cummax(x), "it raises NameError: name 'cummax' is not defined"),  # noqa: F821
        (lambda x: x if x.sum() else 1 / 0, "the values are not right"),
        (lambda x: exit(3), "it raises SystemExit: 3"),
        (lambda: 1, "it raises TypeError: <lambda>() takes 0 positional arguments but 1 was given"),
        (
            lambda x: jnp.asarray(np.maximum.accumulate(x)),
            "right as it is, but under jax.jit it raises TracerArrayConversionError: ",
        ),
        (forgot_return, "it returns None: does it end with `return`?"),
        (3, "a function is asked for, and this is a number"),
        (lambda x: jnp.max(x), "the maximum of all"),
        (lambda x: jax.lax.cummax(x, reverse=True), "from the wrong end"),
        (lambda x: jax.lax.cummax(jax.lax.stop_gradient(x)), "no gradient"),
        (lambda x: jax.lax.cummax(x) if (x[0] > x[0] - 1) else x, "an if"),
    ],
)
def test_wrong_answers_get_their_hint(answer, hint, seed):
    state, given = assess(CUMMAX, answer, seed)
    assert state == "not yet" and given.removeprefix("right for some inputs, but for others ").startswith(hint)


def test_an_answer_that_writes_into_its_argument_is_run_on_new_ones():
    exercise = Exercise("99.2", lambda tree: tree["b"], lambda key: ({"b": jax.random.normal(key, ())},))
    assert assess(exercise, changes_its_argument).state == "correct"


def test_keys_functions_static_arguments_and_trees():
    exercise = Exercise(
        "99.3",
        solution=lambda key, f, n: {"x": f(jax.random.normal(key, (n,))), "next": jax.random.split(key)[0]},
        inputs=lambda key: (key, jnp.sin, 3 + int(jax.random.randint(key, (), 0, 4))),
        static=(1, 2),
        mistakes=[Mistake(lambda key, f, n: {"x": f(jax.random.normal(key, (n,))), "next": key}, "the same key")],
    )
    assert assess(exercise, exercise.solution).state == "correct"
    assert assess(exercise, lambda k, f, n: exercise.solution(k, f, n) | {"next": k}).hint == "the same key"
    assert assess(exercise, lambda k, f, n: exercise.solution(k, f, n) | {"x": 0.0}).hint.startswith(
        "at ['x'] the shape should be"
    )
    assert (
        assess(exercise, lambda k, f, n: {"x": 0.0}).hint
        == "the result should be a dict with the keys next, x, and yours is a dict with the keys x"
    )


def test_values():
    exercise = Exercise("99.4", (7, "Clamped"), mistakes=[Mistake((8, "clamped"), "off by one")])
    assert assess(exercise, ...).state == "not attempted yet"
    assert assess(exercise, (..., "clamped")).state == "not attempted yet"
    assert assess(exercise, (jnp.array(7), " clamped")).state == "correct"
    assert assess(exercise, (8, "clamped")).hint == "off by one"
    assert assess(exercise, (7, "raises")).hint == "at [1] the answer is another one"
    assert assess(exercise, (7, 7)).hint == "at [1] a string is asked for, not a number"
    assert assess(exercise, 7).hint == "the result should be a tuple of 2, and yours is a number"


def test_a_class_as_the_answer():
    class Doubler:
        def apply(self, x):
            return 2 * x

    class Untouched:
        def apply(self, x): ...

    inputs = lambda key: (jax.random.normal(key, (2,)),)
    exercise = Exercise("99.5", Doubler, inputs, call=lambda cls, x: cls().apply(x), gradient=0)
    assert assess(exercise, Doubler).state == "correct"
    assert assess(exercise, Untouched).state == "not attempted yet"


def test_inspectors():
    def batch(f):
        return Exercise("99.6", lambda x: 2 * x, lambda key: (jax.random.normal(key, (99,)),), inspect=f)

    def loop(x):
        return jnp.stack([2 * row for row in x])

    no_loop = batch(checks.no_python_loop("a loop"))
    assert assess(no_loop, loop).hint == "a loop" and assess(no_loop, lambda x: x + x).state == "correct"
    uses_scan = batch(checks.must_use("scan", hint="no scan"))
    assert assess(uses_scan, lambda x: 2 * x).hint == "no scan"
    assert assess(uses_scan, jax.jit(lambda x: jax.lax.map(lambda row: 2 * row, x))).state == "correct"

    keys = Exercise("99.7", jax.random.normal, lambda key: (key,), inspect=checks.keys_used_once("twice"))
    assert assess(keys, lambda key: jax.random.normal(key) + 0 * jax.random.normal(key)).hint == "twice"
    assert assess(keys, jax.random.normal).state == "correct"

    calls = Exercise(
        "99.8",
        lambda f, x: jax.vmap(f)(x),
        lambda key: (jnp.sin, jnp.ones(5)),
        static=(0,),
        inspect=checks.calls_at_most(1, "too often"),
    )
    assert assess(calls, lambda f, x: jnp.stack([f(row) for row in x])).hint == "too often"
    assert assess(calls, lambda f, x: jax.vmap(f)(x)).state == "correct"


def test_differences_that_tolerance_must_not_hide():
    x = jnp.array([1.0, 1e-2, 0.0])
    assert checks.difference(x + 1e-3, x) and checks.difference(x.at[2].set(1e-3), x)
    assert not checks.difference(x * (1 + 1e-6), x)
    assert checks.difference(jnp.array([3]), jnp.array([4])) and checks.difference(True, False)
    assert not checks.difference(jnp.array([jnp.nan, jnp.inf]), jnp.array([jnp.nan, jnp.inf]))
    assert checks.difference(jnp.array([jnp.inf]), jnp.array([-jnp.inf]))


def test_check_prints_one_line(capsys, monkeypatch):
    monkeypatch.setattr(checks, "find", lambda name: CUMMAX)
    for answer in (skeleton, jnp.max, jax.lax.cummax):
        assert checks.check("99.1", answer) is None
    assert capsys.readouterr().out.splitlines() == [
        "99.1 not attempted yet: replace the ... in the cell above, run it, then run this one.",
        "99.1 not yet: the maximum of all.",
        "99.1 correct.",
    ]


def interrupted(x):
    raise KeyboardInterrupt


@pytest.mark.parametrize("name, answer", [("98.1", 3), ("nonsense", 3), (7, 3)])
def test_an_unknown_exercise_is_a_friendly_line(name, answer, capsys):
    checks.check(name, answer)
    assert capsys.readouterr().out == (
        f"{name} cannot be checked: the course has no exercise of this name; was the cell edited?\n"
    )


def test_an_interrupt_and_a_wrong_solution_are_lines_too(capsys, monkeypatch):
    monkeypatch.setattr(
        checks, "find", lambda name: CUMMAX if name == "99.1" else Exercise("99.9", undefined, lambda key: ())
    )
    checks.check("99.1", interrupted)
    checks.check("99.9", lambda: 3)
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("99.1 not yet: the check was interrupted") and second.startswith("99.9 cannot be checked")


def undefined():
    raise ValueError


# Every exercise of the course.

MODULES = [m.name for m in pkgutil.iter_modules(checks.__path__) if m.name.startswith("nb")]
EXERCISES = [e for module in MODULES for e in importlib.import_module(f"course_utils.checks.{module}").exercises]
every_exercise = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.name)


@pytest.mark.parametrize("module", MODULES)
def test_names_are_in_their_module_and_once(module):
    names = [e.name for e in EXERCISES if e.name.split(".")[0] == module.removeprefix("nb")]
    assert len(names) >= 3 and sorted(set(names)) == sorted(names)
    assert names == [e.name for e in importlib.import_module(f"course_utils.checks.{module}").exercises]
    assert all(checks.find(name).name == name for name in names)


@pytest.fixture
def compile_once(monkeypatch):
    """Answers of the course itself don't change from one check to the next."""
    monkeypatch.setattr(checks, "_ways", checks._ways_once)


@every_exercise
def test_skeleton_is_not_attempted(exercise):
    assert assess(exercise, skeleton if exercise.inputs else ...).state == "not attempted yet"


@every_exercise
def test_solution_and_mistakes(exercise, compile_once, seeds=(0,)):
    """The solution is correct; each mistake gets its own hint, of one line."""
    hints = [mistake.hint for mistake in exercise.mistakes]
    assert len(set(hints)) >= 2  # several wrong programs may share a hint
    for hint in hints:
        assert "\n" not in hint and hint[0] not in " ." and hint[-1] != "." and len(hint) <= 160, hint
    for seed in seeds:
        assert assess(exercise, exercise.solution, seed) == ("correct", "")
        for mistake in exercise.mistakes:
            assert assess(exercise, mistake.answer, seed) == ("not yet", mistake.hint)


@pytest.mark.slow
@every_exercise
def test_solution_and_mistakes_on_many_draws(exercise, compile_once):
    test_solution_and_mistakes(exercise, compile_once, seeds=range(1, 3))


# Predictions


PREDICTIONS = [p for module in MODULES for p in getattr(importlib.import_module(f"course_utils.checks.{module}"), "predictions", [])]


@pytest.mark.parametrize("prediction", PREDICTIONS, ids=lambda prediction: prediction.name)
def test_prediction_and_slips(prediction):
    """The answer is right; at least one slip is wrong and gets a hint of one line, which doesn't give the answer away."""
    assert "as you say" in judge(prediction, prediction.answer) and "no prediction yet" in judge(prediction, ...)
    assert prediction.slips
    for guess, hint in prediction.slips:
        assert f"{hint[1:]}{'' if hint.endswith('?') else '.'} Change" in judge(prediction, guess), guess
        assert "\n" not in hint and hint[-1] != "." and len(hint) <= 160
        assert not isinstance(prediction.answer, tuple) or str(prediction.answer) not in hint


@pytest.mark.parametrize(
    "guess, answer, within, right",
    [
        ((49, 3, 64), (49, 3, 64), 1.0, True), ([49, 3, 64], (49, 3, 64), 1.0, True), (jnp.ones((2, 3)).shape, (2, 3), 1.0, True),
        ((49, 64, 3), (49, 3, 64), 1.0, False), ((49, 3), (49, 3, 64), 1.0, False), (49, (49,), 1.0, False),
        ("float32", jnp.float32, 1.0, True), (jnp.float32, "float32", 1.0, True), (np.dtype("int32"), "int32", 1.0, True), (jnp.float16, "float32", 1.0, False),
        (True, True, 1.0, True), (1, True, 1.0, False), (True, 1, 1.0, False), ("True", True, 1.0, False),
        (" VMAP ", "vmap", 1.0, True), (TypeError, "TypeError", 1.0, True), ("typeerror", TypeError, 1.0, True), (ValueError, TypeError, 1.0, False),
        (0.5, 0.5, 1.0, True), (jnp.float32(0.5), 0.5, 1.0, True), (0.4, 0.5, 1.0, False), (0.4, 0.5, 2.0, True), (0.2, 0.5, 2.0, False),
        (-0.4, -0.5, 2.0, True), (0.4, -0.5, 2.0, False), (0, 0, 2.0, True), (None, 0.5, 1.0, False), (print, 0.5, 1.0, False), ((1, "a"), (1, "A"), 1.0, True),
    ],
)  # fmt: skip
def test_what_agrees_with_an_answer(guess, answer, within, right):
    assert agrees(guess, answer, within) is right


def test_a_prediction_that_nobody_knows_is_a_friendly_line(capsys):
    for name in ("04.z", "99.a", None):
        checks.predict(name, 1)
        assert "cannot be checked: the course has no prediction of this name; was the cell edited?" in capsys.readouterr().out


# Counterexamples


@pytest.mark.slow
@every_exercise
def test_counterexample(exercise):
    """It fits a screen for a wrong answer, and there is none for a right one."""
    assert checks.example(exercise, exercise.solution, seed=0, draws=1) == []
    for mistake in exercise.mistakes[:2]:
        lines = checks.example(exercise, mistake.answer, seed=0, draws=2)
        assert len(lines) <= 16 and all(len(line) <= 130 and "\n" not in line for line in lines), lines
        assert not lines or [line.split()[0] for line in lines[-2:]] == ["expected", "yours"]


def test_counterexample_is_the_smallest_and_says_what_came(capsys, monkeypatch):
    size = lambda key: checks.draws_from(key).integers(2, 9)
    exercise = Exercise("00.9", lambda x, f: x.sum(), lambda key: (np.arange(1.0, size(key) + 1.0), np.sin), jit=False)
    drawn = [size(key) for key in jax.random.split(jax.random.key(0), 8)]
    assert checks.example(exercise, lambda x, f: x.prod() + 0.5, seed=0)[1] == f"    x =       {list(range(1, min(drawn) + 1))}"
    monkeypatch.setattr(checks, "find", lambda name: exercise)
    monkeypatch.setattr(checks, "wrong_before", set())
    checks.check("00.9", lambda x, f: x.prod() + 0.5)
    assert len(capsys.readouterr().out.splitlines()) == 1
    checks.check("00.9", lambda x, f: x.prod() + 0.5)
    first, *shown = capsys.readouterr().out.splitlines()
    assert first.startswith("00.9 not yet: ") and shown[0] == "On these arguments it is wrong:"
    assert [line.split(maxsplit=1)[0] for line in shown[1:]] == ["x", "f", "expected", "yours"] and "a function, sin" in shown[2]
    checks.check("00.9", lambda x, f: x.sum())
    assert capsys.readouterr().out == "00.9 correct.\n" and not checks.wrong_before


def test_how_values_are_written():
    from course_utils.checks.counterexample import lines, short

    assert short(np.float32([[1.0, 2.5]])) == "[[1, 2.5]]" and short(jax.random.key(0)) == "a key" and short(0.1) == "0.1"
    assert short({"a": (1, [2.0])}) == "{'a': (1, [2])}" and short(np.zeros(50, np.float32)).startswith("float32(50,) [0, 0, 0, 0, …]")
    assert len(short("x" * 500)) < 110
    right = np.zeros((4, 5))
    wrong = right.copy()
    wrong[2, 3] = np.nan
    assert lines(["x"], [1], right, wrong)[1:] == ["    expected  float64(4, 5), at [2, 3] it is 0", "    yours     float64(4, 5), at [2, 3] it is nan"]
