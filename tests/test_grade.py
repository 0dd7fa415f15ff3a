"""Handing out and grading, mostly without running anything; then forty made-up submissions, and the course's own solutions."""

import csv
import importlib
import json
import os
import pkgutil
import re
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

import assignment
import grade
import submissions
from course_utils import checks
from grading import alike, collect, data, inside, isolation, judge, needs, notebook, plan, report, withhold

SETUP = "import jax.numpy as jnp\nfrom course_utils import checks"
SKELETONS = {  # exercises of notebook 01, in a shorter one
    "01.1": ("quiet_ends", "def quiet_ends(x): ..."),
    "01.2": ("answer", "answer = ..."),
    "01.3": ("norm", "def norm(x): ..."),
}
RIGHT = {
    "01.1": "def quiet_ends(x):\n    return x.at[0].set(0).at[-1].set(0)",
    "01.2": 'answer = (8, 10, "float32")',
    "01.3": "def norm(x):\n    return jnp.linalg.norm(x.astype(float))",
}
WRONG = {"01.1": "def quiet_ends(x):\n    return x", "01.2": "answer = (1, 1, 'int32')", "01.3": "def norm(x):\n    return x.sum() * 1.0"}
LESSON = {"used": "scale = 1.0", "unused": "table = [scale] * 9", "long": "for _ in range(3):\n    pass"}
BWRAP = isolation.bubblewrap()
isolated = pytest.mark.skipif(BWRAP is None, reason="needs bubblewrap (bwrap), which isn't installed or not allowed here")


def made_up_notebook():
    cells = [new_markdown_cell("# 01 · Made up"), new_code_cell(SETUP, metadata={"tags": ["setup"]})]
    cells += [new_code_cell(source) for source in LESSON.values()]
    for (name, (answer, skeleton)), level in zip(SKELETONS.items(), ("Warm-up", "Core", "Stretch")):
        heading = "" if name > "01.1" else "## Exercises\n\n"  # in one cell with the first, as in the course
        check = f'checks.check("{name}", {answer})'
        solution = f"#@title Solution {name}\nsolution = 1 / 0"
        output = [nbformat.v4.new_output("stream", text=f"{name} not attempted yet")]
        cells += [
            new_markdown_cell(f"{heading}### Exercise {name} · Something\n\n{level}. Do it."),
            new_code_cell(skeleton, metadata={"tags": ["exercise"]}, execution_count=3),
            new_code_cell(check, metadata={"tags": ["check"]}, outputs=output, execution_count=4),
            new_code_cell(solution, metadata={"tags": ["solution"]}, outputs=output),
        ]
    cells += [new_markdown_cell("## Recap"), new_code_cell("7", outputs=output, execution_count=9)]
    return new_notebook(cells=cells)


MADE_UP = submissions.Course(json.loads(nbformat.writes(made_up_notebook())), RIGHT, WRONG)
CELLS = plan.cells(MADE_UP.notebook)


