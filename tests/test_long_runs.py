"""Long runs go on where they were, to the same bits; what isn't theirs is refused and stays as it was."""

import os
import shutil
import signal
import subprocess
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from course_utils import long_runs, simulate

N = 4
ITEMS = {
    "key": jax.random.split(jax.random.key(0), N),
    "market": simulate.BlackScholes(*(jnp.linspace(low, low + 1.0, N) for low in (36.0, 0.2, 0.06, 0.0))),
    "number": np.arange(N),
}


@jax.jit
def numbers(spot, key):
    return spot * jax.random.normal(key, (3,))


def compute(item):
    """Of many kinds: arrays of two dtypes, a float of Python's, in a tuple in a dictionary."""
    draws = np.asarray(numbers(item["market"].spot, item["key"]))
    return {"draws": (draws, draws > 0), "number": 0.1 * int(item["number"])}


class Counted:
    """``compute``, the calls being counted; the one of this number is interrupted."""

    def __init__(self, interrupted=None):
        self.calls, self.interrupted = 0, interrupted

    def __call__(self, item):
        self.calls += 1
        if self.calls == self.interrupted:
            raise KeyboardInterrupt
        return compute(item)


def run(folder, compute=compute, items=ITEMS, **options):
    return long_runs.run(compute, items, folder, **dict(save_every=0, bar=False) | options)


def interrupt(folder, at=3):
    """A run that ends in item ``at``, from 1, after a checkpoint of each item before it."""
    with pytest.raises(KeyboardInterrupt):
        run(folder, Counted(interrupted=at))


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def assert_same_bits(results, expected):
    assert jax.tree.structure(results) == jax.tree.structure(expected)
    for result, right in zip(jax.tree.leaves(results), jax.tree.leaves(expected)):
        assert type(result) is np.ndarray and (result.dtype, result.shape) == (right.dtype, right.shape)
        assert result.tobytes() == right.tobytes()


@pytest.fixture(scope="module")
def expected():
    """The results, without ``run``."""
    each = [compute(jax.tree.map(lambda leaf: leaf[i], ITEMS)) for i in range(N)]
    return jax.tree.map(lambda *leaves: np.stack(leaves), *each)


def test_results_come_stacked(tmp_path, expected):
    results = run(tmp_path / "new" / "run")
    assert_same_bits(results, expected)
    assert results["draws"][0].shape == (N, 3) and results["number"].dtype == np.float64


@pytest.mark.parametrize("at", [1, 2, 4])
def test_goes_on_to_the_same_bits(tmp_path, expected, at):
    interrupt(tmp_path, at)
    rest = Counted()
    assert_same_bits(run(tmp_path, rest), expected)
    assert rest.calls == N - (at - 1) + (at > 1)  # the first item is computed at each call
    again = Counted()
    assert_same_bits(run(tmp_path, again), expected)
    assert again.calls == 1


def test_the_newest_two_are_kept_and_not_more_often_than_asked(tmp_path):
    run(tmp_path / "often")
    run(tmp_path / "seldom", save_every=1000)
    assert sorted(os.listdir(tmp_path / "often")) == [str(N - 1), str(N)]
    assert os.listdir(tmp_path / "seldom") == [str(N)]


def test_what_a_kill_left_unfinished_is_no_hindrance(tmp_path, expected):
    interrupt(tmp_path)
    shutil.copytree(tmp_path / "2", tmp_path / "3.orbax-checkpoint-tmp")
    (tmp_path / "3.orbax-checkpoint-tmp" / "commit_success.txt").unlink()
    assert_same_bits(run(tmp_path), expected)
    assert sorted(os.listdir(tmp_path)) == [str(N - 1), str(N)]


def other(change):
    return lambda item: jax.tree.map(change, compute(item))


