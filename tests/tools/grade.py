"""Grade notebooks that were handed in: what `make grade DIR=folder` runs.

With bubblewrap (`bwrap`) on Linux, a submission can't reach the network, your files, other submissions or the results, and can't
write its own verdict; without it nothing is kept out, it can do all that you can, and only its time, memory, disk and processes
are limited, so you have to say `--trust`. A verdict is made of data: what an answer gives on arguments that it didn't know is
compared with the course's solution in a process in which the student's code never runs. How an answer is written (by a loop, by
`scan`, whether `jit` takes it) is read from what the submission's own process says, and a student who gets the results right
could feign that. An answer that is copied by hand is a right answer.

    python tests/tools/grade.py folder [--jobs 2] [--roster class.csv] [--only Ada]

`folder` (or a zip file) holds folders or files of students, as Moodle, Canvas or GitHub Classroom hand them out, or
folder/student/*.ipynb, or *.ipynb with the student in the name. Everything is copied before anything runs. A notebook is run
from the top as it was handed in, each check at the place where it stands, but for cells of the course that no exercise needs.
Written, to folder/graded: grades.csv, hints.csv, notes.csv (what you should know of a submission), alike.csv (answers that are
suspiciously alike), moodle.csv or canvas.csv to import, feedback/*.html, and results/*.json, as each notebook is done: a second
run goes on where the first was ended. The seed of all checks is kept in results/run.json, and used again.
"""

import argparse
import hashlib
import json
import os
import secrets
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import astuple
from functools import partial
from pathlib import Path

os.environ.setdefault("JAX_PLATFORMS", "cpu")  # as the students' processes; before jax is imported

import assignment
from grading import alike, collect, isolation, plan, report, withhold

ROOT = Path(__file__).parents[2]


def arguments_of(arguments=None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", 1)[1], formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="what was handed in: a folder or a zip file")
    parser.add_argument("--out", type=Path, help="where the results go, instead of folder/graded")
    parser.add_argument("--jobs", type=int, default=1, help="notebooks graded at the same time")
    parser.add_argument("--roster", type=Path, help="CSV of the class: Moodle's grading worksheet, Canvas's gradebook, or a column of names")
    parser.add_argument("--points", type=Path, help="CSV of points, lines `Core,2` or `06.4,5`, instead of Warm-up 1, Core 2, Stretch 3")
    parser.add_argument("--title", help="the column's name in Canvas's gradebook")
    parser.add_argument("--only", nargs="*", metavar="STUDENT", help="grade these again, and leave the others' results as they are")
    parser.add_argument("--seed", type=int, help="of the random arguments of all checks; a new one if there are no results yet")
    parser.add_argument("--trust", action="store_true", help="grade even where there is no isolation: submissions can do all that you can")
    parser.add_argument("--everything", action="store_true", help="run those cells of the course too that no exercise needs")
    parser.add_argument("--cell-seconds", type=float, default=60, help="processor time for a cell or a check (%(default)s)")
    parser.add_argument("--notebook-seconds", type=float, default=600, help="processor time for a notebook (%(default)s)")
    parser.add_argument("--memory", type=float, default=2, help="GiB for a notebook (%(default)s)")
    parser.add_argument("--notebooks", type=Path, default=ROOT / "notebooks", help="the course's own notebooks")
    options = parser.parse_args(arguments)
    if not options.folder.is_dir() and not (options.folder.is_file() and options.folder.suffix.lower() == ".zip"):
        parser.error(f"{options.folder} is no folder and no zip file")
    if options.jobs < 1:
        parser.error(f"--jobs is {options.jobs}; expected at least 1")
    options.out = options.out or (options.folder / "graded" if options.folder.is_dir() else options.folder.with_name(f"{options.folder.stem}-graded"))
    options.parser = parser
    return options


class Bar:
    """How many notebooks are done, and how long the rest will take: a bar on a screen, else a line each."""

    def __init__(self, count: int):
        from tqdm import tqdm

        self.count, self.done, self.start = count, 0, time.monotonic()
        self.bar = tqdm(total=count, unit="notebook") if sys.stderr.isatty() else None

    def add(self, what: str) -> None:
        self.done += 1
        if self.bar:
            self.bar.set_postfix_str(what[:40])
            self.bar.update()
        else:
            left = (time.monotonic() - self.start) / self.done * (self.count - self.done)
            print(f"{self.done} of {self.count}: {what} · {left / 60:.0f} min left", file=sys.stderr)

    def close(self) -> None:
        if self.bar:
            self.bar.close()


def main(arguments=None) -> int:
    options = arguments_of(arguments)
    if os.name == "nt":
        options.parser.error("grading needs Linux, or macOS with --trust; on Windows, use its Linux subsystem")
    in_main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT)) if in_main else None
    try:
        with tempfile.TemporaryDirectory(prefix="grading-", ignore_cleanup_errors=True) as private:
            return graded(options, Path(private))
    finally:
        if in_main:
            signal.signal(signal.SIGTERM, before)