@pytest.fixture
def course(tmp_path):
    """The folder in which all happens: notebooks, and what was collected."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "collected").mkdir()
    (tmp_path / "notebooks" / "01_made_up.ipynb").write_text(json.dumps(MADE_UP.notebook))
    return tmp_path


def hand_in(course, student, value=None, name="01_made_up.ipynb"):
    path = course / "collected" / student / name
    path.parent.mkdir(parents=True, exist_ok=True)
    value = submissions.handed_in(MADE_UP, RIGHT) if value is None else value
    path.write_bytes(value if isinstance(value, bytes) else json.dumps(value).encode())
    return path


def graded(course, *options):
    """student -> exercise -> state, by the table that is written."""
    trust = [] if BWRAP else ["--trust"]
    assert grade.main([str(course / "collected"), "--notebooks", str(course / "notebooks"), *trust, *options]) == 0
    return table(course / "collected" / "graded" / "grades.csv")


def table(path):
    with open(path, newline="", encoding="utf-8") as file:
        return {next(iter(row.values())): row for row in csv.DictReader(file)}


def sources(changed):
    return [step.source for step in plan.plan(CELLS, plan.cells(changed))]


# Handing out


def test_an_assignment_lacks_solutions_and_exercise_outputs_and_nothing_else(course, tmp_path):
    path = course / "notebooks" / "01_made_up.ipynb"
    before = path.read_bytes()
    (copied,) = assignment.write_assignments(path.parent, tmp_path / "out", [])
    original, copy = nbformat.read(path, 4), nbformat.read(copied, 4)
    assert path.read_bytes() == before
    assert "olution" not in json.dumps(copy) and "not attempted" not in json.dumps(copy.cells[:-1])
    kept = [cell for cell in original.cells if "solution" not in cell.metadata.get("tags", [])]
    assert [(cell.source, cell.id, cell.metadata) for cell in copy.cells] == [(cell.source, cell.id, cell.metadata) for cell in kept]
    assert copy.cells[-1] == original.cells[-1]
    assert copy.metadata.pop("course")["set"] == [*SKELETONS] and copy.metadata == original.metadata
    nbformat.validate(copy)


@pytest.mark.parametrize("without", [["01.1"], ["01.3"], ["01.1", "01.2"]])
def test_what_is_withheld_is_gone_and_what_was_set_is_known(without):
    copy = assignment.to_hand_out(MADE_UP.notebook, without)
    left = [name for name in SKELETONS if name not in without]
    assert assignment.exercises_of(copy) == left and assignment.was_set(MADE_UP.notebook, copy) == left
    text = "".join(map(assignment.source_of, copy["cells"]))
    assert not any(name in text for name in without)
    assert "## Exercises" in text and "## Recap" in text
    copy["metadata"]["course"]["set"] = left[:1] if len(left) > 1 else []
    assert assignment.was_set(MADE_UP.notebook, copy) is None


def test_unknown_numbers_and_exercises_are_named(course):
    with pytest.raises(FileNotFoundError, match="no notebook 77"):
        assignment.write_assignments(course / "notebooks", course / "out", ["77"])
    with pytest.raises(ValueError, match="no exercise 06.9 to withhold; there are 01.1, 01.2, 01.3"):
        assignment.write_assignments(course / "notebooks", course / "out", [], ["06.9"])


def test_every_notebook_can_be_handed_out(tmp_path):
    notebooks = Path(assignment.ROOT) / "notebooks"
    for copy in assignment.write_assignments(notebooks, tmp_path, []):
        original, handed_out = json.loads((notebooks / copy.name).read_text()), json.loads(copy.read_text())
        solutions = [cell for cell in original["cells"] if "solution" in assignment.tags(cell)]
        assert len(original["cells"]) - len(handed_out["cells"]) == len(solutions)
        assert "#@title Solution" not in copy.read_text()
        levels = plan.levels(plan.cells(original))
        assert [*levels] == [*plan.checks_of(plan.cells(original))] == handed_out["metadata"]["course"]["set"]


def test_the_handout_says_what_to_install():
    said = assignment.what_to_install(["06_loops.ipynb"], "https://example.org/school/course")
    assert '"git+https://example.org/school/course"' in said and "- 06_loops.ipynb" in said and "In Colab" in said
    unpublished = assignment.what_to_install([], "https://github.com/OWNER/NAME")
    assert "OWNER" not in unpublished and "In Colab" not in unpublished and "which your teacher gives you" in unpublished


# Which cells run


def test_a_notebook_runs_as_it_was_handed_in_each_check_where_it_stands():
    def change(notebook):
        submissions.put(notebook, "01.1", "helper = 1")
        submissions.put(notebook, "01.1", "quiet_ends = 3", after="check")
        submissions.imports_of(notebook)["source"] = SETUP + "\nimport jax.numpy as J"

    changed = submissions.handed_in(MADE_UP, RIGHT, change)
    steps = plan.plan(CELLS, plan.cells(changed))
    assert [(step.source, step.kind, step.exercise) for step in steps] == [
        (SETUP + "\nimport jax.numpy as J", "changed", None),
        *((source, "course", None) for source in LESSON.values()),
        ("helper = 1", "added", "01.1"),
        (RIGHT["01.1"], "answer", "01.1"),
        ('checks.check("01.1", quiet_ends)', "check", "01.1"),
        ("quiet_ends = 3", "added", "01.1"),
        (RIGHT["01.2"], "answer", "01.2"),
        ('checks.check("01.2", answer)', "check", "01.2"),
        (RIGHT["01.3"], "answer", "01.3"),
        ('checks.check("01.3", norm)', "check", "01.3"),
        ("7", "course", None),
    ]
    for cell in changed["cells"]:
        del cell["id"]
    assert [(s.source, s.exercise, s.kind == "check") for s in plan.plan(CELLS, plan.cells(changed))] == [
        (s.source, s.exercise, s.kind == "check") for s in steps
    ]


def test_a_changed_or_deleted_check_and_solutions_of_the_course():
    changed = submissions.handed_in(MADE_UP, {})
    submissions.cell_of(changed, "01.1", "check")["source"] = 'print("01.1 correct.")'
    changed["cells"].remove(submissions.cell_of(changed, "01.2", "check"))
    steps = plan.plan(CELLS, plan.cells(changed))
    checks_there = [(step.source, step.exercise, step.variable) for step in steps if step.kind == "check"]
    assert checks_there == [('print("01.1 correct.")', "01.1", "quiet_ends"), ("", "01.2", "answer"), ('checks.check("01.3", norm)', "01.3", "norm")]
    assert [step.exercise for step in steps].index("01.2") < [step.exercise for step in steps].index("01.3")
    assert not any("1 / 0" in source for source in sources(MADE_UP.notebook))


def test_cells_that_no_exercise_needs_are_left_out():
    answers = RIGHT | {"01.2": "answer = (8, int(10 * scale), 'float32')"}
    steps = plan.plan(CELLS, plan.cells(submissions.handed_in(MADE_UP, answers)))
    out = plan.left_out(steps, [needs.needs(step.source) for step in steps])
    assert [steps[place].source for place in sorted(out)] == [LESSON["unused"], LESSON["long"], "7"]
    steps = plan.plan(CELLS, plan.cells(submissions.handed_in(MADE_UP, RIGHT | {"01.2": "answer = eval('scale')"})))
    assert plan.left_out(steps, [needs.needs(step.source) for step in steps]) == set()


@pytest.mark.parametrize(
    "source, reads, changes",
    [
        ("y = x + 1", "x", "y"),
        ("def f(a):\n    b = a + c\n    return b", "c", "f"),
        ("x.append(1)", "x", "x"),
        ("x[0] = y", "x y", "x"),
        ("jax.config.update('a', b)", "jax b", "jax"),
        ("fill(x)", "fill x", "x"),
        ("print(x)", "x", ""),
        ("import numpy as np\nnp.set = 3", "np", "np"),
        ("%%time\nz = q", "q", "z"),
        ("%timeit -n 3 run(x)", "run x", "x"),
        ("class A(B):\n    c = d\n    def e(self):\n        global g\n        g = h", "B d h", "A g"),
        ("[i for i in j if i > k]", "j k", ""),
        ("not python", "", ""),
        ("x += 1", "x", "x"),
        ("with open(p) as q:\n    r = q.read()", "p q", "q r"),
    ],
)
def test_what_a_cell_needs(source, reads, changes):
    found = needs.needs(source)
    assert {*reads.split()} <= {*found.reads} and {*changes.split()} <= {*found.makes, *found.changes} and not found.dynamic
    if changes:
        assert needs.needed([needs.needs(f"{changes.split()[0]} = 0"), found, needs.needs("unrelated = 1")], {1}) >= {1}


@pytest.mark.parametrize("source", ["exec('x')", "globals()['x']", "from math import *", "%run other.ipynb", "get_ipython().user_ns", "import sys"])
def test_what_may_need_anything(source):
    assert needs.needs(source).dynamic


@pytest.mark.parametrize("value", [{}, [], {"cells": 3}, {"worksheets": []}, None, "x"])
def test_what_is_no_notebook(value):
    with pytest.raises(ValueError, match="notebook"):
        plan.cells(value)


def test_cells_that_lack_something_are_empty():
    found = plan.cells({"cells": [{}, 3, {"cell_type": "code"}, {"cell_type": "code", "source": ["a", "b"], "metadata": {"tags": 7}, "id": 3}]})
    assert [(cell.source, cell.code, cell.id, cell.tags) for cell in found] == [("", False, None, ())] * 2 + [("", True, None, ()), ("ab", True, None, ())]


# What comes out of a student's process is data, and the course's solutions aren't in there


RESULTS = [
    None, True, 3, 2.5, "text", ..., 1 + 2j, jnp.arange(3.0), np.float32(3), jnp.bfloat16(2), np.arange(4, dtype="uint8").reshape(2, 2),
    (1, [2.0, {"a": jnp.ones(2), "b": None}]), jax.random.key(3), {"x": jax.random.split(jax.random.key(1))}, float("nan"), {3: (), 4: []},
]  # fmt: skip


@pytest.mark.parametrize("value", RESULTS, ids=str)
def test_a_result_is_itself_after_the_journey(value):
    found = data.decode(json.loads(json.dumps(data.encode(value))))
    assert jax.tree.structure(found) == jax.tree.structure(value) and not checks.difference(found, value)


def test_objects_are_known_by_name_alone():
    class Secret:
        pass

    Pair = collect._Found.__class__  # some class
    journey = lambda value: data.decode(json.loads(json.dumps(data.encode(value))))
    assert journey(Secret()) == journey(Secret()) and checks.difference(journey(Secret()), 3)
    assert callable(journey(len)) and journey(len).__name__ == "len"
    with pytest.raises(RuntimeError):
        journey(len)([1])
    assert journey(Pair) is not Pair
    point = needs.Needs([], [], [], [], False)
    assert checks.difference(journey(point), journey(point._replace(dynamic=True))) and not checks.difference(journey(point), journey(point))
    assert type(journey(point)).__name__ == "Needs"


@pytest.mark.parametrize(
    "value",
    [
        {}, {"is": "nothing"}, {"is": "array"}, [1], {"is": "array", "dtype": "O", "shape": [1], "bytes": "AAAAAAAAAAA="}, {"is": "tuple", "parts": 3},
        {"is": "array", "dtype": "float32", "shape": [9], "bytes": "AAAA"}, {"is": "key", "kind": "os.system", "numbers": 3}, {"is": "dict", "names": [1], "parts": []},
        {"is": "dict", "names": [{"is": "list", "parts": []}], "parts": [1]},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_data_is_refused(value):
    with pytest.raises(data.Unreadable):
        data.decode(value)


def test_a_nest_too_deep_is_refused():
    nest = []
    for _ in range(3000):
        nest = [nest]
    with pytest.raises(ValueError, match="deeply"):
        data.encode(nest)


MODULES = [m.name for m in pkgutil.iter_modules(checks.__path__) if m.name.startswith("nb")]


@pytest.mark.parametrize("module", MODULES)
def test_solutions_and_mistakes_are_withheld_and_arguments_are_not(module):
    whole = importlib.import_module(f"course_utils.checks.{module}")
    source = withhold.without_solutions(Path(whole.__file__).read_text(encoding="utf-8"))
    names = {"__name__": module}
    exec(source, names)
    assert "Mistake(" not in source and names["predictions"] == []
    for ours, withheld in zip(whole.exercises, names["exercises"], strict=True):
        assert withheld.solution is None and withheld.mistakes == () and ours.name == withheld.name
        for field in ("jit", "static", "gradient", "tolerance", "draws"):
            assert getattr(ours, field) == getattr(withheld, field)
        assert (ours.inputs is None, ours.inspect is None) == (withheld.inputs is None, withheld.inspect is None)


def elsewhere(exercise, answer):
    """``ask``, as for an answer in another process, with all that is said turned into JSON and back."""
    answers = inside.Answers(lambda name: exercise, {exercise.name: answer})
    return lambda what, **request: json.loads(json.dumps(getattr(answers, what)(request)))


@pytest.mark.parametrize("name", ["01.1", "01.2", "01.3", "03.4", "06.1"])
def test_a_verdict_from_afar_is_the_one_from_here(name):
    exercise = checks.find(name)
    assert judge.judge(name, 5, elsewhere(exercise, ...))[0] == "untouched"
    for mistake in exercise.mistakes[:4]:
        state, hint = judge.judge(name, 5, elsewhere(exercise, mistake.answer))
        assert (state, hint.rstrip(".?")) == ("wrong", mistake.hint.rstrip(".?")) or state == judge.OWN
    silent = lambda what, **request: elsewhere(exercise, exercise.solution)(what, **request) | {"own": False}
    assert judge.judge(name, 5, silent) == ("correct", "")


@pytest.mark.slow
@pytest.mark.parametrize("name", [exercise.name for module in MODULES for exercise in importlib.import_module(f"course_utils.checks.{module}").exercises])
def test_every_verdict_from_afar_is_the_one_from_here(name, monkeypatch):
    monkeypatch.setattr(checks, "_ways", checks._ways_once)
    monkeypatch.setattr(inside, "theirs", lambda answer: False)
    exercise = checks.find(name)
    assert judge.judge(name, 0, elsewhere(exercise, exercise.solution)) == ("correct", "")
    for mistake in exercise.mistakes[::4]:  # all of them take five minutes
        state, hint = judge.judge(name, 0, elsewhere(exercise, mistake.answer))
        assert (state, hint.rstrip(".?")) == ("wrong", mistake.hint.rstrip(".?"))


def test_the_courses_own_code_is_told_from_a_students():
    from functools import partial

    from course_utils import payoffs

    assert inside.theirs(checks.find("06.1").solution) and inside.theirs(partial(jax.jit(payoffs.put(3.0)))) and inside.theirs(inside.Withheld("06.1"))
    assert not any(map(inside.theirs, (lambda x: x, jax.jit(lambda x: x), jnp.sin, 3, (1, 2), ..., jnp.ones(3), "text")))


@pytest.mark.parametrize(
    "replies",
    [
        {}, {"about": 3}, {"about": {"function": True}, "result": {"is": "x"}}, {"outcome": "error"}, {"raised": [1]},
        {"about": {"function": True, "kind": "", "bare": False, "bare_part": False, "outside": []}, "result": {"is": "list", "parts": [1] * 3}, "equations": [[]], "own": "no"},
    ],
    ids=str,
)  # fmt: skip
def test_whatever_comes_it_is_no_verdict(replies):
    state, hint = judge.judge("06.2", 3, lambda what, **request: dict(replies))
    assert state in ("error", "wrong") and hint


# Layouts


def found_in(course):
    (course / "private").mkdir()
    courses = {"01_made_up": course / "notebooks" / "01_made_up.ipynb", "06_loops": Path("x"), "16_pricing": Path("y")}
    return collect.collect(course / "collected", course / "private", courses, course / "collected" / "graded")


LAYOUTS = {
    "folders": (["ada/01_made_up.ipynb", "bob/06_loops.ipynb", "bob/sub/16_pricing.ipynb"], "ada:01 bob:06 bob:16"),
    "names": (["01_made_up ada.ipynb", "bob - 06_loops.ipynb", "16_pricing_(eve).ipynb"], "ada:01 bob:06 eve:16"),
    "moodle": (
        ["Ada Lovelace_12_assignsubmission_file_/06_loops.ipynb", "Bob B_7_assignsubmission_file/06_loops.ipynb", "Eve_9_assignsubmission_file_06_loops.ipynb"],
        "Ada Lovelace:06 Bob B:06 Eve:06",
    ),
    "moodle-namesakes": (["Ada_12_assignsubmission_file_/06_loops.ipynb", "Ada_13_assignsubmission_file_/06_loops.ipynb"], "Ada (12):06 Ada (13):06"),
    "canvas": (
        ["lovelaceada_LATE_101_5001_06_loops.ipynb", "lovelaceada_LATE_101_5009_06_loops-1.ipynb", "bakerbob_102_5002_16_pricing-2.ipynb", "anon_x7_5003_06_loops.ipynb"],
        "anon_x7:06 bakerbob:16 lovelaceada:06",
    ),
    "one-folder-on-top": (["class/ada/01_made_up.ipynb", "class/bob/01_made_up.ipynb"], "ada:01 bob:01"),
    "two-folders-on-top": (["a/b/lovelaceada_1_2_06_loops.ipynb", "a/b/bakerbob_3_4_06_loops.ipynb"], "bakerbob:06 lovelaceada:06"),
    "one-student": (["ada/01_made_up.ipynb", "ada/06_loops.ipynb"], "ada:01 ada:06"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("packed", ["as it is", "in a zip file", "a zip file each"])
def test_layouts(course, layout, packed):
    files, expected = LAYOUTS[layout]
    if packed == "as it is":
        for name in files:
            hand_in(course, "", b"{}", name)
    elif packed == "in a zip file":
        with zipfile.ZipFile(course / "collected" / "week 3.zip", "w") as archive:
            for name in files:
                archive.writestr(f"week 3/{name}", "{}")
    else:
        if layout == "one-student" or any("/" not in name for name in files):
            pytest.skip("no folders to pack, or but one, which might be the class's")
        for name in files:
            folder, _, rest = name.rpartition("/")
            (course / "collected" / folder).mkdir(parents=True, exist_ok=True)
            with zipfile.ZipFile(course / "collected" / folder / "homework.zip", "a") as archive:
                archive.writestr(f"__MACOSX/{rest}", "")
                archive.writestr(f"my work/{rest}", "{}")
    found = found_in(course)
    assert " ".join(f"{one.student}:{one.notebook[:2]}" for one in found.submissions) == expected and not found.refused
    if layout == "canvas":
        late = {one.student: (one.late, one.id) for one in found.submissions}
        assert late["lovelaceada"] == (True, "101") and late["bakerbob"] == (False, "102")
        ada = next(one for one in found.submissions if one.student == "lovelaceada")
        assert ada.origin.endswith("06_loops-1.ipynb") and ada.notes == ["the newest of 2 copies was graded"]


def test_repositories_of_github_classroom(course):
    for student in ("ada", "bob-b"):
        hand_in(course, f"week-3-{student}")
        (course / "collected" / f"week-3-{student}" / ".git").mkdir()
    assert [one.student for one in found_in(course).submissions] == ["ada", "bob-b"]


def test_two_files_that_would_be_one_students_are_refused_and_cost_nobody_else_anything(course):
    hand_in(course, "ada"), hand_in(course, "", name="01_made_up ada.ipynb"), hand_in(course, "bob")
    found = found_in(course)
    assert [one.student for one in found.submissions] == ["bob"] and [one.student for one in found.refused] == ["ada"]
    assert any("01_made_up ada.ipynb" in line and "ada/01_made_up.ipynb" in line for line in found.problems)


def test_a_renamed_copy_is_known_by_its_title_and_the_newest_of_a_folder_counts(course):
    hand_in(course, "ada", name="my copy.ipynb")
    old = hand_in(course, "bob", name="01_made_up-old.ipynb")
    os.utime(old, (1, 1))
    hand_in(course, "bob"), hand_in(course, "bob", b"{}", "shopping.ipynb")
    found = found_in(course)
    assert [(one.student, one.origin) for one in found.submissions] == [("ada", "ada/my copy.ipynb"), ("bob", "bob/01_made_up.ipynb")]
    assert found.problems == ["bob/shopping.ipynb: left out, for it is no notebook of the course"]


def test_links_bad_zip_files_and_paths_that_climb(course):
    secret = course / "secret.ipynb"
    secret.write_text("{}")
    (course / "collected" / "eve").mkdir()
    (course / "collected" / "eve" / "01_made_up.ipynb").symlink_to(secret)
    (course / "collected" / "broken.zip").write_bytes(b"no zip")
    with zipfile.ZipFile(course / "collected" / "climber.zip", "w") as archive:
        archive.writestr("../../../01_made_up.ipynb", "{}")
    hand_in(course, "ada")
    found = found_in(course)
    assert [one.student for one in found.submissions] == ["ada", "climber"]
    assert {path.parent for path in course.rglob("*.ipynb")} == {course, course / "notebooks", course / "collected" / "ada", course / "collected" / "eve", course / "private"}
    assert [line.partition(":")[0] for line in found.problems] == ["broken.zip", "eve/01_made_up.ipynb"]


# Tables and pages


def results(**students):
    made = []
    for student, states in students.items():
        states = dict(zip(SKELETONS, states))
        hints = {exercise: "" if state == "correct" else "=1+1, look <b>here</b>." for exercise, state in states.items()}
        made.append(notebook.Report(student.replace("_", " "), "01_made_up", 1, states, hints))
    return made


WEIGHTS = {"01.1": 1.0, "01.2": 2.0, "01.3": 3.0}
TITLES = {"01_made_up": "01 · Made up"}


def written(tmp_path, reports, roster=None, ids=None, title="Week 1"):
    whole = report.Class(reports, WEIGHTS, roster, ids)
    whole.write(tmp_path, title, [], TITLES)
    return whole


def roster(tmp_path, text):
    path = tmp_path / "class.csv"
    path.write_text(text, encoding="utf-8-sig")
    return collect.read_roster(path)


def test_points_and_who_handed_in_nothing(tmp_path):
    reports = results(Ada_Lovelace=["correct", "wrong", "correct"], Zoé=["untouched"] * 3, Eve=["correct"] * 3)
    whole = written(tmp_path, reports, roster(tmp_path, "name;mail\nLovelace, ada;a@x\nZoe;z@x\nKim;k@x\n"))
    rows = table(tmp_path / "grades.csv")
    assert (rows["Ada Lovelace"]["points"], rows["Ada Lovelace"]["of"], rows["Ada Lovelace"]["correct"]) == ("4", "6", "2 of 3")
    assert rows["Kim"]["correct"] == report.NOTHING and whole.absent == ["Kim"] and whole.unknown == ["Eve"]
    assert table(tmp_path / "hints.csv")["Zoé"]["hint"].startswith("'=")  # no formula


def test_a_page_for_each_student_shows_hints_as_text_and_fetches_nothing(tmp_path):
    written(tmp_path, results(Ada=["correct", "wrong", "untouched"], **{"..%2f<i>": ["correct"] * 3}))
    page = (tmp_path / "feedback" / "Ada.html").read_text()
    assert "look &lt;b&gt;here" in page and "1 of 3 exercises correct, 1 of 6 points" in page and "Exercise" in page
    assert not re.search(r"src=|href=|url\(", page) and len(list((tmp_path / "feedback").iterdir())) == 2


def test_moodles_worksheet_comes_back_filled_in(tmp_path):
    sheet = (
        "Identifier,Full name,Email address,Status,Grade,Maximum Grade,Grade can be changed,Last modified (submission),Last modified (grade),Feedback comments\n"
        'Participant 12,Ada Lovelace,a@x,Submitted,,10.00,Yes,"Monday, 3 May 2027, 10:00 AM",-,\nParticipant 13,Bob,b@x,No submission,,10.00,Yes,-,-,\n'
    )
    reports = results(Ada_Lovelace=["correct", "wrong", "correct"])
    written(tmp_path, reports, roster(tmp_path, sheet), {"Ada Lovelace": ("moodle", "12")})
    rows = table(tmp_path / "moodle.csv")
    assert list(rows["Participant 12"]) == sheet.splitlines()[0].split(",")
    assert rows["Participant 12"]["Grade"] == "4" and "01.2: Not yet." in rows["Participant 12"]["Feedback comments"]
    assert rows["Participant 13"]["Grade"] == "" and not (tmp_path / "canvas.csv").exists()
    written(tmp_path, reports, None, {"Ada Lovelace": ("moodle", "12")})  # without a worksheet: what the import asks for
    assert {"Identifier", "Grade", "Last modified (grade)"} <= set(table(tmp_path / "moodle.csv")["Participant 12"])


def test_canvas_gradebook_comes_back_with_a_column(tmp_path):
    book = (
        "Student,ID,SIS User ID,SIS Login ID,Section,Old (77)\n    Points Possible,,,,,5\n"
        '"Lovelace, Ada",101,s1,ada,One,3\n"Baker, Bob",102,s2,bob,One,\n'
    )
    reports = results(lovelaceada=["correct", "wrong", "correct"])
    written(tmp_path, reports, roster(tmp_path, book), {"lovelaceada": ("canvas", "101")})
    with open(tmp_path / "canvas.csv", newline="") as file:
        head, above, ada, bob = csv.reader(file)
    assert head == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Old (77)", "Week 1"]
    assert (above[-1], ada[-2:], bob[-1]) == ("6", ["3", "4"], "")
    written(tmp_path, reports, None, {"lovelaceada": ("canvas", "101")})
    with open(tmp_path / "canvas.csv", newline="") as file:
        assert list(csv.reader(file))[0] == ["Student", "ID", "Section", "Week 1"]


@pytest.mark.parametrize("text, said", [("", "no students"), ("name\n", "no students")])
def test_a_roster_that_is_none(tmp_path, text, said):
    with pytest.raises(ValueError, match=f"class.csv: {said}"):
        roster(tmp_path, text)


def test_weights(tmp_path):
    levels = {"01.1": "Warm-up", "01.2": "Core", "01.3": "Stretch"}
    path = tmp_path / "points.csv"
    path.write_text("Core,4\n01.3,0.5\n")
    assert report.read_weights(None, levels) == WEIGHTS and report.read_weights(path, levels) == {"01.1": 1, "01.2": 4, "01.3": 0.5}
    for bad in ("Core", "Core,x", "09.9,3", "Core,-1"):
        path.write_text(bad)
        with pytest.raises(ValueError, match="points.csv"):
            report.read_weights(path, levels)


ANSWER = """def f(x, y):
    # a loop
    total = jnp.zeros(3)
    for k in range(10):
        total = total + x * k - y / (k + 2)
        total = jnp.where(total > 3, total - x, total + y * k)
        x, y = y + 1, total.sum() * x
    return jnp.sort(total)[::-1] / (1 + jnp.abs(y)) - x.mean()
