"""Handing out and grading, on a made-up notebook with right, wrong, untouched, crashing and looping answers."""

import csv
import json
import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

import assignment
import grade

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


def made_up_notebook():
    cells = [new_markdown_cell("# 01 · Made up"), new_code_cell(SETUP, metadata={"tags": ["setup"]})]
    for name, (answer, skeleton) in SKELETONS.items():
        heading = "" if name > "01.1" else "## Exercises\n\n"  # in one cell with the first, as in the course
        check = f'checks.check("{name}", {answer})'
        solution = f"#@title Solution {name}\nsolution = 1 / 0"
        output = [nbformat.v4.new_output("stream", text=f"{name} not attempted yet")]
        cells += [
            new_markdown_cell(f"{heading}### Exercise {name} · Something\n\nWarm-up."),
            new_code_cell(skeleton, metadata={"tags": ["exercise"]}, execution_count=3),
            new_code_cell(check, metadata={"tags": ["check"]}, outputs=output, execution_count=4),
            new_code_cell(solution, metadata={"tags": ["solution"]}, outputs=output),
        ]
    cells += [new_markdown_cell("## Recap"), new_code_cell("7", outputs=output, execution_count=9)]
    return new_notebook(cells=cells)


@pytest.fixture
def course(tmp_path):
    path = tmp_path / "notebooks" / "01_made_up.ipynb"
    path.parent.mkdir()
    nbformat.write(made_up_notebook(), path)
    return path


def hand_out(course):
    """The assignment, as a student opens it."""
    (copy,) = assignment.write_assignments(course.parent, course.parents[1] / "assignment", [])
    return nbformat.read(copy, 4)


def hand_in(course, student, answers, change=lambda notebook: None):
    notebook = hand_out(course)
    for cell in notebook.cells:
        for name, source in answers.items():
            if cell.source == SKELETONS[name][1]:
                cell.source = source
    change(notebook)
    path = course.parents[1] / "collected" / student / course.name
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return path


def graded(course, capsys, *options):
    folder = course.parents[1] / "collected"
    assert grade.main([str(folder), "--notebooks", str(course.parent), *options]) == 0
    with open(folder / "grades.csv", newline="") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    with open(folder / "hints.csv", newline="") as file:
        hints = {(row["student"], row["exercise"]): row["hint"] for row in csv.DictReader(file)}
    table = capsys.readouterr().out
    assert all(state in table for row in rows.values() for state in row.values())
    return {student: [row[name] for name in SKELETONS] for student, row in rows.items()}, hints


# Handing out


def test_an_assignment_lacks_solutions_and_exercise_outputs_and_nothing_else(course):
    before = course.read_bytes()
    original, copy = nbformat.read(course, 4), hand_out(course)
    assert course.read_bytes() == before
    assert "olution" not in json.dumps(copy) and "not attempted" not in json.dumps(copy.cells[:-1])
    kept = [cell for cell in original.cells if "solution" not in cell.metadata.get("tags", [])]
    assert [cell.source for cell in copy.cells] == [cell.source for cell in kept]
    assert [cell.id for cell in copy.cells] == [cell.id for cell in kept]
    assert [cell.metadata for cell in copy.cells] == [cell.metadata for cell in kept]
    assert copy.cells[-1] == original.cells[-1] and copy.metadata == original.metadata
    nbformat.validate(copy)


def test_an_unknown_number_is_named(course):
    with pytest.raises(FileNotFoundError, match="no notebook 77"):
        assignment.write_assignments(course.parent, course.parent / "out", ["77"])


def test_every_notebook_can_be_handed_out(tmp_path):
    notebooks = Path(assignment.ROOT) / "notebooks"
    for copy in assignment.write_assignments(notebooks, tmp_path, []):
        original, handed_out = json.loads((notebooks / copy.name).read_text()), json.loads(copy.read_text())
        solutions = [cell for cell in original["cells"] if "solution" in assignment.tags(cell)]
        assert len(original["cells"]) - len(handed_out["cells"]) == len(solutions)
        assert "#@title Solution" not in copy.read_text()


# What is run


def cheat(notebook):
    for cell in notebook.cells:
        if "checks.check" in cell.source:
            cell.source = f'print("{cell.source[14:18]} correct.")'


def add_cells(notebook):
    place = [cell.source for cell in notebook.cells].index(WITH_HELPER)
    notebook.cells.insert(place, new_code_cell(HELPER))
    notebook.cells.insert(place + 3, new_code_cell("1 / 0  # a try, after the check"))


def lose_ids(notebook):  # as Colab does
    add_cells(notebook)
    notebook.nbformat_minor = 0
    for cell in notebook.cells:
        del cell["id"]


HELPER = "def silence(x):\n    return x.at[jnp.array([0, -1])].set(0)"
WITH_HELPER = "def quiet_ends(x):\n    return silence(x)"


@pytest.mark.parametrize("change", [add_cells, lose_ids])
def test_added_cells_run_where_they_were_added_and_the_check_after_them(course, change):
    path = hand_in(course, "kim", RIGHT | {"01.1": WITH_HELPER}, change)
    steps = grade.plan(nbformat.read(course, 4), nbformat.read(path, 4))
    assert [(step.source, step.exercise, step.student, step.is_check) for step in steps] == [
        (SETUP, None, False, False),
        (HELPER, "01.1", True, False),
        (WITH_HELPER, "01.1", True, False),
        ("1 / 0  # a try, after the check", "01.1", True, False),
        ('checks.check("01.1", quiet_ends)', "01.1", False, True),
        (RIGHT["01.2"], "01.2", True, False),
        ('checks.check("01.2", answer)', "01.2", False, True),
        (RIGHT["01.3"], "01.3", True, False),
        ('checks.check("01.3", norm)', "01.3", False, True),
        ("7", None, False, False),
    ]


