"""Programs kept on disk: found by the next process, to the same bits, in silence, and on this machine alone."""

import json
import os
import subprocess
import sys

import jax
import pytest
from course_utils import compilation

PROGRAM = """
import json, sys
import jax, jax.numpy as jnp
from course_utils import compilation

events = []
jax.monitoring.register_event_listener(lambda name, **_: events.append(name))
compilation.WORTH = 0.0
folder = compilation.keep()

@jax.jit
def simulate(key):
    def step(price, shock):
        price *= jnp.exp(0.1 * shock)
        return price, jnp.linalg.solve(jnp.eye(3) + price * 0.1, jnp.ones(3))
    return jax.lax.scan(step, 1.0, jax.random.normal(key, (50,)))[1].sum()

def hits():
    result = simulate(jax.random.key(1))
    found = events.count("/jax/compilation_cache/cache_hits")
    events.clear(); simulate.clear_cache()
    return found, float(result).hex()

first = hits()
with compilation.anew():
    anew = hits()
print(json.dumps([str(folder), first, anew, hits()]))
"""


def run(home, **environment):
    environment = {**os.environ, "XDG_CACHE_HOME": str(home), **environment}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return json.loads(done.stdout)


def test_next_process_finds_it(tmp_path):
    folder, (before, bits), _, _ = run(tmp_path)
    again, (after, same), (anew, anew_bits), (then, _) = run(tmp_path)
    assert folder == again and folder.startswith(str(tmp_path))
    assert before == 0 and after >= 1  # the first process compiled it, the second found it
    assert anew == 0 and then >= 1  # unless it is told to compile anew, for as long as that holds
    assert bits == same == anew_bits


@pytest.mark.parametrize("name, value", [("JAX_ENABLE_COMPILATION_CACHE", "false"), ("JAX_COMPILATION_CACHE_DIR", "{}/elsewhere")])
def test_users_choice_stands(tmp_path, name, value):
    assert run(tmp_path / "home", **{name: value.format(tmp_path)})[0] == "None"
    assert not (tmp_path / "home").exists()


def test_folder_that_cannot_be_made_is_done_without(tmp_path):
    (tmp_path / "course_utils").write_text("a file where the folder should be")
    assert run(tmp_path)[0] == "None"


def test_user_without_a_home_does_without(tmp_path, monkeypatch):
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(compilation.Path, "home", no_home)
    before = jax.config.jax_compilation_cache_dir
    jax.config.update("jax_compilation_cache_dir", None)
    try:
        assert compilation.keep() is None
    finally:
        jax.config.update("jax_compilation_cache_dir", before)


def test_another_machine_has_another_folder(tmp_path, monkeypatch):
    settings = ["jax_compilation_cache_dir", "jax_compilation_cache_max_size", "jax_persistent_cache_min_compile_time_secs"]
    before = {name: getattr(jax.config, name) for name in settings}
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folders = []
    try:
        for machine in ("one", "another"):
            monkeypatch.setattr(compilation, "this_machine", lambda: machine)
            jax.config.update("jax_compilation_cache_dir", None)
            folders.append(compilation.keep())
        assert folders[0] != folders[1]
        assert jax.config.jax_compilation_cache_max_size == compilation.MOST  # jax drops what was used longest ago
    finally:
        for name, value in before.items():
            jax.config.update(name, value)


def test_name_of_a_machine_is_stable_and_fits_a_folder():
    assert compilation.this_machine() == compilation.this_machine()
    assert compilation.this_machine().isalnum()
