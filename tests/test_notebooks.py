"""The notebooks are made as CONTRIBUTING.md says, and the rules that say so find what breaks them."""

import copy
import json
import re
from collections import Counter
from importlib import import_module
from pathlib import Path

import anatomy
import pytest
from anatomy import METADATA, Notebook, violations

ROOT = Path(__file__).parents[1]
NOTEBOOKS = [Notebook(path) for path in sorted(ROOT.glob("notebooks/*.ipynb"))]
each_notebook = pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.number)

# How many cells of each notebook go uncompared. Change a number when each of that notebook's `timing` cells prints a time, a
# ratio of times, a device or memory, and nothing that could be compared.
TIMING_CELLS = {
    "01": 3, "02": 1, "03": 4, "06": 2, "07": 1, "09": 1, "10": 1, "11": 1, "12": 1, "13": 1, "14": 1, "16": 1, "17": 3, "18": 2, "19": 2, "20": 1, "21": 4, "22": 1, "A1": 1,
}  # fmt: skip


@each_notebook
@pytest.mark.parametrize("rule", anatomy.RULES, ids=lambda rule: rule.__name__)
def test_notebook(notebook, rule):
    found = violations(notebook, [rule])
    if found:
        pytest.fail("\n".join([notebook.path.name, *found]), pytrace=False)


def test_setup_cell_and_address_are_the_same_everywhere():
    setups = {notebook.code[0].source for notebook in NOTEBOOKS}
    assert len(setups) == 1, "\n---\n".join(setups)
    assert len({anatomy.BADGE.search(notebook.cells[0].source)[1] for notebook in NOTEBOOKS}) == 1


def test_timing_cells_are_counted():
    counts = Counter(notebook.number for notebook in NOTEBOOKS for cell in notebook.code if "timing" in cell.tags)
    differ = {number: counts[number] for number in counts | TIMING_CELLS if counts[number] != TIMING_CELLS.get(number, 0)}
    assert not differ, "notebooks with another number of timing cells than TIMING_CELLS says; read the comment there"


def test_no_line_begins_with_a_percent_sign():
    """``myst-nb`` takes it for a comment, and the line is gone from the page: findings/mystnb_line_that_begins_with_percent.sh."""
    markdown = [(notebook.number, cell.source) for notebook in NOTEBOOKS for cell in notebook.cells if cell["cell_type"] == "markdown"]
    lost = [(number, line) for number, source in markdown for line in source.splitlines() if line.lstrip().startswith("%")]
    assert lost == [], "join it to the line before"


@each_notebook
def test_exercises_have_checks_and_checks_have_exercises(notebook):
    asked = sorted(set(re.findall(r'checks\.check\("([^"]+)"', "\n".join(cell.source for cell in notebook.code))))
    if (ROOT / f"course_utils/checks/nb{notebook.number}.py").exists():
        checked = sorted(exercise.name for exercise in import_module(f"course_utils.checks.nb{notebook.number}").exercises)
    else:
        checked = []
    assert asked == checked


@each_notebook
def test_predictions_are_answered_by_the_cells_that_follow(notebook):
    """Each prediction of `checks` is asked once, and the cell after it stores what it says can be read there."""
    cells = notebook.cells
    asked = {found[1]: cells[place + 1] for place, cell in enumerate(cells) if (found := re.match(r'\w+ = \.\.\.\nchecks\.predict\("([^"]+)"', cell.source))}
    try:
        known = getattr(import_module(f"course_utils.checks.nb{notebook.number}"), "predictions", [])
    except ModuleNotFoundError:
        known = []
    assert sorted(asked) == sorted(prediction.name for prediction in known)
    for prediction in known:
        assert prediction.shown in asked[prediction.name].text, f"{prediction.name}: {asked[prediction.name].text}"


# --- The rules themselves, on a small notebook that follows them, and on what is one step away from it.


