"""Write notebooks to hand out: what `make assignment` runs.

    python tests/tools/assignment.py          every notebook
    python tests/tools/assignment.py 06 07    these

A copy in build/assignment is the notebook without its solution cells, and without the outputs of the exercise and check
cells and of those that a student predicts, which are the student's to make. All else is kept, and so is the original. (The checks need the solutions, so a
determined student finds them in course_utils/checks. What is handed out just doesn't put them before their eyes.)
"""

import copy
import json
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def tags(cell: dict) -> list[str]:
    return cell["metadata"].get("tags", [])


def without_solutions(notebook: dict) -> dict:
    """A copy of a notebook, as JSON has it, to hand out."""
    notebook = copy.deepcopy(notebook)
    notebook["cells"] = [cell for cell in notebook["cells"] if "solution" not in tags(cell)]
    for cell in notebook["cells"]:
        if {"exercise", "check", "hide-output"} & set(tags(cell)):
            cell |= {"outputs": [], "execution_count": None}
    return notebook


def write_assignments(source: Path, target: Path, numbers: list[str]) -> list[Path]:
    """Copy the notebooks ``numbers`` of ``source`` (all if there are none) to ``target``; return the copies.

    Raises:
        FileNotFoundError: if there is no notebook of a number.
    """
    found = {path.stem.partition("_")[0]: path for path in sorted(source.glob("*_*.ipynb"))}
    if missing := [number for number in numbers if number not in found]:
        raise FileNotFoundError(f"no notebook {', '.join(missing)} in {source.name}; there are {', '.join(found)}")
    target.mkdir(parents=True, exist_ok=True)
    copies = []
    for number in numbers or found:
        notebook = without_solutions(json.loads(found[number].read_text(encoding="utf-8")))
        copies.append(target / found[number].name)
        text = json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True)
        copies[-1].write_text(text + "\n", encoding="utf-8")
    return copies


if __name__ == "__main__":
    try:
        for copied in write_assignments(ROOT / "notebooks", ROOT / "build" / "assignment", sys.argv[1:]):
            print(copied.relative_to(ROOT))
        for linked in ("glossary.md", "peers.md"):  # their links lead there
            shutil.copy(ROOT / "notebooks" / linked, ROOT / "build" / "assignment")
    except FileNotFoundError as error:
        sys.exit(str(error))
