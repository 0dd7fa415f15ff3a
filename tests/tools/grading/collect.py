"""Who handed in what, in the layouts that schools have; every file is copied before anything runs.

Understood are a folder for each student, or a file with the student in its name; Moodle's folders and files of an assignment;
Canvas's file names, late and resubmitted; GitHub Classroom's repositories; any of these in one folder more, or in zip files.
"""

import csv
import io
import re
import shutil
import unicodedata
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

MOODLE = re.compile(r"^(?P<name>.+)_(?P<id>\d+)_assignsubmission_\w+?_?(?:_(?P<rest>[^_].*))?$")
CANVAS = re.compile(r"^(?:(?P<name>.+?)_(?P<late>LATE_)?(?P<id>\d+)|(?P<late_too>LATE_)?(?P<anon>anon_[^_]+))_(?P<file>\d+)_(?P<rest>.+)$")
AGAIN = re.compile(r"(?:-(\d+)| \((\d+)\))$")  # of a file that was handed in, or downloaded, again
LARGEST, MOST = 200 * 2**20, 20_000  # bytes of a notebook; files of a zip
WHOLE = 4 * 2**30  # bytes of all that comes out of zip files


@dataclass
class Submission:
    """One student's copy of one notebook."""

    student: str
    notebook: str  # its stem
    file: Path  # the copy
    origin: str  # where it lay, for messages
    system: str = ""  # `moodle`, `canvas` or none
    id: str = ""  # there
    late: bool = False
    newest: tuple = ()
    notes: list[str] = field(default_factory=list)


@dataclass
class Collected:
    submissions: list[Submission]
    problems: list[str]  # one line each, which names the file
    refused: list[Submission]  # of which two would be one student's


@dataclass
class _Found:
    parts: tuple[str, ...]  # of its path
    file: Path
    time: float
    repository: bool = False


def collect(source: Path, private: Path, courses: dict[str, Path], leave: Path | None = None) -> Collected:
    """Copy what lies in ``source``, a folder or a zip file, into ``private``, and say whose it is.

    Args:
        courses: the course's notebooks, by stem.
        leave: a folder in ``source`` that holds the grader's own results.
    """
    problems: list[str] = []
    reader = _Reader(private, problems, leave)
    reader.read(source)
    found = _below_one_folder(reader.found, courses)
    prefix = _common_prefix({one.parts[0] for one in found if one.repository and len(one.parts) > 1})
    by_key: dict[tuple[str, str], list[tuple[str, Submission]]] = {}
    for one in found:
        stem = _notebook_of(one, courses)
        if stem is None:
            problems.append(f"{'/'.join(one.parts)}: left out, for it is no notebook of the course")
            continue
        origin, submission = _whose(one, stem, prefix)
        by_key.setdefault((submission.student, stem), []).append((origin, submission))
    _part_namesakes(by_key)
    submissions, refused = [], []
    for copies in by_key.values():
        newest = max((submission for _, submission in copies), key=lambda submission: submission.newest)
        if len({origin for origin, _ in copies}) > 1:
            names = ", ".join(sorted(submission.origin for _, submission in copies))
            problems.append(f"{newest.student}: not graded, for these lie in different places and would be one student's: {names}")
            refused.append(newest)
            continue
        if len(copies) > 1:
            newest.notes.append(f"the newest of {len(copies)} copies was graded")
        submissions.append(newest)
    submissions.sort(key=lambda submission: (submission.student.casefold(), submission.notebook))
    return Collected(submissions, problems, refused)


