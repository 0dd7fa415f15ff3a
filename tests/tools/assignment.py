"""Write notebooks to hand out: what `make assignment` runs.

    python tests/tools/assignment.py                          every notebook
    python tests/tools/assignment.py 06 16                    these
    python tests/tools/assignment.py 06 16 --without 06.4     these, without an exercise that is kept for an exam

A copy in build/assignment is the notebook without its solution cells, without the exercises withheld, and without the outputs
of the exercise and check cells and of those that a student predicts, which are the student's to make. All else is kept, and so
is the original. What was set is written into the copy's metadata, from where `make grade` knows it. Beside the copies lies a
README.md that says what a student installs. (The checks need the solutions, so a determined student finds them in
course_utils/checks. What is handed out just doesn't put them before their eyes.)
"""

import argparse
import copy
import hashlib
import json
import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXERCISE = re.compile(r"^### Exercise (\S+)", re.MULTILINE)
HEADING = re.compile(r"^#{1,3} ", re.MULTILINE)


def tags(cell: dict) -> list[str]:
    return cell["metadata"].get("tags", [])


def source_of(cell: dict) -> str:
    return "".join(cell["source"])


def exercises_of(notebook: dict) -> list[str]:
    """The names of a notebook's exercises, in its order."""
    return [name for cell in notebook["cells"] if cell["cell_type"] == "markdown" for name in EXERCISE.findall(source_of(cell))]


def to_hand_out(notebook: dict, without=()) -> dict:
    """A copy of a notebook, as JSON has it, to hand out without the solutions, and without the exercises in ``without``."""
    notebook = copy.deepcopy(notebook)
    kept, exercise = [], None
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown" and HEADING.search(source_of(cell)):
            exercise = (EXERCISE.findall(source_of(cell)) or [None])[-1]
            if exercise in without:
                before = EXERCISE.split(source_of(cell))[0].rstrip()  # the heading of all exercises may stand in the first one's cell
                if before:
                    kept.append(cell | {"source": [before]})
        if exercise not in without and "solution" not in tags(cell):
            kept.append(cell)
    for cell in kept:
        if {"exercise", "check", "hide-output"} & set(tags(cell)):
            cell |= {"outputs": [], "execution_count": None}
    given = [name for name in exercises_of(notebook) if name not in without]
    notebook["cells"] = kept
    notebook["metadata"]["course"] = {"set": given, "hash": signature(notebook, given)}
    return notebook


def signature(handed_out: dict, given: list[str]) -> str:
    """What tells that a list of exercises is the one that was written with this text."""
    text = json.dumps([given, [source_of(cell) for cell in handed_out["cells"]]])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def was_set(course: dict, handed_in: dict) -> list[str] | None:
    """The exercises that were set, by a notebook that was handed in; None if it doesn't say so, or its list was edited."""
    said = handed_in.get("metadata", {}).get("course") if isinstance(handed_in.get("metadata"), dict) else None
    known = exercises_of(course)
    given = said.get("set") if isinstance(said, dict) else None
    if not isinstance(given, list) or not set(map(str, given)) <= set(known):
        return None
    expected = to_hand_out(course, [name for name in known if name not in given])["metadata"]["course"]
    return expected["set"] if said == expected else None


def write_assignments(source: Path, target: Path, numbers: list[str], without: list[str] = ()) -> list[Path]:
    """Copy the notebooks ``numbers`` of ``source`` (all if there are none) to ``target``; return the copies.

    Raises:
        FileNotFoundError: if there is no notebook of a number.
        ValueError: if an exercise to be withheld isn't in these notebooks, or none is left.
    """
    found = {path.stem.partition("_")[0]: path for path in sorted(source.glob("*_*.ipynb"))}
    if missing := [number for number in numbers if number not in found]:
        raise FileNotFoundError(f"no notebook {', '.join(missing)} in {source.name}; there are {', '.join(found)}")
    notebooks = {number: json.loads(found[number].read_text(encoding="utf-8")) for number in numbers or found}
    there = [name for notebook in notebooks.values() for name in exercises_of(notebook)]
    if unknown := [name for name in without if name not in there]:
        raise ValueError(f"no exercise {', '.join(unknown)} to withhold; there are {', '.join(there)}")
    target.mkdir(parents=True, exist_ok=True)
    copies = []
    for number, notebook in notebooks.items():
        copies.append(target / found[number].name)
        text = json.dumps(to_hand_out(notebook, without), indent=1, ensure_ascii=False, sort_keys=True)
        copies[-1].write_text(text + "\n", encoding="utf-8")
    return copies


def what_to_install(names: list[str], repository: str) -> str:
    """The README.md of a handout."""
    published = "OWNER/NAME" not in repository
    place = f'"git+{repository}"' if published else '"folder/of/the/course"'
    colab = "In Colab there is nothing to install: each notebook's first cell does it."
    folder = "Put the path of the course's folder, which your teacher gives you, in place of `folder/of/the/course`."
    listed = "\n".join(f"- {name}" for name in names)
    return f"""# What to install

You need Python 3.11 or newer. In the folder of these notebooks:

```sh
python -m venv .venv
source .venv/bin/activate        # Windows: .venv\\Scripts\\activate
python -m pip install jupyterlab {place}
jupyter lab
```

{colab if published else folder}

Write each answer into the cell that is there for it, and run the check below it. Save, and hand in the notebook itself, under
its own name. Cells that you add, and imports that you change, go with it: it is run from the top, as you hand it in.

{listed}
"""


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(description="Write notebooks to hand out, into build/assignment.")
    parser.add_argument("numbers", nargs="*", help="of notebooks: 06 16; all of them if there are none")
    parser.add_argument("--without", nargs="*", default=[], metavar="EXERCISE", help="exercises to withhold: 06.4 16.3")
    options = parser.parse_args(arguments)
    target = ROOT / "build" / "assignment"
    try:
        copies = write_assignments(ROOT / "notebooks", target, options.numbers, options.without)
    except (FileNotFoundError, ValueError) as error:
        parser.exit(1, f"{error}\n")
    repository = re.search(r'^Repository = "([^"]+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)[1]
    (target / "README.md").write_text(what_to_install([path.name for path in copies], repository), encoding="utf-8")
    for linked in ("glossary.md", "peers.md"):  # their links lead there
        shutil.copy(ROOT / "notebooks" / linked, target)
    for path in [*copies, target / "README.md"]:
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    sys.exit(main())
