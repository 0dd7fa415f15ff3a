"""The setup cell does on Colab what it promises: it installs the package, and leaves Colab's own jax as it is.

Offline: git is told to find the course's address on GitHub in a folder of this machine. In the lane with Colab's versions this
is what happens there; a stand-in for google.colab is all that is missing.
"""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
REPO = "ada/course"
UNTOUCHED = ("jax", "jaxlib", "flax", "optax", "numpy", "matplotlib")
# What Colab's notebook does next: use the package. Prints where each module was found.
USE = f"""
import importlib, json
import google.colab
import numpy as np
from course_utils import payoffs
assert payoffs.put(40.0)(np.array([36.0])) == 4.0
names = {UNTOUCHED + ("course_utils",)}
print(json.dumps({{name: importlib.import_module(name).__file__ for name in names}}))
"""


def setup_cell(repository: str) -> str:
    cells = json.loads(next(ROOT.glob("notebooks/00_*.ipynb")).read_text(encoding="utf-8"))["cells"]
    lines = next(cell for cell in cells if "setup" in cell["metadata"].get("tags", []))["source"]
    return "".join(f'REPOSITORY = "{repository}"\n' if line.startswith("REPOSITORY = ") else line for line in lines)


@pytest.fixture(scope="module")
def colab(tmp_path_factory):
    """A Python with everything that is installed here, but without course_utils, and with pip."""
    folder = tmp_path_factory.mktemp("colab")
    venv.create(folder, with_pip=True)
    own = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder), "platbase": str(folder)}))
    for path in [*own.glob("setuptools*"), own / "pkg_resources"]:  # Python 3.11 brings one that is too old
        shutil.rmtree(path, ignore_errors=True)
    # A folder named in a .pth file is searched, but the .pth files in it aren't read: that's where course_utils is found here.
    (own / "here.pth").write_text(f"{sysconfig.get_path('purelib')}\n{sysconfig.get_path('platlib')}\n")
    (own / "google/colab").mkdir(parents=True)
    (own / "google/colab/__init__.py").touch()
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    return python, own


def run(python, source: str, folder: Path, **environment) -> subprocess.CompletedProcess:
    """Run a cell as IPython does, in a folder where there is nothing else."""
    folder.mkdir(exist_ok=True)
    (folder / "cell.ipy").write_text(source, encoding="utf-8")
    settings = {name: text for name, text in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")}
    settings |= {"IPYTHONDIR": str(folder), "JAX_PLATFORMS": "cpu", "PYTHONSAFEPATH": "1"} | environment
    command = [python, "-m", "IPython", "--colors=NoColor", "cell.ipy"]
    return subprocess.run(command, cwd=folder, env=settings, capture_output=True, text=True, timeout=300)


@pytest.fixture
def offline(tmp_path):
    """A repository with what git would fetch, and the settings that let it be found without a network."""
    source = tmp_path / "github" / REPO
    source.mkdir(parents=True)
    for name in ("pyproject.toml", "README.md", "LICENSE", "LICENSE-CC-BY"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "course_utils", source / "course_utils", ignore=shutil.ignore_patterns("__pycache__"))
    author = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    for command in (["init", "--quiet"], ["add", "."], [*author, "commit", "--quiet", "--message", "The course"]):
        subprocess.run(["git", *command], cwd=source, check=True)
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{(tmp_path / 'github').as_uri()}/.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://github.com/",
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # which turns the isolation off, so that setuptools isn't fetched either
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }


def test_setup_cell_installs_the_package_and_nothing_else(colab, offline, tmp_path):
    python, own = colab
    before = {path.name for path in own.iterdir()}
    ran = run(python, setup_cell(REPO) + USE, tmp_path / "content", **offline)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    about, found = ran.stdout.splitlines()[-2:]
    assert about.startswith("Python 3.") and "jax" in about
    found = {name: Path(path) for name, path in json.loads(found).items()}
    assert found.pop("course_utils").is_relative_to(own)
    assert not [name for name, path in found.items() if path.is_relative_to(own)]
    new = {path.name for path in own.iterdir()} - before
    assert {name for name in new if not name.endswith(".dist-info")} == {"course_utils"} and len(new) == 2
    source = {path.relative_to(ROOT) for path in (ROOT / "course_utils").rglob("*.*") if path.suffix in (".py", ".csv")}
    assert source <= {path.relative_to(own) for path in (own / "course_utils").rglob("*.*")}  # its data too


def test_without_an_address_the_setup_cell_says_what_to_do(colab, tmp_path):
    python, own = colab
    shutil.rmtree(own / "course_utils", ignore_errors=True)
    ran = run(python, setup_cell(""), tmp_path / "content")
    assert "course_utils is not installed. Run `make lab` in the course's folder" in ran.stdout + ran.stderr
    assert "Traceback" not in ran.stdout + ran.stderr
