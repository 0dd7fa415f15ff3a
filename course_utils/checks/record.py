"""What a student has passed: remembered from one kernel to the next, and shown by ``checks.progress()``.

The list is a small JSON file, exercise -> day on which it was first passed, in the system's folder for a user's data or
where ``$COURSE_PROGRESS`` says (``off``: nowhere). Tests and continuous integration leave no trace in it, nor
does the course's own solution: a check in a solution cell doesn't count. Whatever goes wrong with the file is said in a
line; it never raises at the student.
"""

import importlib
import json
import os
import pkgutil
import re
import tempfile
from datetime import date
from pathlib import Path

NOT_A_STUDENT = ("PYTEST_VERSION", "CI")  # one of them is set where a check is run for another reason
_passed: dict[str, str] = {}  # in this kernel


def remember(name: str, cell: str = "") -> None:
    """Note that exercise ``name`` was passed by a check in ``cell`` (its source, if known)."""
    if "#@title Solution" in cell or any(os.environ.get(variable) for variable in NOT_A_STUDENT):
        return
    _passed.setdefault(name, date.today().isoformat())
    try:
        if file := _file():
            _write(file, _read(file))
    except (OSError, ImportError):
        pass  # `progress` says why


def progress() -> None:
    """Print a table of the exercises: by notebook, how many you have passed of how many, and which are left."""
    passed, kept = dict(_passed), "nowhere, since $COURSE_PROGRESS is off; it lasts as long as this kernel"
    try:
        if file := _file():
            passed, kept = _read(file), f"in {file}"
            if _passed.keys() - passed.keys():  # an earlier check could not write them
                _write(file, passed)
    except (OSError, ImportError) as error:
        kept = f"only as long as this kernel: {error}"
    passed |= _passed
    exercises = _exercises()
    print("Notebook  Passed    Still to do")
    for number, names in exercises.items():
        left = [name for name in names if name not in passed]
        count = f"{len(names) - len(left)} of {len(names)}"
        print(f"{number:8}  {count:8}  {', '.join(left) if len(left) < len(names) else ''}".rstrip())
    together = [name for names in exercises.values() for name in names]
    print(f"{'all':8}  {sum(name in passed for name in together)} of {len(together)}")
    print(f"Kept {kept}.")


def _exercises() -> dict[str, list[str]]:
    """The names of the course's exercises, by notebook."""
    package = importlib.import_module("course_utils.checks")
    numbers = [module.name[2:] for module in pkgutil.iter_modules(package.__path__) if re.fullmatch(r"nb\w\d", module.name)]
    modules = {number: importlib.import_module(f"{package.__name__}.nb{number}") for number in sorted(numbers)}
    return {number: [exercise.name for exercise in module.exercises] for number, module in modules.items()}


def _file() -> Path | None:
    if place := os.environ.get("COURSE_PROGRESS"):
        return None if place == "off" else Path(place)
    from platformdirs import user_data_path  # JupyterLab needs it too

    return user_data_path("course-utils", appauthor=False) / "progress.json"


def _read(file: Path) -> dict[str, str]:
    """What the file holds; a damaged one is set aside, and said to be."""
    if not file.exists():
        return {}
    try:
        passed = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(passed, dict) or not all(isinstance(day, str) for day in passed.values()):
            raise ValueError("not a list of exercises and days")
        return passed
    except ValueError:  # not JSON, not UTF-8, or something else than is written here
        aside = file.with_name(f"{file.name}.damaged")
        os.replace(file, aside)
        print(f"The list of what you have passed could not be read. It now lies in {aside}, and a new one is begun.")
        return {}


def _write(file: Path, passed: dict[str, str]) -> None:
    """Write ``passed`` and what was passed in this kernel, at one stroke: a kernel may be killed at any time."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=file.parent, encoding="utf-8", delete=False) as new:
        json.dump(_passed | passed, new, indent=1, sort_keys=True)
    os.replace(new.name, file)