def markdown(name, source):
    return {"cell_type": "markdown", "id": name, "metadata": {}, "source": source}


def code(name, source, outputs=(), tags=(), **metadata):
    metadata |= {"tags": list(tags)} if tags else {}
    return {"cell_type": "code", "id": name, "metadata": metadata, "source": source, "outputs": list(outputs), "execution_count": 0}


def printed(text, name="stdout"):
    return [{"output_type": "stream", "name": name, "text": text}]


def exercise_cells(name):
    prompt = f"### Exercise {name} · Twice\n\nWarm-up. Write `twice(x)`."
    solution = f'#@title Solution {name}\ndef solution_twice(x):\n    return 2 * x\n\n\nchecks.check("{name}", solution_twice)'
    return [
        markdown(f"prompt-{name}", "## Exercises\n\n" * name.endswith(".1") + prompt),
        code(f"student-{name}", "def twice(x):\n    ...", tags=["exercise"]),
        code(f"check-{name}", f'checks.check("{name}", twice)', printed(f"{name} not attempted yet: …\n"), ["check"]),
        code(
            f"solution-{name}", solution, printed(f"{name} correct.\n"), ["solution"], jupyter={"source_hidden": True}, cellView="form"
        ),
    ]


def prediction_cells(name):
    guess = code(f"guess-{name}", f'shape = ...\nchecks.predict("{name}", shape)', printed(f"{name} no prediction yet.\n"), ["predict"])
    shows = code(f"shows-{name}", "print(x.shape)", printed("(3,)\n"), ["hide-output"], jupyter={"outputs_hidden": True})
    return [markdown(f"asks-{name}", f"Prose.\n\n**Predict {name}.** Which shape has x?"), guess, shows]


BADGE = (
    "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]"
    "(https://colab.research.google.com/github/OWNER/NAME/blob/main/notebooks/07_sample.ipynb)"
)
FIGURE = {
    "output_type": "display_data",
    "data": {"image/png": "", "text/plain": "Figure"},
    "metadata": {"image/png": {"alt": "A line that rises from left to right."}},
}
SAMPLE = [
    markdown("title", f"# 07 · Sample\n\nA sentence of promise.\n\n{BADGE}\n\n**Minutes** 25 · **Needs** 04, 06"),
    markdown("outcomes", "**After this notebook you can**\n\n- read;\n- write;\n- count."),
    code("setup", "course_utils.about()", tags=["setup"]),
    markdown("body", "## A section\n\nProse with `code!`, $n!$ and a [link](07_sample.ipynb#A-section)."),
    code("value", "print(1.5)", printed("1.5\n")),
    code("clock", "print(perf_counter() - start)", printed("0.1\n"), ["timing"]),
    code("figure", "plotting.show(figure, alt=alt)", [FIGURE]),
    code("beside", "print(slope)", printed("2.0\n")),
    *(cell for letter in "abc" for cell in prediction_cells(f"07.{letter}")),
    markdown("pitfalls", "## Pitfalls\n\n**One.** Text."),
    code("one", "print(1)", printed("1\n")),
    markdown("more", "**Two.** Text."),
    code("two", "print(2)", printed("2\n")),
    *(cell for k in (1, 2, 3) for cell in exercise_cells(f"07.{k}")),
    markdown("recap", "## Recap\n\n- one\n- two\n- three\n\n**Next:** [08](07_sample.ipynb)\n\n**Sources**\n\n- A. Author"),
]


def notebook_of(tmp_path, cells, metadata=METADATA):
    for count, cell in enumerate((cell for cell in cells if cell["cell_type"] == "code"), start=1):
        if cell["execution_count"] == 0:
            cell["execution_count"] = count
    path = tmp_path / "07_sample.ipynb"
    path.write_text(json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}), encoding="utf-8")
    return Notebook(path)


def test_sample_follows_the_rules(tmp_path):
    assert violations(notebook_of(tmp_path, copy.deepcopy(SAMPLE))) == []


