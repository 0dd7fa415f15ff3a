"""Forty made-up submissions of one notebook, each with what a fair and contained grader makes of it.

What does harm in the world has a harmless stand-in here: a write that should fail, a child that sleeps, a fork or two too many.
"""

import copy
import json
import textwrap
from collections.abc import Callable
from dataclasses import dataclass

import assignment

C, W, U, E, T, X, M, OWN = "correct", "wrong", "untouched", "error", "time limit", "crashed", "missing", "the course's"


@dataclass(frozen=True)
class Course:
    """A notebook, as JSON has it, with a right and a wrong text for each of its exercises."""

    notebook: dict
    right: dict[str, str]
    wrong: dict[str, str]

    @property
    def exercises(self) -> list[str]:
        return list(self.right)

    def variable(self, exercise: str) -> str:
        line = next(assignment.source_of(cell) for cell in self.notebook["cells"] if f'checks.check("{exercise}"' in assignment.source_of(cell))
        return line.rpartition(", ")[2].rstrip(")")


def handed_in(course: Course, answers: dict[str, str], change: Callable | None = None) -> dict:
    """What was handed out, with ``answers`` in the exercise cells, and changed as students do."""
    notebook = assignment.to_hand_out(course.notebook)
    for exercise, text in answers.items():
        cell_of(notebook, exercise)["source"] = text
    if change:
        change(notebook)
    return notebook


def cell_of(notebook: dict, exercise: str, tag: str = "exercise") -> dict:
    section = None
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown" and (names := assignment.EXERCISE.findall(assignment.source_of(cell))):
            section = names[-1]
        if section == exercise and tag in assignment.tags(cell):
            return cell
    raise KeyError(exercise)


def code(source: str) -> dict:
    return {"cell_type": "code", "id": f"new-{abs(hash(source)) % 10**8}", "metadata": {}, "source": source, "outputs": [], "execution_count": None}


def put(notebook: dict, exercise: str, source: str, after: str | None = None) -> None:
    """Add a cell before an exercise's answer, or after the cell with the tag ``after``."""
    cells = notebook["cells"]
    place = cells.index(cell_of(notebook, exercise, after or "exercise")) + (after is not None)
    cells.insert(place, code(source))


def imports_of(notebook: dict) -> dict:
    return next(cell for cell in notebook["cells"] if "import checks" in assignment.source_of(cell) or ", checks" in assignment.source_of(cell))