def graded(options, private: Path) -> int:
    fail, stop = options.parser.error, threading.Event()
    limits = isolation.Limits(options.cell_seconds, options.notebook_seconds, int(options.memory * 2**30), idle_seconds=options.cell_seconds)
    start = starter(options, private / "inside", limits, stop)
    courses = {path.stem: path for path in sorted(options.notebooks.glob("*_*.ipynb"))}
    results = options.out / "results"
    try:
        results.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=results):
            pass
    except OSError as error:
        fail(f"{options.out}: results can't be written there ({error.strerror}); name another folder: --out FOLDER")
    try:
        roster = collect.read_roster(options.roster) if options.roster else None
        course = {stem: json.loads(path.read_text(encoding="utf-8")) for stem, path in courses.items()}
        cells = {stem: plan.cells(notebook) for stem, notebook in course.items()}
        levels = {exercise: level for those in cells.values() for exercise, level in plan.levels(those).items()}
        weights = report.read_weights(options.points, levels)
        (private / "handed-in").mkdir()
        found = collect.collect(options.folder, private / "handed-in", courses, options.out)
    except ValueError as error:
        fail(str(error))
    for line in found.problems:
        print(line, file=sys.stderr)
    students = sorted({one.student for one in found.submissions})
    if not found.submissions and not found.refused:
        fail(f"no notebook of the course in {options.folder}")
    if options.only is not None and (unknown := {*options.only} - {*students}):
        fail(f"nobody called {', '.join(sorted(unknown))} handed in anything; there are {', '.join(students)}")
    seed = the_seed(options)
    version = {stem: version_of(path) for stem, path in courses.items()}
    handed_in = {id(one): read(one) for one in found.submissions}
    given = what_was_set(found.submissions, handed_in, course, cells)

    from grading import notebook  # brings jax, which takes a moment: bad input is refused before

    reports, todo = [], []
    for one in found.refused:
        exercises = given.get(one.notebook, plan.checks_of(cells[one.notebook]))
        reports.append(notebook.unread(one.student, one.notebook, seed, exercises, "two of these were handed in, in different places"))
    for one in found.submissions:
        made_of = [version[one.notebook], seed, given[one.notebook], *astuple(limits)]
        mark = hashlib.sha256(json.dumps(made_of).encode() + one.file.read_bytes()).hexdigest()
        path = results / f"{report.page_name(one.student, ())[:-5]}-{hashlib.sha256(one.student.encode()).hexdigest()[:8]}-{one.notebook}.json"
        old = report.read_stored(path)
        chosen = options.only is None or one.student in options.only
        if old and (not chosen or options.only is None and old.get("of") == mark):
            reports.append(notebook.Report(**{name: old[name] for name in notebook.Report.__dataclass_fields__}))
        elif chosen:
            todo.append((one, path, mark))
    if reports and todo and options.only is None:
        print(f"{len(reports)} were graded before.", file=sys.stderr)

    def job(one, path, mark):
        result = notebook.Report(one.student, one.notebook, seed, notes=[*one.notes, *(["handed in late"] if one.late else [])])
        handed = handed_in[id(one)]
        if isinstance(handed, str):
            result = notebook.unread(one.student, one.notebook, seed, given[one.notebook], handed)
        else:
            if "course" in (handed.get("metadata") or {}) and assignment.was_set(course[one.notebook], handed) != given[one.notebook]:
                result.notes.append("its list of what was set isn't that of the others, or was edited: the others' counts")
            notebook.grade(cells[one.notebook], plan.cells(handed), result, given[one.notebook], start, limits, options.everything)
        report.write_whole(path, report.stored(result, of=mark))
        return result

    def failed(one, error):  # the grader's own mistake costs no other student's result
        print(f"{one.origin}: not graded: {type(error).__name__}: {error}", file=sys.stderr)
        return notebook.unread(one.student, one.notebook, seed, given[one.notebook], f"not graded: {type(error).__name__}")

    new, interrupted = run_all(job, todo, failed, options.jobs, stop)
    reports += new
    reports.sort(key=lambda one: (one.student.casefold(), one.notebook))
    whole = report.Class(reports, weights, roster, {one.student: (one.system, one.id) for one in found.submissions if one.id})
    titles = {stem: next(cell.source for cell in those if not cell.code).splitlines()[0].lstrip("# ") for stem, those in cells.items()}
    title = options.title or "Exercises " + " ".join(sorted({one.notebook.partition("_")[0] for one in reports}))
    print(whole.write(options.out, title, pairs_of(found.submissions, handed_in, cells), titles))
    said_at_the_end(whole, reports, options, interrupted)
    return 130 if interrupted else 0