def test_edited_checks_and_other_edited_cells_do_not_count(course):
    def change(notebook):
        cheat(notebook)
        notebook.cells[1].source = "from nowhere import checks"

    path = hand_in(course, "joe", {}, change)
    steps = grade.plan(nbformat.read(course, 4), nbformat.read(path, 4))
    untouched = [
        SETUP,
        *(line for name, cell in SKELETONS.items() for line in (cell[1], f'checks.check("{name}", {cell[0]})')),
    ]
    assert [step.source for step in steps] == [*untouched, "7"]


def test_files_are_found_with_and_without_folders(course, capsys):
    path = hand_in(course, "x", RIGHT)
    collected = course.parents[1] / "collected"
    renamed = hand_in(course, "y", RIGHT).rename(collected / "y" / "my copy.ipynb")
    moved = path.rename(collected / "01_made_up (mia).ipynb")
    (collected / "other.ipynb").write_text("{}")
    found = grade.collect(collected, {course.stem: course})
    assert found == {("mia", course.stem): moved, ("y", course.stem): renamed}
    assert "other.ipynb: left out" in capsys.readouterr().err


def test_a_file_that_cannot_be_read_and_an_empty_folder(course, capsys):
    hand_in(course, "nan", {}).write_text("not JSON")
    states, hints = graded(course, capsys)
    assert states == {"nan": ["missing"] * 3} and "cannot be read" in hints["nan", "01.1"]
    with pytest.raises(SystemExit):
        grade.main([str(course.parent), "--notebooks", str(course.parent / "nothing")])
    assert "no notebook of the course" in capsys.readouterr().err


# Running it, in processes of their own


def test_right_wrong_untouched_and_crashing(course, capsys):
    hand_in(course, "ada", RIGHT | {"01.2": "import os\nos._exit(1)"})
    hand_in(course, "bob", {"01.1": "def quiet_ends(x):\n    return x", "01.3": "def norm(x) return x"})
    aborts_on_after_an_error = "k = get_ipython().kernel\nk._abort_queues = lambda *_: setattr(k, '_aborting', True)\n1 / 0"
    hand_in(course, "cyn", RIGHT | {"01.2": aborts_on_after_an_error})  # else for a moment: the next cell may fall into it
    states, hints = graded(course, capsys, "--jobs", "2")
    assert states == {
        "ada": ["correct", "crashed", "correct"],
        "bob": ["wrong", "untouched", "error"],
        "cyn": ["correct", "error", "correct"],
    }
    assert hints["bob", "01.1"].startswith("x comes back unchanged") and hints["bob", "01.3"].startswith("SyntaxError")


@pytest.mark.slow
def test_loops_cost_their_own_exercise_alone(course, capsys):
    deaf = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass"
    hand_in(course, "eve", RIGHT | {"01.2": "while True: pass"})
    hand_in(course, "fay", RIGHT | {"01.1": "def quiet_ends(x):\n    while True: pass"})
    hand_in(course, "hal", RIGHT | {"01.1": deaf})
    states, _ = graded(course, capsys, "--cell-seconds", "20")
    assert states == {
        "eve": ["correct", "time limit", "correct"],
        "fay": ["time limit", "correct", "correct"],
        "hal": ["time limit", "correct", "correct"],
    }


@pytest.mark.slow
def test_all_of_it_as_students_do_it(course, capsys):
    hand_in(course, "ida", RIGHT)
    hand_in(course, "joe", {}, cheat)
    hand_in(course, "kim", RIGHT | {"01.1": WITH_HELPER}, add_cells)
    hand_in(course, "lea", RIGHT | {"01.1": WITH_HELPER}, lose_ids)
    hand_in(course, "mia", RIGHT | {"01.3": "def norm(x):\n    return jnp.linalg.norm(x.astype(answer[2]))"})  # uses 01.2
    states, _ = graded(course, capsys)
    assert states.pop("joe") == ["untouched"] * 3
    assert states == {name: ["correct"] * 3 for name in ("ida", "kim", "lea", "mia")}
    states, _ = graded(course, capsys, "--notebook-seconds", "0")
    assert set(map(tuple, states.values())) == {("time limit",) * 3}


# Not 19, 20 and 21, which take minutes each: their exercises use nothing that stands above them, and `make test` checks their solutions.
LONG = ("19", "20", "21", "22")
NOTEBOOKS = [path for path in sorted((assignment.ROOT / "notebooks").glob("*_*.ipynb")) if path.stem[:2] not in LONG]


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_course_graded_with_its_own_solutions(path):
    """What is handed out, the solutions put into the exercise cells, gets all of its exercises right."""
    handed_in = nbformat.from_dict(assignment.without_solutions(json.loads(path.read_text())))
    solutions = [cell for cell in nbformat.read(path, 4).cells if "solution" in cell.metadata.get("tags", [])]
    exercises = [cell for cell in handed_in.cells if "exercise" in cell.metadata.get("tags", [])]
    for exercise, solution in zip(exercises, solutions, strict=True):
        lines = solution.source.splitlines()
        exercise.source = re.sub("solution_|Solution", "", "\n".join(line for line in lines if "checks.check" not in line))
    report = grade.grade(nbformat.read(path, 4), handed_in, grade.Report("ada", path.stem), 120, 600)
    assert set(report.states.values()) <= {"correct"}, report.hints
