"""Which cells of a notebook that was handed in are run, and as what.

It runs from the top as it was handed in, each check at the place where it stands. Where a check was changed or deleted, the
course's own stands in its place. Cells of the course that no exercise needs are left out, and so are its solutions.
"""

import difflib
import re
from dataclasses import dataclass

from grading.needs import Needs, needed

CHECK = re.compile(r"""^checks\.check\(["']([^"']+)["'], *(\w+)\)""", re.MULTILINE)
HEADING = re.compile(r"^#{1,3} (?:Exercise (\S+))?", re.MULTILINE)
LEVEL = re.compile(r"^(Warm-up|Core|Stretch)\.", re.MULTILINE)


@dataclass(frozen=True)
class Cell:
    """A cell of a notebook, whoever wrote the file."""

    source: str
    code: bool = True
    id: str | None = None
    tags: tuple[str, ...] = ()

    @property
    def solution(self) -> bool:
        return self.code and ("solution" in self.tags or "#@title Solution" in self.source)


@dataclass(frozen=True)
class Step:
    """A cell to run."""

    source: str
    place: int  # of the cell in what was handed in, from 0; where the course's check is put in, of the cell before it
    kind: str  # course, changed (a guess, where it asks for one), added, answer or check
    exercise: str | None = None  # in whose section it stands
    variable: str | None = None  # of a check: what the course's own check looks at


def cells(notebook) -> list[Cell]:
    """The cells of a notebook, as JSON has it. Raises ``ValueError`` if there are none; a cell that lacks something is empty."""
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        old = isinstance(notebook, dict) and "worksheets" in notebook
        raise ValueError("a notebook of an old format: open it in JupyterLab and save it again" if old else "no notebook: it has no list of cells")
    found = []
    for cell in notebook["cells"]:
        cell = cell if isinstance(cell, dict) else {}
        source = cell.get("source", "")
        source = "".join(map(str, source)) if isinstance(source, list) else str(source)
        metadata = cell.get("metadata") if isinstance(cell.get("metadata"), dict) else {}
        tags = metadata.get("tags") if isinstance(metadata.get("tags"), list) else []
        id = cell.get("id") if isinstance(cell.get("id"), str) else None
        found.append(Cell(source, cell.get("cell_type") == "code", id, tuple(map(str, tags))))
    return found


def checks_of(course: list[Cell]) -> dict[str, str]:
    """Exercise -> the name that its check looks at, in the notebook's order."""
    found = (CHECK.search(cell.source) for cell in course if "check" in cell.tags)
    return {match[1]: match[2] for match in found}


def levels(course: list[Cell]) -> dict[str, str]:
    """Exercise -> Warm-up, Core or Stretch."""
    found = {}
    for cell in course:
        if not cell.code and (exercise := _section(cell, None)) and (level := LEVEL.search(cell.source)):
            found[exercise] = level[1]
    return found


def _section(cell: Cell, before: str | None) -> str | None:
    headings = [] if cell.code else HEADING.findall(cell.source)
    return headings[-1] or None if headings else before


def matches(course: list[Cell], theirs: list[Cell]) -> dict[int, int]:
    """Place in ``theirs`` -> place in ``course`` of the cell that it was: by id, or, where an editor (Colab) lost them, by text."""
    known = {cell.id for cell in course} - {None}
    by_id = 2 * sum(cell.id in known for cell in theirs) > len(course)
    key = (lambda cell: cell.id) if by_id else (lambda cell: cell.source.strip())
    pairs = difflib.SequenceMatcher(None, [*map(key, course)], [*map(key, theirs)], autojunk=False)
    found = {b + k: a + k for a, b, size in pairs.get_matching_blocks() for k in range(size)}
    if by_id:  # a cell that was moved keeps its id
        places = {cell.id: place for place, cell in enumerate(course)}
        taken = set(found.values())
        for place, cell in enumerate(theirs):
            if place not in found and cell.id in places and places[cell.id] not in taken:
                found[place] = places[cell.id]
                taken.add(places[cell.id])
    return found


def plan(course: list[Cell], theirs: list[Cell]) -> list[Step]:
    """The code cells of what was handed in, in its order, and the checks that it lacks at the end of their sections."""
    variables, was, steps, section = checks_of(course), matches(course, theirs), [], None
    ends: dict[str, int] = {}  # exercise -> how many steps there were at the end of its section
    for place, cell in enumerate(theirs):
        section = _section(cell, section)
        original = course[was[place]] if place in was else None
        if cell.code and not cell.solution and not (original and original.solution):
            kind, exercise, check = "added", section, CHECK.search(cell.source)
            if original and "check" in original.tags:
                check = CHECK.search(original.source)
            if check and check[1] in variables and (section == check[1] or original and "check" in original.tags):
                kind, exercise = "check", check[1]
            elif original and "exercise" in original.tags:
                kind = "answer"
                exercise = _exercise_of(course, was[place])
            elif original:
                same = original.source.strip() == cell.source.strip()
                kind, exercise = "course" if same else "guess" if "predict" in original.tags else "changed", None
            steps.append(Step(cell.source, place, kind, exercise, variables.get(exercise) if kind == "check" else None))
        if section in variables:
            ends[section] = len(steps)
    for exercise, variable in reversed(variables.items()):
        if not any(step.kind == "check" and step.exercise == exercise for step in steps):
            own = [number for number, step in enumerate(steps, start=1) if step.exercise == exercise]
            if exercise in ends or own:
                end = max([ends.get(exercise, 0), *own])
                before = steps[end - 1].place if end else 0
                steps.insert(end, Step("", before, "check", exercise, variable))
    return steps


def _exercise_of(course: list[Cell], place: int) -> str | None:
    section = None
    for cell in course[: place + 1]:
        section = _section(cell, section)
    return section


def left_out(steps: list[Step], read: list[Needs]) -> set[int]:
    """The places in ``steps`` of the cells that no exercise needs, by what ``read`` says of each."""
    read = [one._replace(dynamic=False) if step.kind == "course" else one for step, one in zip(steps, read, strict=True)]
    read = [one._replace(reads=[*one.reads, step.variable]) if step.variable else one for step, one in zip(steps, read)]
    roots = {place for place, step in enumerate(steps) if step.exercise is not None}
    return set(range(len(steps))) - needed(read, roots)