@pytest.mark.parametrize(
    "change, words",
    [
        ({"name": "other"}, "name, '' there and 'other' here"),
        ({"items": ITEMS | {"number": ITEMS["number"] + 1}}, "numbers of the items"),
        ({"items": ITEMS | {"key": ITEMS["key"][::-1]}}, "numbers of the items"),
        ({"items": jax.tree.map(lambda leaf: leaf[:3], ITEMS)}, r"shapes of the items, 'key<fry>\[4\].*float32\[3\]"),
        ({"items": ITEMS | {"number": ITEMS["number"].astype(np.float32)}}, "shapes of the items"),
        ({"items": {"which": ITEMS}}, "structure of the items"),
        ({"compute": other(lambda leaf: leaf + 1e-7 * leaf)}, "first result"),
        ({"compute": other(np.float32)}, "shapes of a result"),
        ({"compute": lambda item: [compute(item)]}, "structure of a result"),
    ],
)
def test_another_task_is_refused(tmp_path, change, words):
    interrupt(tmp_path)
    before = contents(tmp_path)
    with pytest.raises(ValueError, match=f"holds another task.*{words}.*name another folder, or delete this one to start over"):
        run(tmp_path, **change)
    assert contents(tmp_path) == before


def test_another_version_of_jax_is_refused(tmp_path, monkeypatch):
    interrupt(tmp_path)
    monkeypatch.setattr(jax, "__version__", "0.0.1")
    with pytest.raises(ValueError, match="jax, '.*' there and '0.0.1' here"):
        run(tmp_path, lambda item: pytest.fail("nothing is to be computed"))


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 16
    path.write_bytes(data)


def files(checkpoint, which):
    """The files of a checkpoint that hold numbers, or say what they are."""
    return {"numbers": list(checkpoint.rglob("d/*")), "about": list(checkpoint.glob("about/metadata"))}[which]


@pytest.mark.parametrize("which", ["numbers", "about"])
@pytest.mark.parametrize("damage", [cut, flip, lambda path: path.unlink(), lambda path: path.write_bytes(b"")])
def test_damage_is_refused(tmp_path, expected, which, damage):
    """With what to do: delete the damaged checkpoint, and the run goes on from the one before it."""
    interrupt(tmp_path)
    for path in files(tmp_path / "2", which):
        damage(path)
    before = contents(tmp_path)
    with pytest.raises(ValueError, match=f"{tmp_path / '2'} is damaged.*delete {tmp_path / '2'} to go on from 1, or delete {tmp_path} to"):
        run(tmp_path, lambda item: pytest.fail("nothing is to be computed"))
    assert contents(tmp_path) == before
    shutil.rmtree(tmp_path / "2")
    assert_same_bits(run(tmp_path), expected)


@pytest.mark.parametrize("part", ["results", "about", ""])
def test_a_missing_part_is_refused(tmp_path, part):
    interrupt(tmp_path, at=2)
    shutil.rmtree(tmp_path / "1" / part)
    (tmp_path / "1").mkdir(exist_ok=True)
    with pytest.raises(ValueError, match=f"1 is damaged.*If it is yours, delete {tmp_path} to start over"):
        run(tmp_path)


def test_a_folder_of_other_things_is_refused(tmp_path):
    run(tmp_path)
    (tmp_path / "thesis.tex").write_text("mine")
    before = contents(tmp_path)
    for folder, words in ((tmp_path, "holds 'thesis.tex', which is no checkpoint"), (tmp_path / "thesis.tex", "which is a file")):
        with pytest.raises(ValueError, match=words):
            run(folder, lambda item: pytest.fail("nothing is to be computed"))
    assert contents(tmp_path) == before


def test_a_bar_with_the_time_left(tmp_path, capsys):
    run(tmp_path, bar=True, label="puts")
    shown = capsys.readouterr()
    assert f"{N}/{N}" in shown.err and " puts" in shown.err and "<" in shown.err and not shown.out
    run(tmp_path, bar=False)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("module, options", [("orbax.checkpoint", {}), ("tqdm", {"bar": True})])
def test_what_is_missing_is_named(tmp_path, monkeypatch, module, options):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=f"needs {module}, which isn't installed: pip install"):
        run(tmp_path, **options)


