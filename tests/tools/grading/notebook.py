"""One notebook graded, from its text to its states, in a process of its own."""

from dataclasses import asdict, dataclass, field

from grading import judge
from grading.isolation import Limits, Process, Stopped
from grading.needs import Needs
from grading.plan import Cell, Step, checks_of, left_out, plan


@dataclass
class Report:
    """What came of one notebook. For each exercise that was set a state and a hint or message; what an instructor should know.

    States: correct, wrong, untouched, error, time limit, crashed, missing, the course's.
    """

    student: str
    notebook: str
    seed: int
    states: dict[str, str] = field(default_factory=dict)
    hints: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0  # of processor time
    peak: int = 0  # bytes of memory

    def set(self, exercise: str, state: str, hint: str = "") -> None:
        """Note a state. An answer that was correct once stays so, whatever the student does with its name afterwards."""
        if exercise in self.states and self.states[exercise] != "correct":
            self.states[exercise], self.hints[exercise] = state, hint

    def as_json(self) -> dict:
        return asdict(self)


def unread(student: str, notebook: str, seed: int, exercises, why: str) -> Report:
    """The report on a file from which no cell can be had."""
    report = Report(student, notebook, seed, notes=[why])
    report.states, report.hints = dict.fromkeys(exercises, "missing"), dict.fromkeys(exercises, why)
    return report


def grade(course: list[Cell], theirs: list[Cell], report: Report, exercises, start, limits: Limits, everything: bool = False) -> Report:
    """Run ``theirs`` and fill in the ``report`` on the ``exercises`` that were set.

    Args:
        start: makes the ``Process``.
        everything: run also those cells that no exercise needs.

    Raises:
        Stopped: with the reason "interrupted", if the grader is.
    """
    named = checks_of(course)
    for exercise in named:
        if exercise in exercises:
            report.states[exercise], report.hints[exercise] = "missing", "its cells are not in the notebook, or were never reached"
    steps = [step for step in plan(course, theirs) if step.exercise is None or step.exercise in report.states]
    run = _Run(steps, report, start, limits, everything)
    while run.through():
        pass
    return report


