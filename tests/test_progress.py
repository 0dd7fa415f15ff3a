"""What a student has passed is remembered, shown, and never in their way."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from course_utils import checks
from course_utils.checks import record

ROOT = Path(__file__).parents[1]
RIGHT = (8, 10, "float32")  # the answer to exercise 01.2


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A student's kernel, just started: where its file will be."""
    path = tmp_path / "folder" / "progress.json"
    monkeypatch.setenv("COURSE_PROGRESS", str(path))
    for variable in record.NOT_A_STUDENT:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(record, "_passed", {})
    return path


def shown(capsys):
    capsys.readouterr()
    checks.progress()
    return capsys.readouterr().out


def test_what_is_passed_is_remembered_and_shown(file, capsys):
    checks.check("01.2", (8, 10, "float64"))
    assert not file.exists()
    checks.check("01.2", RIGHT)
    assert capsys.readouterr().out.endswith("01.2 correct.\n")
    assert list(json.loads(file.read_text())) == ["01.2"] and [path.name for path in file.parent.iterdir()] == ["progress.json"]
    text = shown(capsys)
    assert re.search(r"^01        1 of \d    01\.1, 01\.3", text, re.MULTILINE)
    assert re.search(r"^02        0 of \d$", text, re.MULTILINE)
    assert text.endswith(f"Kept in {file}.\n")


def test_table_has_every_exercise(file, capsys):
    text = shown(capsys)
    modules = {path.stem[2:] for path in (ROOT / "course_utils/checks").glob("nb??.py")}
    assert set(re.findall(r"^(\w\d) ", text, re.MULTILINE)) == modules
    counts = [int(count) for count in re.findall(r"0 of (\d+)", text)]
    assert counts[-1] == sum(counts[:-1]) > 80


IN_A_KERNEL = """
import sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
for cell in sys.argv[1:]:
    shell.run_cell(cell, store_history=True)
"""


def test_it_survives_a_restart_and_solutions_do_not_count(file):
    def kernel(*cells):
        command = [sys.executable, "-c", IN_A_KERNEL, "from course_utils import checks", *cells, "checks.progress()"]
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        return re.findall(r"^01 +(\d) of", run.stdout, re.MULTILINE)

    solution = '#@title Solution 01.2\nsolution_answer = (8, 10, "float32")\nchecks.check("01.2", solution_answer)'
    assert kernel(solution, "checks.progress()", f'checks.check("01.2", {RIGHT})') == ["0", "1"]
    assert kernel() == ["1"]


@pytest.mark.parametrize("variable", record.NOT_A_STUDENT)
def test_others_than_students_leave_no_trace(file, monkeypatch, tmp_path, variable):
    monkeypatch.setenv(variable, str(tmp_path / "grades"))
    checks.check("01.2", RIGHT)
    assert not file.exists() and not record._passed


def test_pytest_says_that_it_is_there():
    assert os.environ.get("PYTEST_VERSION")  # and so it does to the kernels that it starts


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"01.2": 3}', b"\xff\xfe", b"null"])
def test_damaged_file_is_set_aside_and_said(file, capsys, content):
    file.parent.mkdir()
    file.write_bytes(content)
    checks.check("01.2", RIGHT)
    said = capsys.readouterr().out
    assert said.startswith("01.2 correct.\nThe list of what you have passed could not be read. It now lies in ")
    assert file.with_name("progress.json.damaged").read_bytes() == content
    assert "1 of" in shown(capsys) and list(json.loads(file.read_text())) == ["01.2"]
    file.write_bytes(content)
    assert "could not be read" in (text := shown(capsys)) and "1 of" in text


def test_where_nothing_can_be_written_the_kernel_remembers(file, capsys):
    file.parent.write_text("a file where the folder should be")
    checks.check("01.2", RIGHT)
    assert capsys.readouterr().out == "01.2 correct.\n"
    text = shown(capsys)
    assert re.search(r"^01        1 of", text, re.MULTILINE) and "Kept only as long as this kernel: " in text


def test_it_can_be_switched_off(file, capsys, monkeypatch):
    monkeypatch.setenv("COURSE_PROGRESS", "off")
    checks.check("01.2", RIGHT)
    assert "1 of" in (text := shown(capsys)) and "Kept nowhere" in text


def test_it_has_a_place_of_its_own(file, monkeypatch, tmp_path):
    monkeypatch.delenv("COURSE_PROGRESS")
    assert record._file().parts[-2:] == ("course-utils", "progress.json")


def test_two_kernels_keep_each_others_passes(file, monkeypatch, capsys):
    checks.check("01.2", RIGHT)
    monkeypatch.setattr(record, "_passed", {})
    record.remember("02.1")
    assert set(json.loads(file.read_text())) == {"01.2", "02.1"}
