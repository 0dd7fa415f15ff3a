"""Grade notebooks that were handed in: what `make grade DIR=folder` runs.

    python tests/tools/grade.py folder [--cell-seconds 60] [--notebook-seconds 600] [--jobs 1]

`folder` holds folder/student/*.ipynb, or folder/*.ipynb with the student in the file's name ("06_loops ada.ipynb").
Prints a table, student × exercise, and writes it to folder/grades.csv, with the hints in folder/hints.csv.

Each notebook runs in a process of its own: the course's notebook, with the student's exercise cells in place of the
skeletons and the cells they added where they added them. The checks are the course's own, so edited ones don't count,
nor do changes to other cells. A cell that takes too long is interrupted, and one that can't be interrupted or takes the
process down is left out and the notebook run again, so that it costs its own exercise alone. This is help against
accidents, not against malice: the process can do whatever the student's code says. Run it where that does no harm.
"""

import argparse
import csv
import difflib
import json
import os
import queue
import re
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from jupyter_client.manager import KernelManager
from nbval.kernel import CURRENT_ENV_KERNEL_NAME, NbvalKernelspecManager

ROOT = Path(__file__).parents[2]
CHECK = re.compile(r'^checks\.check\("([^"]+)", (\w+)\)$', re.MULTILINE)
STATES = {
    "correct": "correct",
    "not yet": "wrong",
    "not attempted yet": "untouched",
    "cannot be checked": "error",
}  # a check's word: the table's; others: error, time limit, crashed, missing
START_SECONDS, INTERRUPT_SECONDS = 120, 10


@dataclass(frozen=True)
class Step:
    """A code cell to run: of the course, of the student, or a check."""

    source: str
    exercise: str | None = None  # in whose section it stands
    student: bool = False
    is_check: bool = False


@dataclass
class Report:
    """What came of one notebook: for each exercise a state, and a hint or error message."""

    student: str
    notebook: str
    states: dict[str, str] = field(default_factory=dict)
    hints: dict[str, str] = field(default_factory=dict)

    def set(self, exercise: str, state: str, hint: str = "") -> None:
        self.states[exercise], self.hints[exercise] = state, hint


def plan(course, handed_in) -> list[Step]:
    """The code cells to run, in order: the course's, with the student's answers and added cells among them.

    Cells are matched by id, which JupyterLab keeps, or where an editor (Colab) doesn't, by their text. In both cases
    the student's other cells run after the course's cell that they follow; a check waits for those that follow it.
    """
    known = {cell.get("id") for cell in course.cells}
    by_id = 2 * sum(cell.get("id") in known for cell in handed_in.cells) > len(course.cells)
    key = (lambda cell: cell.get("id")) if by_id else (lambda cell: cell.source.strip())
    pairs = difflib.SequenceMatcher(None, [*map(key, course.cells)], [*map(key, handed_in.cells)], autojunk=False)
    theirs = {a + k: b + k for a, b, size in pairs.get_matching_blocks() for k in range(size)}
    matched, steps, waiting, exercise = set(theirs.values()), [], None, None
    for place, cell in enumerate([None, *course.cells], start=-1):  # None: what the student put before everything
        if cell is not None and cell.cell_type == "markdown":
            steps, waiting = steps + ([waiting] if waiting else []), None
            if headings := re.findall(r"^#{2,3} (?:Exercise (\S+))?", cell.source, re.MULTILINE):
                exercise = headings[-1] or None
        elif cell is not None and "check" in tags(cell):
            waiting = Step(cell.source, exercise, is_check=True)
        elif cell is not None and "solution" not in tags(cell):
            student = handed_in.cells[theirs[place]] if place in theirs else None
            if "exercise" not in tags(cell):
                steps.append(Step(cell.source))
            elif student is not None:
                steps.append(Step(student.source, exercise, student=True))
        after = theirs.get(place, -1 if cell is None else None)
        while after is not None and (after := after + 1) < len(handed_in.cells) and after not in matched:
            added = handed_in.cells[after]
            if added.cell_type == "code" and "solution" not in tags(added) and "#@title Solution" not in added.source:
                steps.append(Step(added.source, exercise, student=True))
    return steps + ([waiting] if waiting else [])


def tags(cell) -> list[str]:
    return cell.metadata.get("tags", [])


