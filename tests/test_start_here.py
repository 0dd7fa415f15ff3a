"""Notebook 00 says about the other notebooks what they say themselves, and its decoder names errors as JAX does."""

import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from anatomy import Notebook

ROOT = Path(__file__).parents[1]
START = Notebook(ROOT / "notebooks/00_start_here.ipynb")
OTHERS = [Notebook(path) for path in sorted(ROOT.glob("notebooks/*.ipynb")) if path != START.path]
NUMBERS = [f"{number:02}" for number in range(1, 23)] + ["A1"]


def rows(heading: str) -> list[list[str]]:
    """The cells of the tables below ``heading``, without their headers."""
    text = START.prose.partition(f"\n{heading}\n")[2]
    text = re.split(rf"^#{{1,{heading.index(' ')}}} ", text, maxsplit=1, flags=re.MULTILINE)[0]
    table = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in text.splitlines() if line.startswith("| ")]
    return [row for row in table if row[0] not in ("Notebook", "Week", "Read", "Type")]


def test_map_has_each_notebook_once():
    assert [row[0].lstrip("[")[:2] for row in rows("## The map")] == NUMBERS


@pytest.mark.parametrize("notebook", OTHERS, ids=lambda notebook: notebook.number)
def test_map_says_what_the_notebook_says(notebook):
    source = notebook.cells[0].source
    title = re.match(r"# (.+)", source)[1]
    minutes, needs = re.search(r"^\*\*Minutes\*\* (\d+) · \*\*Needs\*\* (.+)$", source, re.MULTILINE).groups()
    row = next(row for row in rows("## The map") if notebook.number in row[0])
    assert [row[0], *row[2:]] == [f"[{title}]({notebook.path.name})", minutes, needs], "write this row into the map of notebook 00"


def test_map_marks_what_is_not_written():
    written = {notebook.number for notebook in OTHERS}
    marked = {row[0][:2] for row in rows("## The map") if row[0].endswith("(not written yet)")}
    assert marked == set(NUMBERS) - written


def test_paths():
    numbers = lambda cell: re.findall(r"(?<![\w.])(\d\d)(?![\w.])", re.sub(r"\([^)]*\)", "", cell))
    assert [n for row in rows("## One evening") for n in numbers(row[0])] == ["01", "04", "06", "17", "18"]
    weeks = rows("## Ten weeks")
    assert [row[0] for row in weeks] == [str(week) for week in range(1, 11)]
    assert [n for row in weeks for n in numbers(row[1])] == ["00", *NUMBERS[:-1]]


def test_readme_has_the_same_ten_weeks():
    text = (ROOT / "README.md").read_text(encoding="utf-8").partition("\n### Ten weeks\n")[2]
    weeks = re.findall(r"^\| (\d+) \| (.+?) \| (.+) \|$", text, re.MULTILINE)
    assert weeks == [(week, re.sub(r"\[(\d\d)\]\([^)]*\)", r"\1", books), outcome) for week, books, outcome, *_ in rows("## Ten weeks")]


def test_exercises_that_are_assigned_exist():
    text = " ".join(cell for row in rows("## Ten weeks") for cell in row)
    named = set(re.findall(r"\b\d\d\.\d\b", text))
    exist = {n for notebook in OTHERS for n in re.findall(r"### Exercise (\S+)", notebook.prose)}
    written = {notebook.number for notebook in OTHERS}
    assert named and {name for name in named if name[:2] in written} <= exist


EXERCISES = {n: notebook.number for notebook in OTHERS for n in re.findall(r"^### Exercise (\S+)", notebook.prose, re.M)}


def undecided(weeks, exercises):
    """Exercises that the weeks neither assign nor withhold, or both: the table's rows say which in their last two columns."""
    assigned, withheld = (re.findall(r"\b\d\d\.\d\b", " ".join(row[column] for row in weeks)) for column in (-2, -1))
    named = assigned + withheld
    return [f"{name} is named {named.count(name)} times" for name in exercises if named.count(name) != 1]


@pytest.mark.parametrize("number", NUMBERS[:-1])
def test_ten_weeks_assign_or_withhold_each_exercise(number):
    own = [name for name, notebook in EXERCISES.items() if notebook == number]
    assert undecided(rows("## Ten weeks"), own) == [], "name it once in notebook 00's ten weeks, under Assign or Withhold"


def test_what_the_ten_weeks_forget_is_seen():
    weeks = [["1", "00", "say", "01.1, 01.3", "01.2, for a quiz"], ["2", "01", "say", "01.4", "01.3 until then"]]
    assert undecided(weeks, ["01.1", "01.2", "01.3", "01.4", "01.5"]) == ["01.3 is named 2 times", "01.5 is named 0 times"]


LEAKED = []
PROVOKED = [  # in the order of the decoder's rows
    lambda: jax.jit(lambda x: x if x > 0 else -x)(1.0),
    lambda: jax.jit(lambda x: float(x))(1.0),
    lambda: jax.jit(lambda n: list(range(n)))(3),
    lambda: jax.jit(lambda x: np.sin(x))(1.0),
    lambda: jax.jit(lambda x: x[x > 0])(jnp.ones(3)),
    lambda: (jax.jit(lambda x: LEAKED.append(x))(1.0), LEAKED[0] + 1),
    lambda: jax.jit(lambda n: jnp.zeros(n))(3),
    lambda: jnp.ones(3) + jnp.ones(4),
    lambda: jnp.ones((2, 3)) @ jnp.ones((2, 3)),
    lambda: jax.vmap(jnp.add)(jnp.ones(3), jnp.ones(4)),
    lambda: jax.grad(lambda x: x**2)(jnp.ones(3)),
    lambda: jax.grad(lambda x: x**2)(3),
]


def test_decoder_has_jax_words():
    table = rows("### The decoder")
    assert len(table) == len(PROVOKED)
    for (kind, words, *_), provoke in zip(table, PROVOKED):
        with pytest.raises(Exception) as caught:
            provoke()
        assert f"`{type(caught.value).__name__}`" == kind
        assert words.replace("`", "") in str(caught.value)