def run_all(job, todo, failed, count: int, stop: threading.Event):
    """What ``job`` makes of all that is ``todo``, some at the same time; and whether it was interrupted, then what was made till then."""
    bar, made = Bar(len(todo)), []
    with ThreadPoolExecutor(count) as pool:
        jobs = {pool.submit(job, *each): each[0] for each in todo}
        try:
            for done in as_completed(jobs):
                one = jobs[done]
                try:
                    made.append(done.result())
                except isolation.Stopped:
                    raise KeyboardInterrupt from None
                except Exception as error:
                    made.append(failed(one, error))
                bar.add(f"{one.student}, {one.notebook}")
        except KeyboardInterrupt:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
    bar.close()
    return made, stop.is_set()


def starter(options, inside: Path, limits: isolation.Limits, stop: threading.Event):
    """What starts a student's process, after one has been tried; how far it is isolated is the first thing that is said."""
    withhold.copy_course(ROOT / "course_utils", inside)
    fonts(inside)
    bwrap = isolation.bubblewrap()
    for means in [bwrap, None] if bwrap else [None]:
        if means is None and not options.trust:
            what = "no isolation here: bubblewrap can't be used" if bwrap else "no isolation here: install bubblewrap (`bwrap`, on Linux)"
            options.parser.error(f"{what}, or say --trust to let submissions do all that you can")
        start = partial(isolation.Process, inside, limits, means, stop.is_set)
        with tempfile.TemporaryFile("w+", errors="replace") as said:
            try:
                with start(errors=said) as process:
                    process.ask("names", 60, sources=[])
            except isolation.Stopped as stopped:
                said.seek(0)
                words = [stopped.words, *said.read().strip().splitlines()][-1]
                print(f"A process to grade in{' with bubblewrap' if means else ''} doesn't start: {words}", file=sys.stderr)
                continue
        isolated = "Isolated by bubblewrap: submissions have no network, and see neither files nor each other."
        bare = "NOT ISOLATED: submissions can do all that you can. Time, memory, disk and processes are limited."
        print(isolated if means else bare, file=sys.stderr)
        return start
    options.parser.error("no process can be started to grade in")


