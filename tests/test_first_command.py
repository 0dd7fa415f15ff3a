"""The first command, wherever it is typed: `make lab`, `make check-setup`, and the course in a container."""

import fnmatch
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import check_setup
import lab
import pytest

ROOT = Path(__file__).parents[1]


# --- make lab


@pytest.fixture
def port():
    """One that is free, and so is the next."""
    for port in range(20_000, 30_000, 7):
        if lab.is_free(port, "localhost") and lab.is_free(port + 1, "localhost"):
            return port


def test_at_a_desk_nothing_is_said(port):
    says, options = lab.plan([f"--port={port}"], {"DISPLAY": ":0"}, "linux", root=False)
    assert (says, options) == ([], ["--ip=localhost", f"--port={port}"])


@pytest.mark.parametrize(
    ("platform", "environment", "screen"),
    [
        ("linux", {}, False),
        ("linux", {"DISPLAY": ":0"}, True),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
        ("linux", {"DISPLAY": "localhost:10.0", "SSH_CONNECTION": "10.0.0.2 50000 10.0.0.1 22"}, False),
        ("darwin", {}, True),
        ("darwin", {"SSH_TTY": "/dev/ttys001"}, False),
        ("win32", {}, True),
    ],
)
def test_where_a_browser_is_seen(platform, environment, screen, port):
    assert lab.has_screen(environment, platform) == screen
    says, options = lab.plan([f"--port={port}"], environment, platform, root=False)
    assert ("--no-browser" in options) == (not screen)
    assert len(says) == (0 if screen else 2)
    assert screen or (f"http://127.0.0.1:{port}/" in says[0] and f"ssh -N -L {port}:localhost:{port} user@machine" in says[1])


def test_root_may(port):
    assert "--allow-root" in lab.plan([f"--port={port}"], {"DISPLAY": ":0"}, "linux", root=True)[1]


def test_a_taken_port_is_named_and_the_next_one_is_meant_everywhere(port):
    with socket.create_server(("127.0.0.1", port)):
        says, options = lab.plan([f"--port={port}"], {}, "linux", root=False)
    assert f"--port={port + 1}" in options
    assert f"Port {port} is taken" in says[0] and f"at {port + 1}" in says[0]
    assert all(str(port + 1) in line and str(port) not in line for line in says[1:])


def test_jupyters_own_options_are_handed_on(port):
    _, options = lab.plan(["--ip=0.0.0.0", f"--port={port}", "--collaborative"], {}, "linux", root=False)
    assert options[:3] == ["--ip=0.0.0.0", f"--port={port}", "--collaborative"]


def test_the_token_stays_and_the_first_notebook_opens():
    source = (ROOT / "tests/tools/lab.py").read_text(encoding="utf-8") + (ROOT / "Makefile").read_text(encoding="utf-8")
    assert not re.search(r"token *=|password *=", source.replace("?token=", ""))
    assert (ROOT / lab.FOLDER / Path(lab.START).name).exists()


# --- make check-setup

CHECK = [sys.executable, ROOT / "tests/tools/check_setup.py"]


def test_check_setup_says_ok():
    run = subprocess.run(CHECK, capture_output=True, encoding="utf-8", env=os.environ | {"PYTHONIOENCODING": "utf-8"})
    about, verdict = run.stdout.splitlines()
    assert run.returncode == 0 and "jax" in about and "cpu" in about
    assert re.fullmatch(r"OK: a put is worth 4\.47\d\d ± 0\.00\d\d, by a binomial tree 4\.4779; \d+ seconds\.", verdict)


def test_a_device_that_is_not_there():
    run = subprocess.run(CHECK, capture_output=True, encoding="utf-8", env=os.environ | {"JAX_PLATFORMS": "abacus"})
    assert (run.returncode, run.stderr) == (1, "")
    assert run.stdout.startswith("Not yet: jax finds no device to compute on (JAX_PLATFORMS is abacus)")
    assert "set JAX_PLATFORMS=cpu" in run.stdout


@pytest.mark.parametrize(
    ("lower", "right"),
    [(4.4779, True), (4.4779 - 0.006, True), (4.4779 + 0.006, False), (4.4, False), (float("nan"), False)],
)
def test_a_wrong_price_is_called_wrong(monkeypatch, capsys, lower, right):
    from course_utils import lsmc

    monkeypatch.setattr(check_setup, "check_device", lambda: None)
    monkeypatch.setattr(lsmc, "price", lambda *_, **__: SimpleNamespace(lower=lower, lower_stderr=0.001))
    assert check_setup.main() == (0 if right else 1)
    said = capsys.readouterr().out
    assert said.startswith("OK: " if right else "Not yet: ") and f"{lower:.4f} ± 0.0010" in said
    assert right or ("expected at most" in said and check_setup.INSTALL in said)