"""


def test_answers_that_are_alike():
    renamed = re.sub(r"\btotal\b", "money", re.sub(r"\bx\b", "a", ANSWER)).replace("# a loop", "# my own") + "\n\n"
    other = "def f(x, y):\n    " + "\n    ".join(f"x = jnp.{name}(x, y, {k}) + [y][{k}](x)" for k, name in enumerate("abcdefgh")) + "\n    return x"
    answers = {"01.1": {"ada": ANSWER, "bob": renamed, "eve": other, "kim": "def f(x):\n    return x"}}
    assert [(exercise, one, two) for _, exercise, one, two in alike.alike(answers, {})] == [("01.1", "ada", "bob")]
    assert alike.alike(answers, {"01.1": ANSWER}) == []  # the course's own
    assert alike.alike({"01.1": {str(k): ANSWER for k in range(20)}}, {}) == []  # what everybody writes


# The command, without running a notebook


@pytest.mark.parametrize(
    "arguments, said",
    [(["nowhere"], "is no folder and no zip file"), (["{}", "--jobs", "0"], "--jobs is 0"), (["{}", "--trust"], "no notebook of the course"),
     (["{}", "--trust", "--roster", "{}/no.csv"], "no.csv: can't be read"), (["{}/bad.zip", "--trust"], "bad.zip: no zip file")],
)  # fmt: skip
def test_bad_input_is_one_line(course, arguments, said, capsys, monkeypatch):
    monkeypatch.setattr(grade, "starter", lambda *_: None)
    (course / "collected" / "bad.zip").write_bytes(b"x")
    with pytest.raises(SystemExit) as ended:
        grade.main([*(a.format(course / "collected") for a in arguments), "--notebooks", str(course / "notebooks")])
    assert ended.value.code == 2 and said in capsys.readouterr().err.splitlines()[-1]


def test_without_isolation_it_asks_for_trust(course, capsys, monkeypatch):
    hand_in(course, "ada", b"no JSON")
    monkeypatch.setattr(isolation.shutil, "which", lambda name: None)
    with pytest.raises(SystemExit):
        grade.main([str(course / "collected"), "--notebooks", str(course / "notebooks")])
    assert "no isolation here" in capsys.readouterr().err
    assert grade.main([str(course / "collected"), "--notebooks", str(course / "notebooks"), "--trust"]) == 0
    assert capsys.readouterr().err.startswith("NOT ISOLATED")


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() == 0, reason="the superuser may write everywhere")
def test_a_folder_that_cannot_be_written(course, capsys, monkeypatch):
    monkeypatch.setattr(grade, "starter", lambda *_: None)
    (course / "collected").chmod(0o500)
    with pytest.raises(SystemExit):
        grade.main([str(course / "collected"), "--notebooks", str(course / "notebooks"), "--trust"])
    assert "--out" in capsys.readouterr().err


def test_the_result_of_a_file_that_cannot_be_read_is_kept_and_its_name_said(course, capsys, monkeypatch):
    monkeypatch.setattr(grade, "starter", lambda *_: None)
    hand_in(course, "nan", b"not JSON")
    rows = graded(course)
    assert [rows["nan"][name] for name in SKELETONS] == ["missing"] * 3
    assert "nan/01_made_up.ipynb: can't be read: not JSON" in capsys.readouterr().err
    folder = course / "collected" / "graded" / "results"
    (stored,) = [path for path in folder.glob("*.json") if path.name != "run.json"]
    assert json.loads(stored.read_text())["seed"] == json.loads((folder / "run.json").read_text())["seed"]


# Running it, in processes


def test_one_process_with_all_that_matters(course, capsys):
    """The import that a student added, a name that is used again, an answer that ends its process, one that is the course's."""
    answers = RIGHT | {"01.1": RIGHT["01.1"].replace("x.at", "J.asarray(x).at"), "01.2": 'answer = checks.find("01.2").solution'}

    def change(changed):
        submissions.imports_of(changed)["source"] = SETUP + "\nimport jax.numpy as J"
        submissions.put(changed, "01.1", "quiet_ends = quiet_ends(jnp.ones(3))", after="check")
        submissions.put(changed, "01.3", "import os\nos._exit(3)", after="check")

    hand_in(course, "ada", submissions.handed_in(MADE_UP, answers, change))
    rows = graded(course)
    assert [rows["ada"][name] for name in SKELETONS] == ["correct", "the course's", "correct"]
    before = {path: path.stat().st_mtime_ns for path in (course / "collected" / "graded" / "results").iterdir() if path.name != "run.json"}
    capsys.readouterr()
    assert graded(course) == rows  # from what is stored
    assert {path: path.stat().st_mtime_ns for path in before} == before and "1 of 1:" not in capsys.readouterr().err


