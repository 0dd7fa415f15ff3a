"""The environment: one list of dependencies, exact versions without an address, and a package that needs little."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import course_utils
import pytest
import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONSTRAINTS = ["constraints.txt", "constraints-colab.txt"]
MODULES = sorted(path.stem for path in (ROOT / "course_utils").glob("*.py") if path.stem != "__init__")
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def test_conda_installs_the_same_list():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    python, pip, pips = environment["dependencies"]
    assert re.fullmatch(r"python=3\.1[1-3]", python) and pip == "pip"
    assert pips == {"pip": ["-c constraints.txt", "-e .[dev]"]}


@pytest.mark.parametrize("file", CONSTRAINTS)
def test_every_dependency_is_pinned(file):
    text = (ROOT / file).read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert "://" not in text and "@" not in text
    assert [line for line in lines if not re.fullmatch(r"[a-z0-9-]+==[\w.!+]+( ; .+)?", line)] == []
    pinned = {line.partition("==")[0] for line in lines}
    wanted = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]
    assert {re.match(r"[\w-]+", requirement)[0] for requirement in wanted} - pinned == set()


def test_colab_versions():
    colab = re.search(r"^COLAB +:= (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1].split()
    assert set(colab) <= set((ROOT / "constraints-colab.txt").read_text().splitlines())
    oldest = {name: version for name, version in (pin.split("==") for pin in colab)}
    for requirement in PROJECT["dependencies"]:
        name, lower = requirement.split(">=")
        assert name not in ("jax", "flax") or lower == oldest[name]


WITHOUT = """
import importlib, pkgutil, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"sklearn", "tqdm", "IPython", "pooch", "pandas", "torch", "nbformat", "hypothesis"}:
            raise ModuleNotFoundError(f"{name} is not installed", name=name)

sys.meta_path.insert(0, Absent())
import course_utils
for module in pkgutil.walk_packages(course_utils.__path__, "course_utils."):
    importlib.import_module(module.name)
    print(module.name)
"""


def test_importing_needs_only_the_dependencies():
    run = subprocess.run([sys.executable, "-c", WITHOUT], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert {f"course_utils.{name}" for name in MODULES} <= set(run.stdout.split())


def imports(path):
    """Dotted names of all that a file imports, functions' own imports included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: write the import out, from course_utils import …"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_a_module_imports_only_modules_before_it():
    order = re.findall(r"``(\w+)``", course_utils.__doc__)
    assert set(MODULES) <= set(order), "list the module in the docstring of course_utils/__init__.py"
    files = [(name, path) for name in MODULES for path in [ROOT / f"course_utils/{name}.py"]]
    files += [("checks", path) for path in (ROOT / "course_utils/checks").glob("*.py")]
    for name, path in files:
        used = {dotted.split(".")[1] for dotted in imports(path) if dotted.startswith("course_utils.")} - {"checks", "data"}
        if name == "lsmc":  # `price(upper=True)` calls what builds on the pricer, and imports it then
            used -= {"bounds"}
        later = [other for other in used if order.index(other) >= order.index(name)]
        assert not later, f"{path.name} imports {', '.join(later)}, which come later in course_utils/__init__.py"


def test_licenses_and_citation():
    assert (ROOT / "LICENSE").read_text().startswith("MIT License\n")
    assert "https://creativecommons.org/licenses/by/4.0/legalcode" in (ROOT / "LICENSE-CC-BY").read_text()
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == PROJECT["version"]
    assert " AND ".join(citation["license"]) == PROJECT["license"]
    assert PROJECT["description"].startswith(citation["title"])


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflow(path):
    """Valid YAML of the right shape, whose make targets exist."""
    workflow = yaml.safe_load(path.read_text())
    assert {"name", True, "permissions", "jobs"} == set(workflow)  # YAML reads `on` as true
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for job in workflow["jobs"].values():
        assert {"runs-on", "timeout-minutes", "steps"} <= set(job)
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step)
            assert "uses" not in step or re.fullmatch(r"actions/[\w-]+@v\d+", step["uses"])
            assert set(re.findall(r"\bmake ([a-z-]+)", step.get("run", ""))) <= targets
        assert set(job.get("strategy", {}).get("matrix", {}).get("command", [])) <= targets


def test_ci_runs_every_lane():
    script = (ROOT / ".ci/run").read_text()
    assert re.findall(r"^step make (\S+)", script, re.MULTILINE) == ["site", "test", "test-slow", "test-colab", "test-newest"]
    subprocess.run(["bash", "-n", ROOT / ".ci/run"], check=True)


@pytest.mark.parametrize("file", ["README.md", "CONTRIBUTING.md"])
def test_documents_link_to_files_and_name_commands_that_exist(file):
    text = (ROOT / file).read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?://)([^)#]+)", text):
        assert (ROOT / target).exists(), target
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:`|^)make ([a-z-]+)", text, re.MULTILINE)) <= targets