@pytest.mark.parametrize(
    "change, error, words",
    [
        ({"compute": 3}, TypeError, "compute is 3; expected a function"),
        ({"items": []}, ValueError, r"items is \[\], which has no leaves"),
        ({"items": {"rate": 0.06}}, TypeError, r"items\['rate'\] is 0.06; expected an array"),
        ({"items": np.array(["a", "b"])}, TypeError, "expected an array of numbers"),
        ({"items": jnp.ones(())}, ValueError, r"items has shape \(\); expected \(n, …\)"),
        ({"items": jnp.ones((0, 3))}, ValueError, r"items has shape \(0, 3\)"),
        ({"items": (jnp.ones(3), jnp.ones(4))}, ValueError, r"items\[1\] has shape \(4,\); expected .* the same n"),
        ({"folder": 3}, TypeError, "folder is 3; expected a path"),
        ({"name": 3}, TypeError, "name is 3; expected a text"),
        ({"label": None}, TypeError, "label is None; expected a text"),
        ({"save_every": "often"}, TypeError, "save_every is 'often'; expected a number of seconds"),
        ({"save_every": float("nan")}, ValueError, "save_every is nan; expected a number of seconds, 0 or more"),
        ({"bar": 1}, TypeError, "bar is 1; expected True or False"),
    ],
)
def test_bad_input_is_refused_before_anything_is_computed(tmp_path, change, error, words):
    forbidden = lambda item: pytest.fail("nothing is to be computed")
    with pytest.raises(error, match=words):
        run(**{"folder": tmp_path / "new", "compute": forbidden} | change)
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("gives", ["text", None, jax.random.key(0), np.zeros(0)])
def test_results_are_numbers(tmp_path, gives):
    with pytest.raises(TypeError, match="(?s)compute gives .* for item 0; expected numbers"):
        run(tmp_path / "new", lambda item: gives)
    assert not os.listdir(tmp_path)


def test_results_have_the_same_shapes(tmp_path):
    with pytest.raises(ValueError, match=r"compute gives float64\[2\] for item 2; expected, as for item 0, float64\[1\]"):
        run(tmp_path, lambda item: np.ones(max(1, int(item["number"]))) if item["number"] > 1 else np.ones(1))


BOOK = """
import hashlib, sys
import jax, jax.numpy as jnp
from course_utils import long_runs, lsmc, payoffs, regressors, simulate
n = 24
regressor = regressors.Network(first_steps=20)

@jax.jit
def fit(put):
    market = simulate.BlackScholes(put["spot"], put["volatility"], 0.06)
    option = lsmc.Bermudan(payoffs.put(40.0), 1.0, 5)
    return lsmc.fit(market, option, put["key"], regressor, 8192)

puts = dict(spot=jnp.linspace(36.0, 42.0, n), volatility=jnp.linspace(0.2, 0.4, n), key=jax.random.split(jax.random.key(0), n))
print("ready", flush=True)
policies = long_runs.run(fit, puts, sys.argv[1], name=repr(regressor), save_every=0.0, label="puts")
print(*(hashlib.sha256(leaf.tobytes()).hexdigest() for leaf in jax.tree.leaves(policies)))
"""


@pytest.mark.slow
def test_killed_three_times_it_comes_to_the_same_bits(tmp_path):
    """A small book of networks, in a process that is killed without warning: once early, once in the midst, once late."""
    program = [sys.executable, "-c", BOOK]
    whole = subprocess.run([*program, str(tmp_path / "whole")], capture_output=True, text=True, timeout=600)
    assert whole.returncode == 0, whole.stderr
    folder, seen = tmp_path / "killed", []
    for at in (2, 9, 17):
        process = subprocess.Popen([*program, str(folder)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 300
        while newest(folder) < at:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        seen.append(newest(folder))
    assert 2 <= seen[0] < seen[1] < seen[2] < 24, seen
    resumed = subprocess.run([*program, str(folder)], capture_output=True, text=True, timeout=600)
    assert resumed.returncode == 0, resumed.stderr
    assert resumed.stdout == whole.stdout and len(whole.stdout.split()) > 5
    assert f"{seen[-1]}/24" in resumed.stderr.replace("\r", "\n")


def newest(folder):
    return max([int(path.name) for path in folder.glob("*") if path.name.isdigit()], default=0)