class _Run:
    """Goes through the steps, and again without one that made the process useless."""

    def __init__(self, steps: list[Step], report: Report, start, limits: Limits, everything: bool):
        self.steps, self.report, self.start, self.limits = steps, report, start, limits
        self.unneeded: set[int] | None = set() if everything else None
        self.fatal: set[int] = set()
        self.made: dict[int, list[str]] = {}  # what the cells make that are left out
        self.spent = 0.0

    def through(self) -> bool:
        """One run from the top. Whether another is needed."""
        with self.start() as process:
            try:
                return self._through(process)
            except Stopped as stopped:  # before any of the student's code had run
                if stopped.reason == "interrupted":
                    raise
                if self.unneeded is None:  # there is a text that can't be read without harm: then all is run
                    self.unneeded = set()
                    return True
                for exercise in self.report.states:
                    self.report.set(exercise, "error", f"no process could be started: {stopped.words}")
                return False
            finally:
                self.spent += process.seconds
                self.report.seconds, self.report.peak = round(self.spent, 2), max(self.report.peak, process.peak)

    def _through(self, process: Process) -> bool:
        if self.unneeded is None:
            self._leave_out(process)
        given_up = {self.steps[place].exercise for place in self.fatal} - {None}
        failed: dict[str, dict] = {}
        for place, step in enumerate(self.steps):
            if place in self.fatal or place in self.unneeded or step.exercise in given_up:
                continue
            rest = self.limits.notebook_seconds - self.spent - process.seconds
            if rest <= 0:
                for exercise, state in self.report.states.items():
                    if state == "missing":
                        self.report.set(exercise, "time limit", "the notebook took too long as a whole")
                return False
            seconds = rest if step.kind == "course" else min(rest, self.limits.cell_seconds)
            try:
                if self._step(process, step, seconds, failed):
                    return self._again_with_all()
            except Stopped as stopped:
                if stopped.reason == "interrupted":
                    raise
                self.fatal.add(place)
                if step.exercise:
                    self.report.set(step.exercise, stopped.reason, stopped.words)
                else:
                    self._note(step, f"was left out: {stopped.words}")
                return True
        return False

    def _step(self, process: Process, step: Step, seconds: float, failed: dict) -> bool:
        """Run a cell, and check what is checked in it. Whether it missed something that a cell makes that was left out."""
        if step.source.strip():
            reply = process.ask("run", seconds, source=step.source)
        else:
            reply = {"outcome": "ok", "checked": []}
        if self._missed(reply.get("kind"), reply.get("name")):
            return True
        if reply.get("outcome") != "ok":
            if step.exercise and not (step.kind == "check" and step.exercise in failed):
                self.report.set(step.exercise, *_failure(reply, seconds))
            elif step.kind == "changed":
                self._note(step, f"ends in an error: {_failure(reply, seconds)[1]}")
            failed[step.exercise] = reply
        checked = [name for name in reply.get("checked", []) if name in self.report.states]
        for name in checked:
            if not (name in failed and name in reply.get("left", [])) and self._judge(process, name, seconds):
                return True
        if step.kind == "check" and step.exercise not in checked:
            found = process.ask("check", seconds, exercise=step.exercise, variable=step.variable)
            if found.get("found") is True and not (found.get("left") is True and step.exercise in failed):
                return self._judge(process, step.exercise, seconds)
            if step.exercise not in failed:
                self.report.set(step.exercise, "error", f"NameError: name '{step.variable}' is not defined")
        return False

    def _judge(self, process: Process, exercise: str, seconds: float) -> bool:
        spent, raised = process.seconds, []

        def ask(what, **request):
            reply = process.ask(what, seconds - (process.seconds - spent), **request)
            if reply.get("outcome") == "time limit":
                raise judge.Late("time limit", f"stopped after {seconds:.0f} s of processor time")
            if "raised" in reply:
                raised.append(reply["raised"])
            return reply

        try:
            state, hint = judge.judge(exercise, self.report.seed, ask)
        except judge.Late as late:
            state, hint = late.reason, late.words
        if state != "correct" and any(self._missed(kind, _name_in(message)) for kind, message in raised):
            return True
        if state == judge.OWN:
            self.report.notes.append(f"{exercise}: {hint}")
        self.report.set(exercise, state, hint)
        return False

    def _leave_out(self, process: Process) -> None:
        reply = process.ask("names", self.limits.cell_seconds, sources=[step.source for step in self.steps])
        read = [Needs(*one) for one in reply["needs"]]
        self.unneeded = left_out(self.steps, read)
        self.made = {place: [*read[place].makes, *read[place].changes] for place in self.unneeded}
        for place in sorted(self.unneeded):
            if self.steps[place].kind == "changed":
                self._note(self.steps[place], "was not run: no exercise uses what it makes")

    def _missed(self, kind, name) -> bool:
        """Whether an error comes of a cell that was left out as unneeded, which it then wasn't."""
        return kind == "NameError" and any(name in names for names in self.made.values())

    def _again_with_all(self) -> bool:
        self.unneeded, self.made = set(), {}
        self.report.notes = [note for note in self.report.notes if not note.endswith("was not run: no exercise uses what it makes")]
        return True

    def _note(self, step: Step, what: str) -> None:
        whose = {"changed": "of the course, changed,", "course": "of the course", "added": "added by the student,"}.get(step.kind, "")
        note = f"cell {step.place + 1} {whose} {what}"
        if note not in self.report.notes:
            self.report.notes.append(note)


def _failure(reply: dict, seconds: float) -> tuple[str, str]:
    if reply.get("outcome") == "time limit":
        return "time limit", f"stopped after {seconds:.0f} s of processor time"
    return "error", f"{reply.get('kind', 'Error')}: {reply.get('message', '')}".strip().rstrip(":")[:300]


def _name_in(message) -> str:
    return str(message).partition("'")[2].partition("'")[0]