@pytest.mark.slow
def test_forty_submissions(course):
    """Each costs its own exercise alone, nothing is left running, and nothing was written where it shouldn't."""
    forty = submissions.forty(MADE_UP)
    for outside in ("network", "reads-others", "grades-itself") if BWRAP is None else ():
        del forty[outside]
    for student, (value, _) in forty.items():
        hand_in(course, student, value)
    rows = graded(course, "--jobs", "2", "--cell-seconds", "6")
    found = {student: [rows[student][name] for name in SKELETONS] for student in forty}
    expected = {student: [*states.values()] for student, (_, states) in forty.items()}
    assert found == expected
    assert not any("987654" in (process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"]))
    assert not any("me,correct" in path.read_text() for path in course.rglob("*.csv"))
    notes = (course / "collected" / "graded" / "notes.csv").read_text()
    assert "solution" in notes


@pytest.mark.slow
def test_without_isolation_the_limits_hold(course, monkeypatch):
    """And all that a submission started ends with it."""
    monkeypatch.setattr(isolation, "bubblewrap", lambda: None)
    forty = submissions.forty(MADE_UP)
    chosen = ("right", "processes", "leaves-a-child", "leaves-a-child-and-ends", "memory", "disk", "ends-its-process", "writes-on-the-pipe")
    for student in chosen:
        hand_in(course, student, forty[student][0])
    rows = graded(course, "--trust", "--jobs", "2", "--cell-seconds", "6")
    found = {student: [rows[student][name] for name in SKELETONS] for student in chosen}
    assert found.pop("disk")[1] in ("error", "crashed")  # the system refuses to write, or the grader sees it first
    assert found == {student: [*forty[student][1].values()] for student in found}
    assert not any("987654" in (process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"]))


@pytest.mark.slow
@isolated
def test_verdicts_are_the_same_when_every_cell_is_run_and_when_graded_again(course):
    chosen = {name: value for name, value in submissions.forty(MADE_UP).items() if name in ("own-import", "globals", "wrong")}
    for student, (value, _) in chosen.items():
        hand_in(course, student, value)
    rows = graded(course)
    assert graded(course, "--only", "wrong") == rows
    hints = (course / "collected" / "graded" / "hints.csv").read_text()
    assert graded(course, "--everything", "--only", *chosen) == rows
    assert (course / "collected" / "graded" / "hints.csv").read_text() == hints


@pytest.mark.slow
def test_an_interrupt_keeps_what_is_done_and_the_next_run_goes_on(course):
    hand_in(course, "a", b"not JSON"), hand_in(course, "b", submissions.handed_in(MADE_UP, RIGHT | {"01.1": "while True: pass"})), hand_in(course, "c")
    command = [sys.executable, grade.__file__, str(course / "collected"), "--notebooks", str(course / "notebooks"), *([] if BWRAP else ["--trust"])]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    while "1 of 3" not in process.stderr.readline():
        pass
    time.sleep(4)
    start = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130 and time.monotonic() - start < 10
    assert "goes on from here" in process.stderr.read()
    assert set(table(course / "collected" / "graded" / "grades.csv")) == {"a"}
    rows = graded(course, "--cell-seconds", "3")
    assert [rows["b"][name] for name in SKELETONS] == ["time limit", "correct", "correct"] and rows["c"]["correct"] == "3 of 3"


@pytest.mark.slow
@isolated
def test_a_killed_grader_leaves_no_process(course):
    hand_in(course, "b", submissions.handed_in(MADE_UP, RIGHT | {"01.1": "import subprocess\nsubprocess.run(['sleep', '876543'])"}))
    process = subprocess.Popen([sys.executable, grade.__file__, str(course / "collected"), "--notebooks", str(course / "notebooks")], stderr=subprocess.DEVNULL)
    sleeps = lambda: any("876543" in (one.info["cmdline"] or []) for one in psutil.process_iter(["cmdline"]))
    while not sleeps():
        assert process.poll() is None
        time.sleep(0.2)
    process.kill()
    process.wait()
    deadline = time.monotonic() + 10
    while sleeps() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not sleeps()


NOTEBOOKS = sorted((assignment.ROOT / "notebooks").glob("*_*.ipynb"))


def with_solutions(path):
    """What is handed out, the solutions put into the exercise cells."""
    whole = json.loads(path.read_text(encoding="utf-8"))
    handed_in = assignment.to_hand_out(whole)
    for exercise in assignment.exercises_of(whole):
        lines = assignment.source_of(submissions.cell_of(whole, exercise, "solution")).splitlines()
        text = re.sub("solution_|Solution", "", "\n".join(line for line in lines if "checks.check" not in line))
        submissions.cell_of(handed_in, exercise)["source"] = text
    return handed_in


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_course_graded_with_its_own_solutions(path, tmp_path):
    """It gets all of its exercises right."""
    withhold.copy_course(assignment.ROOT / "course_utils", tmp_path / "inside")
    cells = plan.cells(json.loads(path.read_text(encoding="utf-8")))
    limits = isolation.Limits(120, 600)
    found = notebook.Report("ada", path.stem, 7)
    start = lambda: isolation.Process(tmp_path / "inside", limits, BWRAP)
    notebook.grade(cells, plan.cells(with_solutions(path)), found, plan.checks_of(cells), start, limits)
    assert set(found.states.values()) == {"correct"}, found.hints
