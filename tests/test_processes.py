"""Processes that compute as one: what they print comes back, and when one dies none is left waiting for it."""

import os
import re
import subprocess
import sys
import time

import pytest

from course_utils import processes

JOINED = """
import os, sys
from pathlib import Path
from course_utils import processes, sharding
processes.join()
import jax, jax.numpy as jnp
from jax.sharding import NamedSharding, PartitionSpec
number, (file, how) = jax.process_index(), sys.argv[1:]
spread = NamedSharding(sharding.mesh(), PartitionSpec("paths"))
total = jax.jit(lambda: jax.lax.with_sharding_constraint(jnp.arange(8.0), spread).sum())
print(f"{number} of {jax.process_count()}, {jax.local_device_count()} of {jax.device_count()} devices: {total():g}", flush=True)
if number == 1 and how != "well":
    print("last words", file=sys.stderr, flush=True)
    Path(file).touch()
    if how == "exit":
        sys.exit(3)
    elif how == "raise":
        raise KeyError("mine")
    os.kill(os.getpid(), 9)
if how != "well":
    print(total())  # waits for the other one
"""
ASLEEP = """
import os, sys, time
from pathlib import Path
(Path(sys.argv[1]) / str(os.getpid())).touch()
time.sleep(1000)
"""


@pytest.fixture
def launched(tmp_path, monkeypatch):
    """Launches a program's text; afterwards none of its processes may run any more."""
    started = []

    class Popen(subprocess.Popen):
        def __init__(self, *arguments, **options):
            started.append(self)
            super().__init__(*arguments, **options)

    def launch(text, *arguments, **options):
        program = tmp_path / "program.py"
        program.write_text(text, encoding="utf-8")
        return processes.launch(program, arguments=arguments, **options)

    monkeypatch.setattr(subprocess, "Popen", Popen)
    yield launch
    assert len(started) == 2 and not any(running(process.pid) for process in started)


def running(number):
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True


def test_two_processes_compute_as_one(launched):
    """What gloo says of itself on stdout isn't among what they print."""
    expected = [f"{number} of 2, 2 of 4 devices: 28\n" for number in (0, 1)]
    assert launched(JOINED, "", "well", processes=2, devices=2) == expected


@pytest.mark.parametrize(
    "how, words",
    [
        ("kill", "process 1 of 2 died of SIGKILL; .* last words"),
        ("exit", "process 1 of 2 ended with exit code 3; .* last words"),
        pytest.param("raise", "process 1 of 2 ended with exit code 1; .* last words .* KeyError: 'mine'", marks=pytest.mark.slow),
    ],
)
def test_one_dies_while_the_other_waits_for_it(launched, how, words, tmp_path):
    """Without the launcher the survivor waits for 100 seconds, and one that ends by itself waits for the survivor."""
    with pytest.raises(RuntimeError) as raised:
        launched(JOINED, tmp_path / "dying", how)
    assert time.time() - (tmp_path / "dying").stat().st_mtime < 15
    assert re.search(words, str(raised.value).replace("\n", " ")), raised.value


@pytest.mark.slow
@pytest.mark.parametrize("how", ["kill", "exit", "raise"])
def test_the_first_to_die_is_named_though_the_other_fell_before_anyone_looked(launched, how, tmp_path, monkeypatch):
    """A launcher that looks every five seconds finds both dead: the other by what gloo says of a closed connection."""
    sleep = time.sleep
    monkeypatch.setattr(processes.time, "sleep", lambda seconds: sleep(5))
    with pytest.raises(RuntimeError, match="process 1 of 2 (died|ended)"):
        launched(JOINED, tmp_path / "dying", how)


def test_too_late(launched, tmp_path):
    before = time.monotonic()
    with pytest.raises(TimeoutError, match="after 1 s these processes still ran: 0, 1; all have been ended"):
        launched(ASLEEP, tmp_path, timeout=1)
    assert time.monotonic() - before < 15


@pytest.mark.slow
def test_processes_end_with_a_launcher_that_is_killed(tmp_path):
    """As when a notebook's kernel is restarted."""
    program, folder = tmp_path / "sleeper.py", tmp_path / "numbers"
    program.write_text(ASLEEP, encoding="utf-8")
    folder.mkdir()
    text = f"from course_utils import processes; processes.launch({str(program)!r}, arguments=[{str(folder)!r}])"
    launcher = subprocess.Popen([sys.executable, "-c", text])
    numbers = wait_for(lambda: [int(file.name) for file in folder.iterdir()], how_many=2)
    launcher.kill()
    launcher.wait()
    wait_for(lambda: [number for number in numbers if not running(number)], how_many=2)


def wait_for(found, how_many, seconds=60):
    deadline = time.monotonic() + seconds
    while len(there := found()) < how_many:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return there


def test_a_program_that_runs_alone_joins_nothing(monkeypatch):
    monkeypatch.delenv(processes.JOINED, raising=False)
    processes.join()


@pytest.mark.parametrize(
    "change, error, words",
    [
        ({"program": 3}, TypeError, "program is 3; expected the path"),
        ({"program": "none.py"}, ValueError, "program is 'none.py', and there is no such file"),
        ({"processes": 0}, ValueError, "processes is 0; expected at least 1"),
        ({"devices": 1.5}, TypeError, "devices is 1.5; expected a whole number"),
        ({"timeout": "10"}, TypeError, "timeout is '10'; expected a number of seconds"),
        ({"timeout": float("nan")}, ValueError, "timeout is nan; expected a positive number"),
        ({"arguments": "--all"}, TypeError, "arguments is '--all'; expected a list"),
    ],
)
def test_bad_input_starts_nothing(change, error, words, monkeypatch):
    monkeypatch.setattr(subprocess, "Popen", None)
    with pytest.raises(error, match=words):
        processes.launch(**{"program": __file__} | change)
