"""What an instructor and a school's system get: tables, grades to import, a page for each student."""

import csv
import json
import os
import re
import tempfile
from pathlib import Path

import jinja2

from grading.collect import Roster
from grading.notebook import Report

WEIGHTS = {"Warm-up": 1.0, "Core": 2.0, "Stretch": 3.0}
NOTHING = "handed in nothing"
SAID = {
    "correct": "Correct", "wrong": "Not yet", "untouched": "Not attempted", "error": "Error", "time limit": "Too slow",
    "crashed": "Crashed", "missing": "Missing", "the course's": "The course's own", "": "",
}  # fmt: skip

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ student }}: feedback</title><style>
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; vertical-align: top; padding: .4rem .6rem; border-bottom: 1px solid #ccc }
.correct { color: #00613d } .other { color: #8a3b00 } .correct, .other { white-space: nowrap } .points { white-space: nowrap; text-align: right }
</style></head><body>
<h1>{{ student }}</h1>
<p>{{ right }} of {{ count }} exercises correct, {{ points }} of {{ most }} points.</p>
{% for title, rows in notebooks %}<h2>{{ title }}</h2>
<table><thead><tr><th scope="col">Exercise</th><th scope="col">Result</th><th scope="col">What to look at</th><th scope="col" class="points">Points</th></tr></thead><tbody>
{% for row in rows %}<tr><th scope="row">{{ row.name }}</th><td class="{{ 'correct' if row.state == 'correct' else 'other' }}">{{ row.said }}</td><td>{{ row.hint }}</td><td class="points">{{ row.points }} of {{ row.most }}</td></tr>
{% endfor %}</tbody></table>
{% endfor %}<p>Open the notebook, look at the hint, change your answer and run its check: it says at once whether it is right.</p>
</body></html>
"""


def write_whole(path: Path, text: str) -> None:
    """Write a file at one stroke: whoever is ended meanwhile leaves the old one."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, encoding="utf-8", newline="", delete=False, suffix=".new") as new:
        new.write(text)
    os.chmod(new.name, 0o644)
    os.replace(new.name, path)


def write_table(path: Path, rows) -> None:
    from io import StringIO

    text = StringIO()
    csv.writer(text).writerows(rows)
    write_whole(path, text.getvalue())


def harmless(text: str) -> str:
    """A student's words for a table, which a spreadsheet must not take for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t") else text


def read_weights(path: Path | None, levels: dict[str, str]) -> dict[str, float]:
    """Exercise -> points: by its level, or as the small file says, whose lines are `Core,2` or `06.4,5`.

    Raises:
        ValueError: in one line that names the file.
    """
    by_level, by_name = dict(WEIGHTS), {}
    if path is not None:
        try:
            rows = [row for row in csv.reader(path.read_text(encoding="utf-8-sig").splitlines()) if row]
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"{path.name}: can't be read: {error}") from None
        for row in rows:
            name, number = (row + [""])[0].strip(), (row + [""])[1].strip()
            if not re.fullmatch(r"\d+(\.\d+)?", number) or name not in levels and name not in WEIGHTS:
                raise ValueError(f"{path.name}: {','.join(row)!r}: expected a level or an exercise, a comma and its points: Core,2 or 06.4,5")
            (by_level if name in WEIGHTS else by_name)[name] = float(number)
    return {exercise: by_name.get(exercise, by_level[level]) for exercise, level in levels.items()}


def number(value: float) -> str:
    return f"{value:g}"


class Class:
    """The results of a class, by student."""

    def __init__(self, reports: list[Report], weights: dict[str, float], roster: Roster | None = None, ids: dict[str, tuple[str, str]] | None = None):
        """``ids``: student -> (system, number there)."""
        self.weights, self.roster, self.ids = weights, roster, ids or {}
        self.students: dict[str, list[Report]] = {}
        for report in reports:
            self.students.setdefault(report.student, []).append(report)
        self.exercises = sorted({exercise for report in reports for exercise in report.states})
        self.rows_of = {}
        if roster:
            for student in self.students:
                row = roster.row_of(student, *self.ids.get(student, ("", "")))
                if row is not None:
                    self.rows_of[student] = row
        self.absent = [] if roster is None else [roster.name(row) for row in roster.rows if not any(row is other for other in self.rows_of.values())]
        self.unknown = [] if roster is None else [student for student in self.students if student not in self.rows_of]

    def states(self, student: str) -> dict[str, str]:
        return {exercise: state for report in self.students[student] for exercise, state in report.states.items()}

    def hints(self, student: str) -> dict[str, str]:
        return {exercise: hint for report in self.students[student] for exercise, hint in report.hints.items()}

    def points(self, student: str) -> float:
        return sum(self.weights.get(exercise, 1.0) for exercise, state in self.states(student).items() if state == "correct")

    @property
    def most(self) -> float:
        return sum(self.weights.get(exercise, 1.0) for exercise in self.exercises)

    def table(self) -> list[list[str]]:
        rows = [["student", *self.exercises, "correct", "points", "of"]]
        for student in self.students:
            states = self.states(student)
            right = sum(state == "correct" for state in states.values())
            cells = [states.get(exercise, "") for exercise in self.exercises]
            rows.append([student, *cells, f"{right} of {len(self.exercises)}", number(self.points(student)), number(self.most)])
        for student in self.absent:
            rows.append([student, *[""] * len(self.exercises), NOTHING, "0", number(self.most)])
        return rows

    def write(self, folder: Path, title: str, pairs, titles: dict[str, str]) -> str:
        """Write all tables and pages into ``folder``; return the table as text."""
        table = self.table()
        write_table(folder / "grades.csv", [[harmless(value) for value in row] for row in table])
        hints = [["student", "exercise", "state", "hint"]]
        notes = [["student", "notebook", "note"]]
        for student, reports in self.students.items():
            for report in reports:
                hints += [[harmless(student), e, state, harmless(report.hints[e])] for e, state in report.states.items()]
                notes += [[harmless(student), report.notebook, harmless(note)] for note in report.notes]
        write_table(folder / "hints.csv", hints)
        write_table(folder / "notes.csv", notes)
        write_table(folder / "alike.csv", [["exercise", "student", "student", "alike"], *([e, a, b, f"{100 * share:.0f} %"] for share, e, a, b in pairs)])
        for system in ("moodle", "canvas"):
            rows = getattr(self, f"_{system}")(title)
            if rows:
                write_table(folder / f"{system}.csv", rows)
        self._pages(folder / "feedback", titles)
        widths = [max(map(len, column)) for column in zip(*table)]
        return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in table)

    def _moodle(self, title: str):
        """Moodle's worksheet for offline grading, filled in: as it was exported, or what its import asks for at the least."""
        if self.roster and self.roster.system == "moodle":
            comments = next((c for c in self.roster.columns if c == "Feedback comments"), None)
            rows = []
            for row in self.roster.rows:
                student = next((s for s, other in self.rows_of.items() if other is row), None)
                if student is not None:
                    row = row | {"Grade": number(self.points(student))} | ({comments: self.comment(student)} if comments else {})
                rows.append([row[column] for column in self.roster.columns])
            return [self.roster.columns, *rows]
        known = {student: id for student, (system, id) in self.ids.items() if system == "moodle" and student in self.students}
        if not known:
            return None
        rows = [[f"Participant {id}", s, number(self.points(s)), number(self.most), "-", self.comment(s)] for s, id in known.items()]
        return [["Identifier", "Full name", "Grade", "Maximum Grade", "Last modified (grade)", "Feedback comments"], *rows]

    def _canvas(self, title: str):
        """Canvas's gradebook with one more column, or with that column filled in: as it was exported, or the least that its import asks for."""
        if self.roster and self.roster.system == "canvas":
            columns = [*self.roster.columns] + ([] if title in self.roster.columns else [title])
            rows = [[(row | {title: number(self.most)} if "Points Possible" in row["Student"] else row).get(c, "") for c in columns] for row in self.roster.above]
            for row in self.roster.rows:
                student = next((s for s, other in self.rows_of.items() if other is row), None)
                filled = row if student is None else row | {title: number(self.points(student))}
                rows.append([filled.get(column, "") for column in columns])
            return [columns, *rows]
        known = {student: id for student, (system, id) in self.ids.items() if system == "canvas" and student in self.students}
        if not known:
            return None
        return [["Student", "ID", "Section", title], ["    Points Possible", "", "", number(self.most)], *([s, id, "", number(self.points(s))] for s, id in known.items())]

    def comment(self, student: str) -> str:
        """One line a student's exercise, for a column of comments."""
        hints = self.hints(student)
        return "\n".join(f"{e}: {SAID[state]}. {hints[e]}".rstrip(". ") + "." for e, state in self.states(student).items())

    def _pages(self, folder: Path, titles: dict[str, str]) -> None:
        folder.mkdir(exist_ok=True)
        template = jinja2.Environment(autoescape=True).from_string(PAGE)
        names: dict[str, str] = {}
        for student, reports in self.students.items():
            names[student] = page_name(student, names.values())
            notebooks = []
            for report in reports:
                rows = []
                for exercise, state in report.states.items():
                    most = self.weights.get(exercise, 1.0)
                    points = number(most if state == "correct" else 0)
                    rows.append({"name": exercise, "state": state, "said": SAID[state], "hint": report.hints[exercise], "points": points, "most": number(most)})
                notebooks.append((titles.get(report.notebook, report.notebook), rows))
            states = self.states(student).values()
            right = sum(state == "correct" for state in states)
            page = template.render(student=student, right=right, count=len(states), points=number(self.points(student)),
                                   most=number(sum(self.weights.get(e, 1.0) for e in self.states(student))), notebooks=notebooks)  # fmt: skip
            write_whole(folder / names[student], page)


def page_name(student: str, taken) -> str:
    """A file's name for a student, whatever stands in theirs."""
    name = base = re.sub(r"[^\w.-]+", "_", student).strip("._")[:80] or "student"
    count = 1
    while f"{name.casefold()}.html" in {other.casefold() for other in taken}:
        count += 1
        name = f"{base}_{count}"
    return f"{name}.html"


def stored(report: Report, **more) -> str:
    return json.dumps(report.as_json() | more, indent=1, ensure_ascii=False)


def read_stored(path: Path) -> dict | None:
    """What ``stored`` wrote, or None if it can't be read: then the notebook is graded again."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        Report(**{name: value[name] for name in Report.__dataclass_fields__})
        return value
    except (OSError, ValueError, KeyError, TypeError):
        return None
