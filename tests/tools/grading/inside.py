"""The process in which a student's notebook runs, cell by cell as the grader asks: `python inside.py ASKED ANSWERED LIMITS`.

It gets requests as lines of JSON on one pipe and answers on another. It knows the course without its solutions and typical
mistakes, which are not in its copy of ``course_utils``: a right result on the arguments of a check can only be computed. It
says what an answer gives on them; whether that is right is said elsewhere. The student's code may do to this process
whatever it likes, so nothing here is relied on for more than data.
"""

import ctypes
import dataclasses
import functools
import inspect
import json
import os
import resource
import signal
import sys

KILL_WITH_PARENT, ADOPT_ORPHANS = 1, 36  # prctl of Linux


class TimeLimit(BaseException):
    """The processor time of a request is used up."""


def prctl(option: int, value: int) -> None:
    try:
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
    except (AttributeError, OSError):
        pass  # not Linux


def keep_children() -> None:
    """Go on in a child, while this process keeps what the child leaves behind, so that it is found when all is ended."""
    prctl(KILL_WITH_PARENT, signal.SIGKILL)
    prctl(ADOPT_ORPHANS, 1)
    child = os.fork()
    if child:
        for name in (0, *map(int, sys.argv[1:3])):
            os.close(name)
        while True:
            done, status = os.wait()
            if done == child:
                os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    prctl(KILL_WITH_PARENT, signal.SIGKILL)


def limit_resources(memory: int, disk: int, seconds: int, processes: int) -> None:
    """Hard limits of the system, which hold for each process that starts here as well: the grader watches their sum."""
    limits = {"CORE": 0, "FSIZE": disk, "CPU": seconds, "NOFILE": 512, "DATA": memory, "MEMLOCK": 0}
    if os.getuid():
        limits["NPROC"] = processes
    for name, value in limits.items():
        try:
            kind = getattr(resource, f"RLIMIT_{name}")
            _, hard = resource.getrlimit(kind)
            value = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(kind, (value, value))
        except (AttributeError, ValueError, OSError):
            pass  # a system without this limit


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
    for _ in range(9):
        answer = getattr(answer, "func", None) or getattr(answer, "__wrapped__", None) or answer
    code = getattr(inspect.unwrap(answer) if callable(answer) else answer, "__code__", None)
    module = getattr(answer, "__module__", None) if code is None else ""
    home = os.path.dirname(os.path.abspath(__file__)) + "/course_utils/"
    return isinstance(answer, Withheld) or bool(code and code.co_filename.startswith(home)) or str(module).split(".")[0] == "course_utils"


def main() -> None:
    asked, answered = map(int, sys.argv[1:3])
    limits = json.loads(sys.argv[3])
    keep_children()
    limit_resources(**limits)
    requests, replies = os.fdopen(asked, "rb"), os.fdopen(answered, "wb")

    import jax
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    import data
    import needs
    from course_utils import checks

    shell = InteractiveShell.instance(config=Config(HistoryManager={"enabled": False}, InteractiveShell={"colors": "nocolor"}))
    captured, examined = {}, {}

    def capture(name, answer, seed=None):
        captured[str(name)] = answer
        print(f"{name} is checked by the grader.")

    checks.check = capture
    checks.predict = lambda name, guess: print(f"{name} isn't graded.")
    sys.modules["course_utils.checks"].progress = lambda: print("There is no progress to show while answers are graded.")
    find = checks.find

    @functools.cache
    def shown(name):
        return dataclasses.replace(find(name), solution=Withheld(str(name)))

    checks.find = shown

    def run(request):
        """Run a cell; say how it ended and which answers were checked in it."""
        captured.clear()
        result = shell.run_cell(request["source"], store_history=False)
        error = result.error_before_exec or result.error_in_exec
        reply = {"checked": [name for name, answer in captured.items() if remember(name, answer)]}
        if error is None:
            return reply | {"outcome": "ok"}
        if isinstance(error, TimeLimit):
            return reply | {"outcome": "time limit"}
        said = (str(error).strip().splitlines() or [""])[0]
        return reply | {"outcome": "error", "kind": type(error).__name__, "message": said[:200], "name": str(getattr(error, "name", None))}

    def remember(name, answer):
        examined[name] = answer
        return True

    def capture_by_name(request):
        """Check a variable as the course's check cell would, unless it holds what another exercise was answered with."""
        if request["variable"] not in shell.user_ns:
            return {"found": False}
        answer = shell.user_ns[request["variable"]]
        left = any(answer is other for name, other in examined.items() if name != request["exercise"])
        examined[request["exercise"]] = answer
        return {"found": True, "left": left}

    def here(request):
        return checks.Here(find(request["exercise"]), examined[request["exercise"]])

    def about(request):
        answer = examined[request["exercise"]]
        return {"own": theirs(answer), "about": here(request).about()._asdict()}

    def result(request):
        name = request["exercise"]
        Withheld.asked.discard(name)
        found = here(request).result(request["way"], key_of(request))
        return told(found) | {"own": bool(Withheld.asked)}

    def inspected(request):
        return told(here(request).inspected(key_of(request)))

    def traced(request):
        """The operations of the traced answer, as far as inspectors look at them."""
        one = here(request)
        found = []
        for equation in checks.equations(one.ways.plain, one.exercise.inputs(key_of(request))):
            params = {name: value for name, value in equation.params.items() if type(value) in (bool, int, float, str)}
            sizes = [int(getattr(variable.aval, "size", 0)) for variable in equation.outvars]
            found.append([equation.primitive.name, params, sizes])
        return {"equations": found}

    def told(found):
        if isinstance(found, checks.Raised):
            return {"raised": [found.kind, found.message[: data.LONGEST]]}
        try:
            return {"result": data.encode(found)}
        except Exception as error:
            return {"raised": [type(error).__name__, str(error)[:200]]}

    def key_of(request):
        numbers = request["key"]
        return None if numbers is None else jax.random.wrap_key_data(jax.numpy.array(numbers, "uint32"), impl="threefry2x32")

    def names(request):
        return {"needs": [needs.needs(source) for source in request["sources"]]}

    asks = {f.__name__: f for f in (run, capture_by_name, about, result, inspected, traced, names)}

    def late(*_):
        raise TimeLimit

    def answer(line):
        request = json.loads(line)
        signal.signal(signal.SIGPROF, late)
        signal.setitimer(signal.ITIMER_PROF, request["seconds"])
        try:
            return asks[request["ask"]](request)
        except TimeLimit:
            return {"outcome": "time limit"}
        except BaseException as error:
            return {"outcome": "error", "kind": type(error).__name__, "message": str(error)[:200]}
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)

    for line in requests:
        reply = json.dumps(answer(line))
        replies.write(reply.encode() + b"\n")
        replies.flush()


if __name__ == "__main__":
    main()