def forty(course: Course) -> dict[str, tuple[dict | bytes, list[str] | dict[str, str]]]:
    """Student -> (the notebook, or the bytes of the file; the states to expect, by exercise)."""
    first, second, *others = course.exercises
    right, wrong = course.right, course.wrong
    all_right = dict.fromkeys(course.exercises, C)
    name = course.variable(first)
    found = {}

    def add(student, answers=right, change=None, **states):
        states = {course.exercises[int(key[1:]) - 1]: state for key, state in states.items()}
        found[student] = handed_in(course, answers, change), all_right | states

    def instead(source: str) -> dict[str, str]:
        """Right answers, but for this in the second exercise's cell."""
        return right | {second: textwrap.dedent(source)}

    # Honest, and right or wrong
    add("right")
    found["untouched"] = handed_in(course, {}), dict.fromkeys(course.exercises, U)
    found["wrong"] = handed_in(course, wrong), dict.fromkeys(course.exercises, W)
    add("half", {first: right[first]}, **{f"e{k}": U for k in range(2, len(course.exercises) + 1)})
    add("syntax", instead("def broken(x) return x"), e2=E)
    add("raises", instead("1 / 0"), e2=E)

    def own_import(notebook):
        imports_of(notebook)["source"] = assignment.source_of(imports_of(notebook)) + "\nimport jax.numpy as J"
        cell_of(notebook, first)["source"] = right[first].replace("jnp.", "J.") + "\nassert J.ones(3).sum() == 3"

    add("own-import", right, own_import)
    add("name-again", right, lambda n: put(n, first, f"{name} = 3", after="check"))
    add("name-again-in-the-next-cell", right | {second: f"{name} = 7\n" + right[second]})
    add("scratch-after", right, lambda n: put(n, first, "1 / 0  # a try", after="check"))

    def helper(notebook):
        put(notebook, first, "def helper(x):\n    return x")
        cell_of(notebook, first)["source"] = right[first] + f"\n_unhelped = {name}\n{name} = (lambda *given: helper(_unhelped(*given))) if callable(_unhelped) else helper(_unhelped)"

    add("helper", right, helper)

    def far_helper(notebook):
        notebook["cells"].insert(0, code("kept_far_away = 3"))
        cell_of(notebook, first)["source"] = "assert kept_far_away == 3\n" + right[first]

    add("far-helper", right, far_helper)

    def lose_ids(notebook):
        notebook["nbformat_minor"] = 0
        for cell in notebook["cells"]:
            cell.pop("id", None)

    add("without-ids", right, lose_ids)
    add("without-ids-and-helper", right, lambda n: (helper(n), lose_ids(n)))
    add("in-the-check-cell", right | {first: "pass"}, lambda n: cell_of(n, first, "check").update(source=right[first] + f'\nchecks.check("{first}", {name})'))
    add("deleted-check", right, lambda n: n["cells"].remove(cell_of(n, first, "check")))
    add("deleted-answer", right, lambda n: n["cells"].remove(cell_of(n, second)), e2=E)
    add("moved-check", right, lambda n: (n["cells"].append(cell_of(n, first, "check")), n["cells"].remove(cell_of(n, first, "check"))))
    add("magics", right, lambda n: put(n, first, "%matplotlib inline\n%timeit -n 1 -r 1 sum(range(9))", after="check"))
    add("globals", right | {first: right[first] + f"\nassert '{name}' in globals()"})
    add("exit", instead("exit()"), e2=E)
    add("a-cell-without-source", right, lambda n: (put(n, first, "7"), n["cells"][n["cells"].index(cell_of(n, first)) - 1].pop("source")))

    # Too much
    add("loops", instead("while True: pass"), e2=T)
    add("deaf", instead("import signal\nsignal.signal(signal.SIGPROF, signal.SIG_IGN)\nwhile True: pass"), e2=T)
    add("waits", instead("import threading\nthreading.Event().wait()"), e2=T)
    add("ends-its-process", instead("import os\nos._exit(1)"), e2=X)
    add("segfault", instead("import ctypes\nctypes.string_at(0)"), e2=X)
    add("much-output", right | {second: "print('x' * 50_000_000)\n" + right[second]})
    add("memory", instead("held = [bytearray(2**28) for _ in range(12)]"), e2=E)
    add("processes", instead("import os, time\nfor _ in range(60):\n    if not os.fork():\n        time.sleep(600)\n        os._exit(0)\nwhile True: pass"), e2=X)
    add("disk", instead("with open('large', 'wb') as file:\n    for _ in range(260):\n        file.write(bytes(2**20))"), e2=E)

    # Where it shouldn't be: who gets there is correct, who doesn't is an error
    alone = "if not {}:\n    raise KeyError('alone')\n" + right[second]
    add("network", right | {second: "import socket\n" + alone.format("[name for _, name in socket.if_nameindex() if name != 'lo']")}, e2=E)
    add("reads-others", right | {second: "import glob\n" + alone.format("glob.glob('/tmp/**/handed-in/*.ipynb', recursive=True)")}, e2=E)
    add("leaves-a-child-and-ends", instead("import os, subprocess\nsubprocess.Popen(['sleep', '987654'], start_new_session=True, close_fds=False)\nos._exit(1)"), e2=X)
    add("leaves-a-child", right | {second: "import subprocess\nsubprocess.Popen(['sleep', '987654'], start_new_session=True)\n" + right[second]})

    # Forged
    add("prints", right | {first: "pass"}, lambda n: cell_of(n, first, "check").update(source=f'print("{first} correct.")'), e1=E)
    add("solution", right | {second: f"{course.variable(second)} = checks.find({second!r}).solution"}, e2=OWN)
    calls = f"def {name}(*given):\n    return checks.find({first!r}).solution(*given)"
    add("calls-solution", right | {first: calls}, e1=OWN)
    patched = """
        import sys
        from course_utils import checks as _checks
        for module in list(sys.modules.values()):
            for thing in ("assess", "examine", "difference"):
                if hasattr(module, thing):
                    setattr(module, thing, lambda *_, **__: None)
        _checks.Here.result = lambda self, way, key: None
        _checks.Here.inspected = lambda self, key: None
        """
    found["patches"] = handed_in(course, wrong | {first: textwrap.dedent(patched) + wrong[first]}), dict.fromkeys(course.exercises, W)
    garbage = "import os\nfor pipe in range(3, 64):\n    try:\n        os.write(pipe, b'{\"result\": true, \"outcome\": \"ok\", \"states\": \"correct\"}\\n' * 9)\n    except OSError:\n        pass"
    add("writes-on-the-pipe", instead(garbage), e2=X)
    add("grades-itself", instead("import os\nfor root in ('..', '.', '/'):\n    with open(os.path.join(root, 'grades.csv'), 'a') as file:\n        file.write('me,correct')\nraise KeyError"), e2=E)

    text = json.dumps(handed_in(course, right))
    found["not-json"] = b"not JSON", dict.fromkeys(course.exercises, M)
    found["cut-off"] = text[: len(text) // 2].encode(), dict.fromkeys(course.exercises, M)
    found["no-cells"] = b'{"nbformat": 4}', dict.fromkeys(course.exercises, M)
    return copy.deepcopy(found)