class Kernel:
    """A process that runs cells one by one, each with a time limit."""

    def __init__(self, folder: str, records: Path):
        self.manager = KernelManager(kernel_name=CURRENT_ENV_KERNEL_NAME, kernel_spec_manager=NbvalKernelspecManager())
        environment = dict(os.environ, JAX_PLATFORMS=os.environ.get("JAX_PLATFORMS", "cpu"), COURSE_GRADES=str(records))
        self.manager.start_kernel(cwd=folder, env=environment, extra_arguments=["--IPKernelApp.log_level=ERROR"])
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=START_SECONDS)

    def run(self, source: str, seconds: float) -> tuple[str, str]:
        """How the cell ended, and a message: ok, error, time limit (interrupted), hangs (in spite of it) or crashed."""
        # stop_on_error: after an error the kernel would refuse, for a moment, what is sent next: the exercise's check.
        message = self.client.execute(source, store_history=False, allow_stdin=False, stop_on_error=False)
        reply = self._reply(message, seconds)
        if reply is None and self.manager.is_alive():
            self.manager.interrupt_kernel()
            interrupted = self._reply(message, INTERRUPT_SECONDS)
            return ("time limit" if interrupted else "hangs"), f"stopped after {seconds:.0f} s"
        if reply is None:
            return "crashed", "the cell took its process down"
        if reply["status"] == "ok":
            return "ok", ""
        return "error", f"{reply.get('ename', 'Error')}: {reply.get('evalue', '')}".splitlines()[0][:200]

    def _reply(self, message: str, seconds: float) -> dict | None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.manager.is_alive():
            try:
                reply = self.client.get_shell_msg(timeout=min(1.0, max(0.01, deadline - time.monotonic())))
            except queue.Empty:
                continue
            if reply["parent_header"].get("msg_id") == message:
                return reply["content"]
        return None

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


def grade(course, handed_in, report: Report, cell_seconds: float, notebook_seconds: float) -> Report:
    """Run what a student handed in and fill in the ``report``."""
    steps = plan(course, handed_in)
    names = {step.exercise: CHECK.search(step.source)[2] for step in steps if step.is_check}
    for exercise in names:
        report.set(exercise, "missing", "its cells are not in the notebook, or were never reached")
    deadline = time.monotonic() + notebook_seconds
    left_out: set[int] = set()
    while (fatal := run_through(steps, names, left_out, report, cell_seconds, deadline)) is not None:
        left_out.add(fatal)
    return report


def run_through(steps, names, left_out, report, cell_seconds, deadline) -> int | None:
    """Run all steps but those left out. Returns the place of a step that made the process useless, if there is one."""
    given_up = {steps[place].exercise for place in left_out} - {None}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        records = Path(folder) / "records.jsonl"
        kernel = Kernel(folder, records)
        try:
            for place, step in enumerate(steps):
                if place in left_out or step.exercise in given_up:
                    continue
                if time.monotonic() > deadline:
                    for exercise in names:
                        if report.states[exercise] == "missing":
                            report.set(exercise, "time limit", "the notebook took too long as a whole")
                    return None
                records.unlink(missing_ok=True)
                own = step.is_check or step.student  # the course's other cells may take the time they need
                outcome, message = kernel.run(step.source, cell_seconds if own else deadline - time.monotonic())
                if step.exercise in names:
                    record(report, step, outcome, message, records)
                if outcome in ("hangs", "crashed"):
                    return place
                if step.is_check and list(names.values()).count(names[step.exercise]) > 1:
                    # another exercise has the same name, and must not find this answer under it
                    kernel.run(f"globals().pop({names[step.exercise]!r}, None)", cell_seconds)
        finally:
            kernel.close()
    return None


def record(report: Report, step: Step, outcome: str, message: str, records: Path) -> None:
    """Write into the report what a student's cell or a check came to. What a check says counts, if it says anything."""
    if step.is_check and outcome == "ok":
        lines = records.read_text().splitlines() if records.exists() else ["{}"]
        last = json.loads(lines[-1])
        if last.get("exercise") == step.exercise:
            report.set(step.exercise, STATES[last["state"]], last["hint"])
        else:
            report.set(step.exercise, "error", "the check left no record: was it replaced?")
    elif outcome != "ok" and not (step.is_check and report.states[step.exercise] in ("error", "time limit")):
        report.set(step.exercise, "time limit" if outcome == "hangs" else outcome, message)


