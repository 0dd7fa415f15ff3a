"""The comparator of tests/conftest.py: what it must accept, what it must refuse, and nbval with it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import timetable
from conftest import same
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).parents[1]

ACCEPTED = [
    ("price 4.478 ± 0.009", "price 4.479 ± 0.010"),
    ("1.234e-05", "1.235e-05"),
    ("1.000e+02", "9.999e+01"),
    ("9.999e-05", "1.000e-04"),
    ("[0.1000 0.2000]", "[0.1001 0.1999]"),
    ("-0.000", "0.000"),
    ("-0.000", "0.001"),
    ("0.000", "-0.001"),
    ("x = 9.99", "x = 10.00"),
    ("a   9.99  b", "a  10.00  b"),  # right-aligned
    ("9.99   |", "10.00  |"),  # left-aligned
    ("  9.99 100.00\n 10.00  99.99", " 10.00  99.99\n  9.99 100.00"),
    ("  0.001  1.0", " -0.000  1.0"),
    ("40,000.00", "39,999.99"),
    ("999.9", "1,000.0"),
    ("50.0%", "50.1%"),
    ("nan inf -inf", "nan inf -inf"),
    ("(0.5,)", "(0.6,)"),
    ("[1.5,2.5]", "[1.6,2.4]"),
    ("+0.00", "-0.01"),
]

REFUSED = [
    ("4.478", "4.480"),
    ("1.234e-05", "1.236e-05"),
    ("1.234e-05", "1.234e-06"),
    ("1.000e+02", "9.998e+01"),
    ("0.000e+00", "1.234e-09"),
    ("1.2e-08", "-1.2e-08"),  # a sign flip
    ("0.01", "-0.01"),
    ("-1.00", "1.00"),
    ("3", "4"),
    ("3.", "4."),
    ("100,000", "100,001"),
    ("1e-05", "2e-05"),
    ("4.478", "4.48"),  # another number of decimals
    ("4.478", "4.4780"),
    ("4.0", "4"),
    ("1.5e+05", "150000.0"),  # another notation
    ("1000.5", "1,000.5"),
    ("+0.01", "0.01"),
    ("nan", "0.1"),
    ("inf", "-inf"),
    ("nan", "inf"),
    ("0.1 0.2", "0.1 0.2 0.3"),
    ("0.1", "0.1 "),
    ("0.1  0.2", "0.1 0.2"),  # spaces without a cause
    ("0.1", " 0.1"),
    ("a 0.1", "b 0.1"),
    ("0.1\n", "0.1"),
    ("0.1 s", "0.1 ms"),
    ("x   9.99", "x 10.00"),  # padding shrank by more than the number grew
    ("jax 0.7.2", "jax 0.7.3"),  # a version is no number
    ("jax 0.7.2", "jax 0.8.2"),
    ("float32", "float31"),
    ("x1.5", "x1.6"),
    ("0x7f5c", "0x7f5d"),
    ("2024-01-05", "2024-01-06"),
    ("True", "False"),
    ("shape (3, 4)", "shape (4, 3)"),
    ("-0.5", "0.5"),
    ("", "0.1"),
]


@pytest.mark.parametrize(("stored", "new"), ACCEPTED)
def test_accepts(stored, new):
    assert same(stored, new)
    assert same(new, stored)


@pytest.mark.parametrize(("stored", "new"), REFUSED)
def test_refuses(stored, new):
    assert not same(stored, new)
    assert not same(new, stored)


@given(st.floats(-1e6, 1e6), st.integers(1, 6), st.integers(-5, 5), st.sampled_from("fe"))
def test_one_unit_and_no_more(value, decimals, units, notation):
    stored = f"{value:.{decimals}{notation}}"
    mantissa, e, exponent = stored.partition("e")
    new = f"{round(float(mantissa) + units * 10.0**-decimals, decimals):.{decimals}f}{e}{exponent}"
    assert same(stored, new) == (abs(units) <= 1)


def printed(text, name="stdout"):
    return [nbformat.v4.new_output("stream", name=name, text=text)]


RESULT = nbformat.v4.new_output("execute_result", {"text/plain": "1.26"}, execution_count=2)
ABOUT = "Python 3.{}.0 · jax 0.{} · flax 0.12 · optax 0.2 · 1 × cpu (cpu)\n"
NOTEBOOKS = {  # source, stored outputs, tags
    "01_accepted": [
        ("print(f'{2.0:.3f}')", printed("1.999\n"), []),
        ("1.25", [RESULT], []),
        ("import time; print(time.time())", printed("something else\n"), ["timing"]),
        (f"print('{ABOUT.format(12, 9).strip()}')", printed(ABOUT.format(11, 10)), ["setup"]),
    ],
    "02_refused": [
        ("print('all'); print(f'{2.0:.3f}')", printed("all\n2.002\n"), []),
        ("print('new')", [], []),
        ("import sys; print('a warning', file=sys.stderr)", [], []),
        ("print('new', file=sys.stderr)", printed("old\n", "stderr"), []),
        ("print('to stderr', file=sys.stderr)", printed("to stderr\n"), []),
        ("1 / 0", [], ["timing"]),  # not compared, but an error all the same
        ("print('Python 3.12.0 · jax is here')", printed("Python 3.11.0 · jax is here\n"), ["setup"]),
        ("", printed("no longer\n"), []),
    ],
    "03_hangs": [("import time; time.sleep(1000)", [], []), ("1", [], [])],
    "04_dies": [("import os; os._exit(1)", [], []), ("1", [], [])],
    "05_slow": [("sum(range(10_000_000)) > 0", [nbformat.v4.new_output("execute_result", {"text/plain": "True"})], [])],
}
TINY_SHARE = """
def pytest_configure():
    import timetable
    timetable.share = lambda number, share=timetable.share: 1e-3 if number == "05" else share(number)