def replace(name, old, new):
    """A change of one cell's source."""

    def change(cells):
        assert old in cells[name]["source"]
        cells[name]["source"] = cells[name]["source"].replace(old, new)

    return change


def put(name, **fields):
    return lambda cells: cells[name].update(copy.deepcopy(fields))


def drop(name):
    return lambda cells: cells.pop(name)


WITHOUT_ALT = FIGURE | {"metadata": {}}
BROKEN = [  # rule, what breaks it, what it says
    ("executed", put("value", execution_count=None), "not run in order: cells value: make notebooks NB=07"),
    ("executed", put("value", execution_count=7), "not run in order: cells value: make notebooks NB=07"),
    ("executed", put("value", source=" "), "empty cells value"),
    ("executed", put("value", outputs=printed("1\n") + printed("2\n")), "in pieces"),
    ("quiet", put("value", outputs=[{"output_type": "error", "ename": "TypeError"}]), "stores an error, TypeError"),
    ("quiet", put("value", outputs=printed("careful", "stderr")), "prints to stderr: 'careful'"),
    ("quiet", put("value", outputs=printed("<f at 0x7f5c12ab34>")), "an object's address"),
    ("quiet", put("value", outputs=printed("in /home/ada/course")), "a path of this machine"),
    ("compared", put("value", metadata={"tags": ["nbval-ignore-output"]}), "value is tagged nbval-ignore-output"),
    ("compared", put("value", metadata={"tags": ["raises-exception"]}), "value is tagged raises-exception"),
    ("compared", put("value", source="# NBVAL_SKIP\nprint(1)"), "value has a comment for nbval"),
    ("compared", put("value", metadata={"tags": ["timing"]}), "value is tagged timing and measures nothing"),
    ("title", replace("title", "# 07", "# 08"), "# 07 · Title"),
    ("title", replace("title", "07_sample", "08_other"), "opens 08_other"),
    ("title", replace("title", "[![", "!["), "no Colab badge"),
    ("title", replace("title", "25", "some"), "**Minutes**"),
    ("title", replace("title", "06", "07"), "needs only earlier ones"),
    ("title", replace("title", "A sentence of promise.", ""), "no sentence of promise"),
    ("outcomes", replace("outcomes", "After", "Before"), "After this notebook you can"),
    ("outcomes", replace("outcomes", "- count.", ""), "2 things"),
    ("setup", put("setup", metadata={}), "tagged setup"),
    ("setup", put("value", metadata={"tags": ["setup"]}), "tagged setup"),
    ("pitfalls", replace("more", "**Two.** ", ""), "1 pitfalls"),
    ("pitfalls", drop("one"), "made on purpose"),
    ("predictions", replace("guess-07.b", "07.b", "07.d"), "predictions are 07.a, 07.d, 07.c"),
    ("predictions", drop("guess-07.c"), "2 predictions"),
    ("predictions", drop("guess-07.c"), "3 cells are tagged hide-output"),
    ("predictions", put("guess-07.a", metadata={"tags": ["check"]}), "tagged predict, two lines"),
    ("predictions", replace("guess-07.a", "...", "(3,)"), "tagged predict, two lines"),
    ("predictions", put("guess-07.a", outputs=printed("07.a as you say.\n")), "not that there is no prediction yet"),
    ("predictions", replace("asks-07.a", "**Predict 07.a.** ", ""), "ends with `**Predict 07.a.** `"),
    ("predictions", put("shows-07.a", metadata={"tags": ["hide-output"]}), "outputs_hidden"),
    ("exercises", replace("prompt-07.2", "07.2", "07.4"), "numbered 07.1, 07.4, 07.3"),
    ("exercises", replace("prompt-07.2", "Warm-up", "Easy"), "exercise 07.2 says Warm-up"),
    ("exercises", drop("student-07.2"), "cells tagged exercise, check, solution"),
    ("exercises", lambda cells: [cells.pop(name) for name in list(cells) if "07.3" in name], "2 exercises"),
    ("exercises", replace("check-07.2", "twice", "thrice"), "a skeleton of thrice"),
    ("exercises", replace("check-07.2", "07.2", "07.1"), 'checks.check("07.2", …)'),
    ("exercises", replace("student-07.2", "...", "return 2 * x"), "a skeleton of twice"),
    ("exercises", put("check-07.2", outputs=printed("07.2 correct.\n")), "not `not attempted yet`"),
    ("exercises", put("solution-07.2", outputs=printed("07.2 not yet: …\n")), "stores '07.2 not yet: …'"),
    ("exercises", replace("solution-07.2", "#@title", "# title"), "starts with `#@title Solution 07.2`"),
    ("exercises", replace("solution-07.2", ", solution_twice)", ", twice)"), "ends with"),
    ("exercises", put("solution-07.2", metadata={"tags": ["solution"]}), "source_hidden"),
    ("exercises", put("value", metadata={"tags": ["check"]}), "tagged check and the prompts"),
    ("closing", replace("recap", "- three\n", ""), "2 lines"),
    ("closing", replace("recap", "(07_sample.ipynb)", ""), "**Next:**"),
    ("closing", replace("recap", "- A. Author", ""), "**Sources**"),
    ("headings", replace("body", "## A section", "# A section"), "one heading `#`"),
    ("headings", replace("body", "## A section", "### A section"), "skips a level"),
    ("headings", lambda cells: cells.update(pitfalls=cells.pop("pitfalls")), "in the order"),
    ("sizes", put("value", source="print(1)\n" * 26), "26 lines"),
    ("sizes", lambda cells: [cell.update(source="x = 1\n" * 9) for cell in cells.values()], "median"),
    ("sizes", put("value", source="x" * 500_000), "at most 500"),
    ("figures", put("figure", outputs=[WITHOUT_ALT]), "figure without alt text"),
    ("figures", put("figure", outputs=[FIGURE | {"data": {"image/svg+xml": "<svg/>"}}]), "no PNG"),
    ("figures", put("beside", outputs=[]), "nothing compared beside the figure"),
    ("figures", put("beside", metadata={"tags": ["timing"]}), "nothing compared beside the figure"),
    ("words", put("value", source="jax.random.PRNGKey(0)"), "use jax.random.key"),
    ("words", replace("body", "Prose", "TODO"), "take it out"),
    ("words", replace("body", "Prose", "A colour"), "'colour' is British"),
    ("words", replace("body", "Prose", "Well done! Prose"), "an exclamation mark"),
    ("words", replace("body", "Prose", "\U0001f600"), "an emoji"),
    ("links", replace("body", "07_sample.ipynb#", "70_sample.ipynb#"), "leads nowhere"),
    ("links", replace("body", "#A-section", "#B-section"), "leads to no heading"),
]


@pytest.mark.parametrize(("rule", "change", "said"), BROKEN, ids=[f"{rule}-{said}" for rule, _, said in BROKEN])
def test_rule_finds_what_breaks_it(tmp_path, rule, change, said):
    cells = {cell["id"]: cell for cell in copy.deepcopy(SAMPLE)}
    change(cells)
    found = violations(notebook_of(tmp_path, list(cells.values())), [getattr(anatomy, rule)])
    assert any(said in line for line in found), found


def test_every_rule_has_been_broken():
    assert {rule for rule, _, _ in BROKEN} == {rule.__name__ for rule in anatomy.RULES}


def test_metadata_are_the_same_everywhere(tmp_path):
    found = violations(notebook_of(tmp_path, copy.deepcopy(SAMPLE), METADATA | {"widgets": {}}), [anatomy.executed])
    assert found == ["the notebook's metadata differ from what is stored everywhere: make notebooks NB=07"]
