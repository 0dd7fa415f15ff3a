"""The process in which a student's notebook runs, cell by cell as the grader asks, in lines of JSON on two pipes.

It knows the course without its solutions and typical mistakes, which are not in its copy of ``course_utils``: a right result
on the arguments of a check can only be computed. It says what an answer gives on them; whether that is right is said elsewhere.
The student's code may do to this process whatever it likes, so nothing here is relied on for more than data.
"""

import dataclasses
import inspect
import json
import os
import signal

import jax

from course_utils import checks
from grading import data, needs

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(checks.__file__))) + os.sep


class TimeLimit(BaseException):
    """The processor time of a request is used up."""


class Withheld:
    """Stands for a solution of the course, which isn't here."""

    asked: set[str] = set()

    def __init__(self, name: str):
        self.name = name

    def __call__(self, *_, **__):
        self.asked.add(self.name)
        raise RuntimeError(f"the course's own solution of {self.name} isn't here when answers are graded")


def theirs(answer) -> bool:
    """Whether an answer is the course's own: code that lies in ``course_utils``, or what stands for a solution."""
    if not callable(answer):
        return False
    for _ in range(9):
        answer = getattr(answer, "func", None) or getattr(answer, "__wrapped__", None) or answer
    code = getattr(inspect.unwrap(answer), "__code__", None)
    made_there = code.co_filename.startswith(PACKAGE) if code else str(getattr(answer, "__module__", "")).split(".")[0] == "course_utils"
    return isinstance(answer, Withheld) or made_there


class Answers:
    """What the answers to exercises give, told as JSON has it. ``find(name)`` is an exercise; ``examined`` the answers by name."""

    def __init__(self, find, examined: dict):
        self.find, self.examined = find, examined

    def here(self, request: dict) -> checks.Here:
        return checks.Here(self.find(request["exercise"]), self.examined[request["exercise"]])

    def about(self, request: dict) -> dict:
        return {"own": theirs(self.examined[request["exercise"]]), "about": self.here(request).about()._asdict()}

    def result(self, request: dict) -> dict:
        Withheld.asked.clear()
        found = self.here(request).result(request["way"], key_of(request))
        return told(found) | {"own": bool(Withheld.asked)}

    def inspected(self, request: dict) -> dict:
        return told(self.here(request).inspected(key_of(request)))

    def traced(self, request: dict) -> dict:
        """The operations of the traced answer, as far as inspectors look at them."""
        one = self.here(request)
        found = []
        for equation in checks.equations(one.ways.plain, one.exercise.inputs(key_of(request))):
            params = {name: value for name, value in equation.params.items() if type(value) in (bool, int, float, str)}
            sizes = [int(getattr(variable.aval, "size", 0)) for variable in equation.outvars]
            found.append([equation.primitive.name, params, sizes])
        return {"equations": found}


def told(found) -> dict:
    if isinstance(found, checks.Raised):
        return {"raised": [found.kind, found.message[: data.LONGEST]]}
    try:
        return {"result": data.encode(found)}
    except Exception as error:
        return {"raised": [type(error).__name__, str(error)[:200]]}


def key_of(request: dict):
    numbers = request["key"]
    return None if numbers is None else jax.random.wrap_key_data(jax.numpy.array(numbers, "uint32"), impl="threefry2x32")


class Notebook:
    """Cells, run one after the other in one IPython, and what is checked in them."""

    def __init__(self):
        from IPython.core.interactiveshell import InteractiveShell
        from traitlets.config import Config

        self.shell = InteractiveShell.instance(config=Config(HistoryManager={"enabled": False}, InteractiveShell={"colors": "nocolor"}))
        self.captured, self.examined = {}, {}
        find = checks.find
        self.answers = Answers(find, self.examined)

        def capture(name, answer, seed=None):
            self.captured[str(name)] = answer
            print(f"{name} is checked by the grader.")

        checks.check = capture
        checks.find = lambda name: dataclasses.replace(find(name), solution=Withheld(str(name)))
        checks.predict = lambda name, guess: print(f"{name} isn't graded.")
        checks.progress = lambda: print("There is no progress to show while answers are graded.")

    def run(self, request: dict) -> dict:
        """Run a cell; say how it ended and which answers were checked in it."""
        self.captured.clear()
        result = self.shell.run_cell(request["source"], store_history=False)
        error = result.error_before_exec or result.error_in_exec
        reply = {"checked": [*self.captured], "left": [name for name, answer in self.captured.items() if self.left_over(name, answer)]}
        self.examined.update(self.captured)
        if error is None:
            return reply | {"outcome": "ok"}
        if isinstance(error, TimeLimit):
            return reply | {"outcome": "time limit"}
        said = (str(error).strip().splitlines() or [""])[0]
        return reply | {"outcome": "error", "kind": type(error).__name__, "message": said[:200], "name": str(getattr(error, "name", None))}

    def left_over(self, name: str, answer) -> bool:
        """Whether it is what another exercise was answered with, and only has the same name."""
        return any(answer is other for exercise, other in self.examined.items() if exercise != name)

    def check(self, request: dict) -> dict:
        """Check a variable as the course's check cell would."""
        if request["variable"] not in self.shell.user_ns:
            return {"found": False}
        answer = self.shell.user_ns[request["variable"]]
        left = self.left_over(request["exercise"], answer)
        self.examined[request["exercise"]] = answer
        return {"found": True, "left": left}

    def names(self, request: dict) -> dict:
        return {"needs": [needs.needs(source) for source in request["sources"]]}

    def reply(self, request: dict) -> dict:
        """The reply to a request, which is stopped when its seconds of processor time are over."""
        what = request["ask"]
        signal.signal(signal.SIGPROF, late)
        signal.setitimer(signal.ITIMER_PROF, request["seconds"])
        try:
            return getattr(self if what in ("run", "check", "names") else self.answers, what)(request)
        except TimeLimit:
            return {"outcome": "time limit"}
        except BaseException as error:
            return {"outcome": "error", "kind": type(error).__name__, "message": str(error)[:200]}
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)


def late(*_):
    raise TimeLimit


def serve(asked: int, answered: int) -> None:
    """Answer requests until there are no more."""
    notebook = Notebook()
    with os.fdopen(asked, "rb") as requests, os.fdopen(answered, "wb") as replies:
        for line in requests:
            request = json.loads(line)
            reply = notebook.reply(request) | {"number": request["number"]}
            replies.write(json.dumps(reply).encode() + b"\n")
            replies.flush()
