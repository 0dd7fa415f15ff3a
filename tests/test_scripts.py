"""The training scripts run as programs, say what they can do, and reach what notebooks 07 and 09 print."""

import functools
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from course_utils import reference

SCRIPTS = Path(__file__).parents[1] / "notebooks" / "scripts"
RAW = ["linear_regression.py", "linear_regression_vmap.py"]
NNX = ["linear_regression_nnx.py", "linear_regression_nnx_split.py"]
OTHERS = ["book_of_puts.py", "max_call_table.py"]
DEFAULTS = {"epochs": 1, "batch_size": 16, "rate": 0.001, "seed": 42}


@functools.cache
def program(script):
    """The script for one epoch as a program of its own, as a user runs it. Once: starting jax takes seconds."""
    environment = os.environ | {"PYTHONIOENCODING": "utf-8", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, str(SCRIPTS / script), "--epochs", "1"]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", env=environment, timeout=300)


def printed_distance(stdout):
    return float(re.fullmatch(r"distance to the true parameters after \d+ epochs: (\S+)\n", stdout)[1])


def distance(capsys, script, **options):
    """What the script prints with these options, run in this process."""
    runpy.run_path(str(SCRIPTS / script))["main"](**DEFAULTS | options)
    return printed_distance(capsys.readouterr().out)


def test_these_are_all_the_scripts():
    assert sorted(path.name for path in SCRIPTS.glob("*.py")) == sorted([*RAW, *NNX, *OTHERS])


@pytest.mark.parametrize("script", [*RAW, *NNX, *OTHERS])
def test_script_is_short(script):
    assert len((SCRIPTS / script).read_text(encoding="utf-8").splitlines()) < 60


@pytest.mark.parametrize("script, published", [*((name, 2.166) for name in RAW), *((name, 1.272) for name in NNX)])
def test_one_epoch_as_a_program(script, published):
    """The first lines of the trainings in notebooks 07 and 09; the NNX scripts deal the batches in another order."""
    done = program(script)
    assert done.returncode == 0, done.stderr
    assert printed_distance(done.stdout) == pytest.approx(published, abs=2e-3 if script in NNX else 1e-3)
    assert "1/1" in done.stderr and "epochs" in done.stderr, "the progress bar goes to stderr"


@pytest.mark.parametrize("script", RAW + NNX)
def test_help_names_every_option_and_its_default(script, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", [script, "--help"])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(str(SCRIPTS / script), run_name="__main__")
    text = capsys.readouterr().out
    assert stopped.value.code == 0 and text.count("default:") == 4
    assert all(option in text for option in ("--epochs", "--batch-size", "--rate", "--seed"))


def test_both_ways_to_write_the_loss_train_alike(capsys):
    one, other = (distance(capsys, script, epochs=11) for script in RAW)
    assert one == pytest.approx(other, rel=1e-3) and one == pytest.approx(1.128, abs=2e-3)


def test_the_object_and_its_split_state_train_alike(capsys):
    one, other = (distance(capsys, script, epochs=21, batch_size=64) for script in NNX)
    assert one == pytest.approx(other, rel=1e-3) and one < 1.0


def test_every_option_is_used(capsys):
    options = [{}, {"seed": 1}, {"rate": 0.01}, {"batch_size": 100}, {"epochs": 2}]
    assert len({distance(capsys, RAW[0], **option) for option in options}) == len(options)


def test_a_batch_of_no_rows_is_refused():
    with pytest.raises(ValueError, match="size is 0"):
        runpy.run_path(str(SCRIPTS / RAW[0]))["main"](**DEFAULTS | {"batch_size": 0})


@pytest.mark.slow
def test_book_of_puts_holds_published_prices(tmp_path):
    """American puts with 50 dates (Longstaff and Schwartz, 2001, table 1); 1% for the standard error of 32,768 paths."""
    command = [sys.executable, str(SCRIPTS / "book_of_puts.py"), "--folder", str(tmp_path / "book")]
    environment = os.environ | {"PYTHONIOENCODING": "utf-8", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", env=environment, timeout=900)
    assert done.returncode == 0, done.stderr
    assert "100/100" in done.stderr and sorted(os.listdir(tmp_path / "book"))[0] == "100"
    prices = {}
    for table in done.stdout.split("maturity ")[1:]:
        first, *rows = table.splitlines()
        maturity, volatilities = float(first.split(",")[0]), map(float, first.split()[2:])
        for column, volatility in enumerate(volatilities):
            for row in rows[:5]:
                _, spot, *values = row.split()
                prices[float(spot), volatility, maturity] = float(values[column])
    published = reference.table("longstaff_schwartz_2001_table1")
    for row in published:
        found = prices[row["spot"], row["volatility"], row["maturity"]]
        assert found == pytest.approx(row["bermudan"], rel=0.01), row
    assert len(prices) == 100 and len(published) == 20
