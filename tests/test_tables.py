"""The stored max-call table: held against what was published, and computed anew where that is quick."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

from course_utils import reference

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "notebooks" / "scripts" / "max_call_table.py"
STORED = reference.table("max_call_stored_run")
PUBLISHED = {(row["assets"], row["spot"]): row for row in reference.table("becker_cheridito_jentzen_2019_max_call")}


def table(output, *options):
    """The script as a program of its own, as `make tables` runs it."""
    command = [sys.executable, str(SCRIPT), "--output", str(output), "--folder", str(output.with_suffix("")), *options]
    environment = os.environ | {"JAX_PLATFORMS": "cpu", "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", env=environment, timeout=1800)


def test_stored_table_is_whole():
    assert [(row["assets"], row["spot"]) for row in STORED] == [(d, s) for d in (2, 5, 10, 20, 50, 100) for s in (90, 100, 110)]


@pytest.mark.parametrize("row", STORED, ids=[f"{row['assets']:.0f}-{row['spot']:.0f}" for row in STORED])
def test_stored_row_beside_the_published_one(row):
    """0.997: the bias of a policy from 100,000 paths and a small network; three standard errors for the noise of each bound."""
    published = PUBLISHED[row["assets"], row["spot"]]
    assert row["lower"] + 3 * row["lower_stderr"] >= 0.997 * published["ci_low"]
    assert row["upper"] - 3 * row["upper_stderr"] <= published["ci_high"]
    assert row["lower"] - 3 * row["lower_stderr"] <= published["ci_high"]
    assert row["upper"] + 3 * row["upper_stderr"] >= published["ci_low"]
    assert row["upper"] < 1.03 * row["lower"]  # two bounds that say something


def test_an_unwritable_output_keeps_what_was_stored(tmp_path):
    """The new table takes the old one's place when it is whole; a wrong option ends the program before that."""
    output = tmp_path / "table.csv"
    output.write_text("mine")
    done = table(output, "--assets", "0")
    assert done.returncode != 0 and output.read_text() == "mine"


@pytest.mark.slow
def test_first_row_again(tmp_path):
    """The same key gives the same row: 5e-3 of it, since other processors round differently and a training magnifies that."""
    done = table(tmp_path / "table.csv", "--assets", "2", "--spots", "90")
    assert done.returncode == 0, done.stderr
    columns, values = csv.reader((tmp_path / "table.csv").read_text(encoding="utf-8").splitlines()[-2:])
    assert columns == list(STORED[0])
    for name, value in zip(columns, map(float, values)):
        assert value == pytest.approx(STORED[0][name], rel=0.2 if "stderr" in name else 5e-3), name