@pytest.mark.parametrize(
    ("version", "said"),
    [("0.1.0", "jax 0.1.0 is installed, expected >="), (None, "jax isn't installed")],
)
def test_an_old_version_or_none_is_named(monkeypatch, capsys, version, said):
    def installed(name, known=metadata.version):
        if name == "jax" and version is None:
            raise metadata.PackageNotFoundError(name)
        return version if name == "jax" else known(name)

    monkeypatch.setattr(metadata, "version", installed)
    assert check_setup.main() == 1
    printed = capsys.readouterr().out
    assert printed.startswith(f"Not yet: {said}") and check_setup.INSTALL in printed


def test_without_the_course_a_sentence_says_so(monkeypatch, capsys):
    monkeypatch.setattr(check_setup, "COURSE", "no-such-course")
    assert check_setup.main() == 1
    assert capsys.readouterr().out.startswith("Not yet: no-such-course isn't installed for ")


# --- A command that lacks its argument


@pytest.mark.parametrize(("target", "argument"), [("grade", "DIR"), ("publish", "REPO")])
def test_what_is_missing_is_said_before_anything_is_built(tmp_path, target, argument):
    shutil.copy(ROOT / "Makefile", tmp_path)
    run = subprocess.run(["make", target], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode and f"make {target} {argument}=" in run.stdout
    assert {path.name for path in tmp_path.iterdir()} == {"Makefile"}


# --- In a container. No engine runs here: what can be read is.


def instructions():
    """The Dockerfile's, as (name, arguments)."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in re.sub(r"\\\n", " ", text).splitlines() if line.strip() and not line.startswith("#")]
    return [tuple(line.split(maxsplit=1)) for line in lines]


def ignored(path):
    patterns = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    somewhere = [f"*/{pattern.removeprefix('**/')}" for pattern in patterns if pattern.startswith("**/")]
    return any(fnmatch.fnmatch(path, p) for p in patterns) or any(fnmatch.fnmatch(f"/{path}", p) for p in somewhere)


def test_dockerfile():
    names = [name for name, _ in instructions()]
    assert names[0] == "FROM" and names[-1] == "CMD"
    assert set(names) <= {"FROM", "RUN", "USER", "WORKDIR", "COPY", "EXPOSE", "CMD"}
    assert json.loads(instructions()[-1][1]) == ["make", "lab", "LAB=--ip=0.0.0.0"]
    users = [arguments for name, arguments in instructions() if name == "USER"]
    assert users == ["student"] and names.index("USER") < names.index("COPY"), "the course isn't root's"
    for name, arguments in instructions():
        if name == "COPY":
            owner, *sources, _ = arguments.split()
            assert owner == "--chown=student"
            assert all((ROOT / source).exists() and not ignored(source) for source in sources)


def test_a_container_has_no_list_of_its_own():
    """Of Python's packages: `make env` installs those of pyproject.toml."""
    commands = [arguments for name, arguments in instructions() if name == "RUN"]
    assert commands[-1] == "make env" and not any(re.search(r"\b(pip|uv|conda)\b", command) for command in commands)
    needed = ["pyproject.toml", "constraints.txt", "Makefile", "course_utils", "notebooks", "tests/tools/lab.py"]
    for name in [*needed, "README.md", "LICENSE", "LICENSE-CC-BY"]:
        assert (ROOT / name).exists() and not ignored(name), f"{name} is needed in the image"
    for name in (".git", ".venv", ".venv-colab", "build", "slides/node_modules", "tests/__pycache__", "__pycache__"):
        assert ignored(name), f"{name} has no place in the image"
    python = re.match(r"python:(3\.\d+)-slim AS tools$", instructions()[0][1])[1]
    assert f"python={python}\n" in (ROOT / "environment.yml").read_text(), "one Python for conda and the container"


def test_devcontainer():
    settings = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text(encoding="utf-8"))
    build = settings["build"]
    assert (ROOT / ".devcontainer" / build["dockerfile"]).resolve() == ROOT / "Dockerfile"
    assert (ROOT / ".devcontainer" / build["context"]).resolve() == ROOT
    assert build["target"] in {arguments.partition(" AS ")[2] for name, arguments in instructions() if name == "FROM"}
    assert settings["remoteUser"] == "student" and settings["forwardPorts"] == [8888]
    assert settings["postCreateCommand"] == "make check-setup"
    assert "image" not in settings and "features" not in settings