"""


@pytest.fixture(scope="module")
def nbval(tmp_path_factory):
    """nbval's report on NOTEBOOKS, run with the comparator as `make test` runs it."""
    folder = tmp_path_factory.mktemp("notebooks")
    for name, cells in NOTEBOOKS.items():
        notebook = nbformat.v4.new_notebook()
        for count, (source, outputs, tags) in enumerate(cells, start=1):
            fields = dict(id=f"cell-{count}", execution_count=count, outputs=outputs, metadata={"tags": tags})
            notebook.cells.append(nbformat.v4.new_code_cell(source, **fields))
        nbformat.write(notebook, folder / f"{name}.ipynb")
    (folder / "tiny_share.py").write_text(TINY_SHARE)
    command = [sys.executable, "-m", "pytest", "-p", "tiny_share", "--color=no", "-rA", "--nbval-cell-timeout=10"]
    command += ["--numprocesses", "2", "--dist", "loadfile", "tests/conftest.py", folder]
    environment = os.environ | {"PYTHONUTF8": "1", "PYTHONPATH": str(folder)}
    run = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", env=environment, timeout=300)
    return run.stdout + run.stderr


def verdicts(report, name):
    return re.findall(rf"^(PASSED|FAILED|XFAIL) \S*{name}\.ipynb::Cell", report, re.MULTILINE)


def test_nbval_accepts(nbval):
    assert verdicts(nbval, "01_accepted") == ["PASSED"] * 4, nbval


def test_nbval_refuses(nbval):
    assert verdicts(nbval, "02_refused") == ["FAILED"] * 8, nbval


def test_nbval_stops_what_hangs_or_dies(nbval):
    assert "FAILED" in verdicts(nbval, "03_hangs") and "PASSED" not in verdicts(nbval, "03_hangs"), nbval
    assert "FAILED" in verdicts(nbval, "04_dies") and "PASSED" not in verdicts(nbval, "04_dies"), nbval


def test_report_says_what_changed_and_how_to_accept_it(nbval):
    assert "02_refused.ipynb, cell cell-1 (code cell 1)" in nbval
    assert " all\n-2.002\n+2.000\n" in nbval
    assert "+[stderr] a warning\n" in nbval
    assert "make notebooks NB=02" in nbval
    assert "ZeroDivisionError" in nbval
    assert "slowest notebooks" in nbval


def test_notebook_that_takes_twice_its_share_fails(nbval):
    assert re.findall(r"^ERROR \S*?(\d\d_\w+)\.ipynb::Cell", nbval, re.MULTILINE) == ["05_slow"], nbval
    assert re.search(r"^05_slow took \d+ s of processor time on a machine [\d.]+ times slower", nbval, re.MULTILINE), nbval
    times = {name: float(cpu) for cpu, name in re.findall(r"\(([\d.]+) s of processor time\)  (\w+)$", nbval, re.MULTILINE)}
    assert times.keys() == NOTEBOOKS.keys() and min(times.values()) > 0.1, nbval  # each kernel's own


@pytest.mark.parametrize(
    ("number", "cpu", "slowness", "fails"),
    [
        ("07", 119, 1, False),  # 30 s on two cores, twice
        ("07", 121, 1, True),
        ("07", 239, 2, False),  # a machine half as fast may take twice as long
        ("07", 241, 2, True),
        ("19", 239, 1, False),
        ("19", 241, 1, True),
        ("A1", 121, 1, True),
    ],
)
def test_share(number, cpu, slowness, fails):
    entry = timetable.Entry(f"{number}_title", wall=9e9, cpu=cpu, slowness=slowness)  # the clock has no say
    assert bool(entry.complaint) == fails
    assert not fails or f"{number}_title took {cpu} s of processor time" in entry.complaint


def test_table_of_times(tmp_path):
    entries = [timetable.Entry(name, wall, cpu, 2.0) for name, wall, cpu in [("01_a", 10.0, 12.0), ("19_b", 100.0, 120.0), ("x", 1.0, 1.0)]]
    timetable.write(entries, tmp_path)
    assert not (tmp_path / "build").exists()  # none of them is the course's
    (tmp_path / "notebooks").mkdir()
    for name in ("01_a", "19_b"):
        (tmp_path / f"notebooks/{name}.ipynb").touch()
    timetable.write(entries, tmp_path)
    lines = (tmp_path / "build/notebook_times.md").read_text().splitlines()
    assert "up to 2.0 times slower" in lines[2]
    assert lines[-3:] == ["|---|---:|---:|---:|", "| 19_b | 100.0 | 120.0 | 0.50 |", "| 01_a | 10.0 | 12.0 | 0.10 |"]


def test_what_is_measured():
    before = timetable.of_children()
    subprocess.run([sys.executable, "-c", "sum(range(10_000_000))"], check=True)
    assert timetable.of_children() > before or os.name == "nt"
    assert 1.0 <= timetable.slowness() < 100.0