class _Reader:
    """Copies notebooks out of folders and zip files; no link is followed, and nothing else is copied."""

    def __init__(self, private: Path, problems: list[str], leave: Path | None):
        self.private, self.problems, self.leave, self.found, self.total = private, problems, leave, [], 0
        self.repositories: set[tuple[str, ...]] = set()

    def read(self, source: Path) -> None:
        if source.is_file():
            self._zip(zipfile_of(source), (), source.name)
        else:
            self._folder(source, ())
        for one in self.found:
            one.repository = any(one.parts[: len(top)] == top for top in self.repositories)

    def _folder(self, folder: Path, parts: tuple[str, ...]) -> None:
        try:
            entries = sorted(folder.iterdir())
        except OSError as error:
            self.problems.append(f"{'/'.join(parts)}: left out, for it can't be read: {error.strerror}")
            return
        for path in entries:
            here = (*parts, path.name)
            if path.name == ".git":
                self.repositories.add(parts)
            if path.name.startswith(".") or path.name == "__MACOSX" or self.leave and path == self.leave:
                continue
            if path.is_symlink():
                self.problems.append(f"{'/'.join(here)}: left out, for it is a link")
            elif path.is_dir():
                self._folder(path, here)
            elif path.suffix.lower() in (".ipynb", ".zip"):
                try:
                    if path.suffix.lower() == ".zip":
                        self._zip(zipfile_of(path), (*parts, path.stem), "/".join(here))
                    elif path.stat().st_size > LARGEST:
                        self.problems.append(f"{'/'.join(here)}: left out, for it is larger than {LARGEST // 2**20} MB")
                    else:
                        shutil.copyfile(path, self._place(here, path.stat().st_mtime))
                except (OSError, ValueError) as error:
                    self.problems.append(f"{'/'.join(here)}: left out, for it can't be read: {error}")

    def _zip(self, archive: zipfile.ZipFile, parts: tuple[str, ...], name: str, depth: int = 0) -> None:
        with archive:
            members = archive.infolist()[:MOST]
            for member in members:
                inside = tuple(part for part in member.filename.split("/") if part not in ("", ".", ".."))
                suffix = Path(inside[-1]).suffix.lower() if inside else ""
                if member.is_dir() or suffix not in (".ipynb", ".zip") or any(part.startswith(".") or part == "__MACOSX" for part in inside):
                    continue
                where = f"{name}/{member.filename}"
                self.total += member.file_size
                if member.file_size > LARGEST or self.total > WHOLE:
                    self.problems.append(f"{where}: left out, for it is larger than {LARGEST // 2**20} MB, or all together than {WHOLE // 2**30} GB")
                    continue
                try:
                    data = archive.read(member)  # no longer than it said: the module sees to it
                    if suffix == ".ipynb":
                        self._place((*parts, *inside), _seconds(member)).write_bytes(data)
                    elif depth < 2:
                        self._zip(zipfile.ZipFile(io.BytesIO(data)), (*parts, *inside[:-1], Path(inside[-1]).stem), where, depth + 1)
                except (OSError, ValueError, zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
                    self.problems.append(f"{where}: left out, for it can't be read: {error}")

    def _place(self, parts: tuple[str, ...], time: float) -> Path:
        target = self.private / f"{len(self.found):06d}.ipynb"
        self.found.append(_Found(parts, target, time))
        return target


def zipfile_of(path: Path) -> zipfile.ZipFile:
    """The zip file at ``path``. Raises ``ValueError`` if it is none."""
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise ValueError(f"{path.name}: no zip file that can be read: {error}") from None


def _seconds(member: zipfile.ZipInfo) -> float:
    year, month, day, hour, minute, second = member.date_time
    return ((((year * 13 + month) * 32 + day) * 24 + hour) * 60 + minute) * 60 + second


def _below_one_folder(found: list[_Found], courses) -> list[_Found]:
    """Without the folder in which the whole class lies, if there is one: a student's own holds notebooks under their own names."""
    while found and all(len(one.parts) > 1 for one in found) and len({one.parts[0] for one in found}) == 1:
        top, direct = found[0].parts[0], [one.parts[1] for one in found if len(one.parts) == 2]
        own = any(AGAIN.sub("", Path(name).stem) in courses for name in direct)
        unnamed = direct and not any(any(stem in name for stem in courses) for name in direct)
        if MOODLE.match(top) or CANVAS.match(top) or own or unnamed and len(found) == 1:
            break
        for one in found:
            one.parts = one.parts[1:]
    return found


def _common_prefix(folders: set[str]) -> str:
    """What GitHub Classroom puts before the name of each student: the assignment's name and a hyphen."""
    if len(folders) < 2:
        return ""
    first, last = min(folders), max(folders)
    same = next((place for place, (a, b) in enumerate(zip(first, last)) if a != b), min(len(first), len(last)))
    return first[: first[:same].rfind("-") + 1]


def _notebook_of(one: _Found, courses: dict[str, Path]) -> str | None:
    """The stem of the course's notebook that it is, by its name or, if it was renamed, by the number in its title."""
    if stem := next((stem for stem in courses if stem in one.parts[-1]), None):
        return stem
    with open(one.file, encoding="utf-8", errors="replace") as file:
        title = re.search(r"# (\w+) (?:·|\\u00b7) ", file.read(2**20))
    return next((stem for stem in courses if title and stem.partition("_")[0] == title[1]), None)


def _whose(one: _Found, stem: str, prefix: str) -> tuple[str, Submission]:
    """Where it comes from (a student has one such place), and whose it is."""
    top, origin = one.parts[0], "/".join(one.parts)
    submission = Submission("", stem, one.file, origin)
    again = AGAIN.search(Path(one.parts[-1]).stem)
    number = int(again[1] or again[2]) if again else 0
    if match := MOODLE.match(top):
        submission.student, submission.id, submission.system = match["name"], match["id"], "moodle"
        place = f"moodle {match['id']}"
    elif match := CANVAS.match(top):
        submission.student, submission.id, submission.system = match["name"] or match["anon"], match["id"] or match["anon"], "canvas"
        submission.late = bool(match["late"] or match["late_too"])
        submission.newest = (int(match["file"]),)
        place = f"canvas {submission.id}"
    elif len(one.parts) > 1:
        submission.student = top.removeprefix(prefix) if one.repository else top
        place = f"folder {top}"
    else:
        rest = AGAIN.sub("", Path(top).stem)
        submission.student = rest.replace(stem, "").strip(" _-.()") or rest
        place = "file"
    submission.newest = submission.newest or (one.time, number)
    return place, submission


def _part_namesakes(by_key) -> None:
    """Two students whom the school's system knows apart have the same name: their number goes with it."""
    for key, copies in list(by_key.items()):
        ids = {(submission.system, submission.id) for _, submission in copies}
        if len(ids) > 1 and all(submission.id for _, submission in copies):
            del by_key[key]
            for origin, submission in copies:
                submission.student = f"{submission.student} ({submission.id})"
                by_key.setdefault((submission.student, submission.notebook), []).append((origin, submission))


# The class list


@dataclass
class Roster:
    """The students of a class: the table that a school's system exports, or any with a column of names."""

    columns: list[str]
    rows: list[dict[str, str]]
    system: str  # the same
    above: list[dict[str, str]] = field(default_factory=list)  # Canvas's row of points possible

    def name(self, row: dict[str, str]) -> str:
        column = next((c for c in ("Full name", "Student", "student", "name", "Name") if row.get(c)), self.columns[0])
        return row[column].strip()

    def row_of(self, submission_student: str, system: str, id: str) -> dict[str, str] | None:
        """The row of a student, by number if both come from the same system, or else by any column that says the name."""
        number = {"moodle": "Identifier", "canvas": "ID"}.get(system)
        if id and number in self.columns:
            return next((row for row in self.rows if re.sub(r"\D", "", row[number] or "") == id), None)
        wanted = ways(submission_student)
        return next((row for row in self.rows if any(wanted & ways(value) for value in row.values())), None)


def ways(name: str) -> set[str]:
    """A name without case, accents, spaces and punctuation, as it is written and with its words in order."""
    words = re.findall(r"[^\W_]+", "".join(c for c in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(c)))
    return {"".join(words), "".join(sorted(words))} - {""}


def read_roster(path: Path) -> Roster:
    """The table in a CSV file. Raises ``ValueError`` in one line that names the file."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        separator = max(",;\t", key=text.partition("\n")[0].count)
        reader = csv.DictReader(io.StringIO(text), delimiter=separator)
        columns, rows = list(reader.fieldnames or []), list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path.name}: can't be read as a table: {error}") from None
    rows = [{c: row.get(c) or "" for c in columns} for row in rows]
    rows = [row for row in rows if any(value.strip() for value in row.values())]
    if not rows:
        raise ValueError(f"{path.name}: no students in it; expected a line of column names, then one for each student")
    system = "moodle" if "Identifier" in columns and "Grade" in columns else "canvas" if columns[0] == "Student" and "ID" in columns else ""
    above = [row for row in rows if system == "canvas" and not row["ID"].strip()]
    return Roster(columns, [row for row in rows if row not in above], system, above)