def collect(folder: Path, courses: dict[str, Path]) -> dict[tuple[str, str], Path]:
    """(student, notebook's stem) -> file. Of two copies the one changed last."""
    found = {}
    for path in sorted(folder.rglob("*.ipynb"), key=lambda path: path.stat().st_mtime):
        inside = path.relative_to(folder)
        if any(part.startswith(".") for part in inside.parts):
            continue
        stem = next((stem for stem in courses if stem in path.stem), None) or by_title(path, courses)
        if stem is None:
            print(f"{inside}: left out, for it is no notebook of the course", file=sys.stderr)
            continue
        name = inside.parts[0] if len(inside.parts) > 1 else path.stem.replace(stem, "").strip(" _-.()") or path.stem
        if (name, stem) in found:
            print(f"{inside}: taken instead of an older copy", file=sys.stderr)
        found[name, stem] = path
    return dict(sorted(found.items()))


def by_title(path: Path, courses: dict[str, Path]) -> str | None:
    """The stem of the course's notebook whose number stands in a renamed notebook's title."""
    title = re.search(r"# (\w+) · ", path.read_text(encoding="utf-8", errors="replace"))
    return next((stem for stem in courses if title and stem.partition("_")[0] == title[1]), None)


def grade_file(student: str, course_path: Path, path: Path, cell_seconds: float, notebook_seconds: float) -> Report:
    report, course = Report(student, course_path.stem), nbformat.read(course_path, 4)
    try:
        handed_in = nbformat.read(path, 4)
    except Exception as error:  # not JSON, or not a notebook: there are many ways
        for found in (CHECK.search(cell.source) for cell in course.cells if "check" in tags(cell)):
            report.set(found[1], "missing", f"the file cannot be read: {type(error).__name__}")
        return report
    return grade(course, handed_in, report, cell_seconds, notebook_seconds)


def write(reports: list[Report], folder: Path) -> str:
    """The table as text; it is written to grades.csv and hints.csv in ``folder`` as well."""
    exercises = sorted({exercise for report in reports for exercise in report.states})
    states = {}
    for report in reports:
        states.setdefault(report.student, {}).update(report.states)
    rows = [["student", *exercises, "correct"]]
    for student, theirs in states.items():
        right = sum(state == "correct" for state in theirs.values())
        rows.append([student, *(theirs.get(exercise, "") for exercise in exercises), f"{right} of {len(exercises)}"])
    with open(folder / "grades.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    with open(folder / "hints.csv", "w", newline="", encoding="utf-8") as file:
        hints = [[r.student, exercise, r.states[exercise], r.hints[exercise]] for r in reports for exercise in r.states]
        csv.writer(file).writerows([["student", "exercise", "state", "hint"], *hints])
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(description="Grade notebooks that were handed in.")
    parser.add_argument("folder", type=Path, help="holds student/*.ipynb, or *.ipynb with the student in the name")
    parser.add_argument("--notebooks", type=Path, default=ROOT / "notebooks", help="the course's own notebooks")
    parser.add_argument("--cell-seconds", type=float, default=60, help="time limit for one cell")
    parser.add_argument("--notebook-seconds", type=float, default=600, help="time limit for one notebook")
    parser.add_argument("--jobs", type=int, default=1, help="notebooks graded at the same time")
    options = parser.parse_args(arguments)
    if not options.folder.is_dir():
        parser.error(f"{options.folder} is no folder")
    courses = {path.stem: path for path in sorted(options.notebooks.glob("*_*.ipynb"))}
    found = collect(options.folder, courses)
    if not found:
        parser.error(f"no notebook of the course in {options.folder}")
    limits = options.cell_seconds, options.notebook_seconds
    with ThreadPoolExecutor(options.jobs) as pool:
        jobs = [pool.submit(grade_file, name, courses[stem], path, *limits) for (name, stem), path in found.items()]
        reports = []
        for job in jobs:
            reports.append(job.result())
            print(f"{len(reports)} of {len(jobs)}: {reports[-1].student}, {reports[-1].notebook}", file=sys.stderr)
    print(write(reports, options.folder))
    print(f"\nwritten to {options.folder / 'grades.csv'}, with the hints in hints.csv", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
