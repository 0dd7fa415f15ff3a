"""How the stored outputs of a notebook are compared with new ones.

nbval compares text exactly. Here a float may differ by one unit in its last printed place, the text around it not at all.
Cells tagged ``timing`` are run but not compared; nothing else is left out.
"""

import difflib
import itertools
import os
import re
import time
from dataclasses import astuple
from decimal import Decimal
from pathlib import Path

os.environ.setdefault("JAX_PLATFORMS", "cpu")  # where the stored outputs come from; jax reads it when it is imported, kernels inherit it

import jax
import pytest
import timetable
from course_utils import compilation
from nbval.plugin import IPyNbCell, IPyNbFile, NbCellError

compilation.keep()  # as the notebooks' kernels do: what one process compiled, no other compiles again

# A number, not a part of a name (`float32`) or of a version (`0.7.2`): 12, -0.0500, 1.234e-05, 40,000.00
NUMBER = re.compile(r"(?<![\w.])([-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?(?:[eE][-+]?\d+)?)(?!\d|\.\d)")


def same_number(stored: str, new: str) -> bool:
    """Whether two printed numbers agree: integers exactly, floats within one unit of the last printed place."""
    if stored == new:
        return True
    mantissas, exponents = zip(*(text.replace(",", "").lower().partition("e")[::2] for text in (stored, new)))
    decimals, decimals_new = (len(mantissa.partition(".")[2]) for mantissa in mantissas)
    if decimals == 0 or decimals != decimals_new or bool(exponents[0]) != bool(exponents[1]):
        return False  # integers (`3.` is one too), another precision, another notation
    values = [Decimal(text.replace(",", "")) for text in (stored, new)]
    if values[0] == values[1]:  # the same value printed otherwise: only a zero may lose its sign
        return values[0] == 0 and stored.lstrip("-") == new.lstrip("-")
    if "+" in (stored[0], new[0]) and stored[0] != new[0] and "-" not in (stored[0], new[0]):
        return False
    smaller = min(int(exponent or 0) for exponent in exponents)
    return abs(values[0] - values[1]) <= Decimal(1).scaleb(smaller - decimals)


def same_gap(stored: str, new: str, before: int, after: int) -> bool:
    """Whether the texts between two numbers agree, when those numbers' widths grew by ``before`` and ``after``.

    Padding next to a number may shrink by as much as the number grew, and the other way round.
    """
    if stored == new:
        return True
    core = stored.strip(" ")
    if new.strip(" ") != core:
        return False
    if not core:
        return len(new) - len(stored) in (-before, -after, -before - after)
    (left, right), (left_new, right_new) = (map(len, text.split(core)) for text in (stored, new))
    return left_new - left in (0, -before) and right_new - right in (0, -after)


def same(stored: str, new: str) -> bool:
    """Whether two printed texts agree: see the top of this file."""
    a, b = NUMBER.split(stored), NUMBER.split(new)  # text, number, text, …, number, text
    if len(a) != len(b) or not all(map(same_number, a[1::2], b[1::2])):
        return False
    grew = [0, *(len(y) - len(x) for x, y in zip(a[1::2], b[1::2])), 0]
    return all(map(same_gap, a[::2], b[::2], grew[:-1], grew[1:]))


class Printed(str):
    """A text that equals another when ``same`` says so."""

    def __eq__(self, other):
        return same(str(self), str(other))

    def __ne__(self, other):
        return not self == other

    __hash__ = str.__hash__


# --- The private part of nbval that this touches: two methods of its cell (which is why nbval is pinned below 0.12).

sanitize, repr_failure = IPyNbCell.sanitize, IPyNbCell.repr_failure


def sanitize_for_comparison(cell, text):
    """Every text that nbval compares comes through here."""
    text = sanitize(cell, text)
    return Printed(text) if isinstance(text, str) else text


def say_what_differs(cell, failure):
    """Name notebook and cell; show stored and new output, and how the new one is accepted."""
    error, path = failure.value, Path(cell.path)
    where = f"{path.name}, cell {cell.cell.get('id')} (code cell {cell.cell_num + 1})"
    if not isinstance(error, NbCellError) or "differ" not in str(error):
        return f"{where}\n{repr_failure(cell, failure)}"
    stored, new = lines(cell.cell.outputs), lines(cell.test_outputs)
    if len(stored) == len(new):  # what agrees is shown as stored
        new = [a if same(a, b) else b for a, b in zip(stored, new)]
    difference = difflib.unified_diff(stored, new, "stored", "new", lineterm="")
    accept = f"If the new output is right: make notebooks NB={path.name[:2]}, read `git diff`, commit."
    return "\n".join([f"{where} prints something else than is stored", cell.cell.source, "", *difference, "", accept])


def lines(outputs) -> list[str]:
    """All text of a cell's outputs."""
    found = []
    for output in outputs:
        texts = {output.name: output.text} if output.output_type == "stream" else output.get("data", {})
        for kind, text in texts.items():
            if isinstance(text, str) and not kind.startswith("image/"):
                mark = "" if kind in ("stdout", "text/plain") else f"[{kind}] "
                found += [mark + line for line in text.splitlines()]
    return found


IPyNbCell.sanitize = sanitize_for_comparison
IPyNbCell.repr_failure = say_what_differs


def pytest_collection_modifyitems(items):
    for item in items:
        if isinstance(item, IPyNbCell) and "timing" in item.cell.metadata.get("tags", []):
            item.options["check"] = False


# --- How long each notebook takes: see tests/tools/timetable.py.

TIMES = pytest.StashKey[list[timetable.Entry]]()
start_notebook, end_notebook = IPyNbFile.setup, IPyNbFile.teardown


def start_clock(notebook):
    notebook.started = time.monotonic(), timetable.of_children()
    start_notebook(notebook)


def stop_clock(notebook):
    """Note the notebook's times once its kernel has ended; one that took twice its share fails here."""
    end_notebook(notebook)
    wall, cpu = (now - then for now, then in zip((time.monotonic(), timetable.of_children()), notebook.started))
    entry = timetable.Entry(notebook.path.stem, wall, cpu, timetable.slowness())
    notebook.config.stash.setdefault(TIMES, []).append(entry)
    if entry.complaint:
        pytest.fail(entry.complaint, pytrace=False)


IPyNbFile.setup, IPyNbFile.teardown = start_clock, stop_clock


REMEMBERED = 25  # tests whose compiled programs a process holds; those of all tests take gigabytes
_tests_run = itertools.count(1)


def pytest_runtest_teardown(item):
    if isinstance(item, pytest.Function) and next(_tests_run) % REMEMBERED == 0:
        jax.clear_caches()


def pytest_sessionfinish(session):
    """Where notebooks are run by several processes, each process hands its times to the one that reports them."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["times"] = list(map(astuple, session.config.stash.get(TIMES, [])))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    entries = getattr(node, "workeroutput", {}).get("times", [])  # a process that died hands over nothing
    node.config.stash.setdefault(TIMES, []).extend(timetable.Entry(*entry) for entry in entries)


def pytest_terminal_summary(terminalreporter, config):
    """List the notebooks that took longest, and write all of the course's into build/notebook_times.md."""
    entries = sorted(config.stash.get(TIMES, []), key=lambda entry: -entry.wall)
    if entries:
        terminalreporter.section("slowest notebooks")
    for entry in entries[:8]:
        terminalreporter.line(f"{entry.wall:6.1f} s  ({entry.cpu:.1f} s of processor time)  {entry.name}")
    timetable.write(entries, Path(__file__).parents[1])