def said_at_the_end(whole: report.Class, reports, options, interrupted: bool) -> None:
    say = partial(print, file=sys.stderr)
    say(f"\nwritten to {options.out}: grades.csv, hints.csv, notes.csv, alike.csv, feedback")
    if whole.absent:
        say(f"handed in nothing: {', '.join(whole.absent)}")
    if whole.unknown:
        say(f"not in {options.roster.name}: {', '.join(whole.unknown)}")
    if flagged := sum(bool(one.notes) for one in reports):
        say(f"notes.csv says something about {flagged} of {len(reports)} notebooks")
    if interrupted:
        say("interrupted: what is done is kept, and the same command goes on from here")


def the_seed(options) -> int:
    """The seed of the results that are there already, or the one that is asked for, or a new one."""
    path = options.out / "results" / "run.json"
    try:
        seed = int(json.loads(path.read_text(encoding="utf-8"))["seed"])
    except (OSError, ValueError, KeyError, TypeError):
        seed = secrets.randbits(31)
    seed = seed if options.seed is None else options.seed
    report.write_whole(path, json.dumps({"seed": seed}) + "\n")
    return seed


def version_of(path: Path) -> str:
    """What tells that results come of the same notebook and checks."""
    texts = [path, *sorted((ROOT / "course_utils" / "checks").glob("*.py"))]
    return hashlib.sha256(b"".join(text.read_bytes() for text in texts)).hexdigest()


def read(one: collect.Submission) -> dict | str:
    """A notebook as JSON has it, or what is wrong with the file."""
    try:
        value = json.loads(one.file.read_bytes())
        plan.cells(value)
        return value
    except (ValueError, RecursionError) as error:
        words = "not JSON, so it isn't a notebook" if isinstance(error, (json.JSONDecodeError, UnicodeDecodeError, RecursionError)) else str(error)
        print(f"{one.origin}: can't be read: {words}", file=sys.stderr)
        return f"the file can't be read: {words}"


def what_was_set(submissions, handed_in, course, cells) -> dict[str, list[str]]:
    """Notebook -> the exercises that count: what most submissions say was set, or all."""
    said: dict[str, Counter] = {}
    for one in submissions:
        handed = handed_in[id(one)]
        names = assignment.was_set(course[one.notebook], handed) if isinstance(handed, dict) else None
        said.setdefault(one.notebook, Counter())
        if names is not None:
            said[one.notebook][tuple(names)] += 1
    return {stem: list(counts.most_common(1)[0][0]) if counts else list(plan.checks_of(cells[stem])) for stem, counts in said.items()}


def pairs_of(submissions, handed_in, cells):
    """Pairs of answers that are alike, the course's own text left out."""
    parts: dict[str, list[tuple[str, str]]] = {}
    courses: dict[str, str] = {}
    for stem in {one.notebook for one in submissions}:
        for step in plan.plan(cells[stem], cells[stem]):
            if step.exercise:
                courses[step.exercise] = courses.get(step.exercise, "") + step.source + "\n"
        exercise = None
        for cell in cells[stem]:
            exercise = plan._section(cell, exercise)
            if cell.solution and exercise:
                courses[exercise] = courses.get(exercise, "") + cell.source + "\n"
    for one in submissions:
        handed = handed_in[id(one)]
        if isinstance(handed, dict):
            steps = plan.plan(cells[one.notebook], plan.cells(handed))
            parts.setdefault(one.student, []).extend((step.exercise, step.source) for step in steps if step.exercise and step.kind in ("answer", "added"))
    return alike.alike(alike.by_exercise(parts), courses)


def fonts(inside: Path) -> None:
    """Matplotlib's list of fonts, which takes a process seconds to make."""
    import matplotlib.font_manager

    for path in Path(matplotlib.get_cachedir()).glob("fontlist*.json"):
        shutil.copy(path, inside)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:  # before anything was graded
        sys.exit(130)
