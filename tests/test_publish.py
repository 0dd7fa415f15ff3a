"""The repository's address stands in pyproject.toml, and `make publish` writes it into all else."""

import json
import re
import shutil
import tomllib
from pathlib import Path

import pytest
import yaml

import publish

ROOT = Path(__file__).parents[1]
REPO = "ada-lovelace/jax_course.2"


@pytest.fixture
def copy(tmp_path):
    for name in ("pyproject.toml", "README.md", "CITATION.cff"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "notebooks").mkdir()
    for path in ROOT.glob("notebooks/*.ipynb"):
        shutil.copy(path, tmp_path / "notebooks")
    readme = tmp_path / "README.md"
    readme.write_text(readme.read_text() + f"\nSee https://github.com/{publish.address(ROOT)}/issues.\n")
    return tmp_path


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_address_is_the_same_everywhere():
    different = publish.rewritten(ROOT, publish.address(ROOT))
    assert not different, f"make publish REPO={publish.address(ROOT)}"


def test_publishing_writes_the_address_everywhere(copy, capsys):
    before = contents(copy)
    assert publish.main([REPO], copy) == 0
    urls = tomllib.loads((copy / "pyproject.toml").read_text())["project"]["urls"]
    assert urls["Repository"] == f"https://github.com/{REPO}"
    assert yaml.safe_load((copy / "CITATION.cff").read_text())["repository-code"] == f"https://github.com/{REPO}"
    assert f"See https://github.com/{REPO}/issues." in (copy / "README.md").read_text()
    notebooks = sorted(copy.glob("notebooks/*.ipynb"))
    assert len(notebooks) > 20
    for path in notebooks:
        text = path.read_text(encoding="utf-8")
        notebook, old = json.loads(text), json.loads(before[path.relative_to(copy)])
        assert text == json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
        title, setup = ["".join(cell["source"]) for cell in notebook["cells"][:3]][::2]
        assert f"https://colab.research.google.com/github/{REPO}/blob/main/notebooks/{path.name})" in title
        assert re.findall(r'^REPOSITORY = "(.*)"', setup, re.MULTILINE) == [REPO]
        changed = [k for k, cells in enumerate(zip(notebook["cells"], old["cells"], strict=True)) if cells[0] != cells[1]]
        assert changed == [0, 2]
        for k in changed:  # nothing but their text
            assert notebook["cells"][k] | {"source": ""} == old["cells"][k] | {"source": ""}
    assert f"{len(notebooks) + 3} files changed" in capsys.readouterr().out


def test_publishing_twice_changes_nothing_and_can_be_taken_back(copy, capsys):
    before = contents(copy)
    publish.main([REPO], copy)
    once = contents(copy)
    publish.main([REPO], copy)
    assert contents(copy) == once != before
    assert "0 files changed" in capsys.readouterr().out
    publish.main([publish.address(ROOT)], copy)
    assert contents(copy) == before


@pytest.mark.parametrize(
    "repo",
    ["", "course", "ada/course/main", "https://github.com/ada/course", "ada/course.git", "ada /course", 'ada/co"urse', "ada/..", "-a/b", "adá/x"],
)
def test_what_is_no_address_is_refused(copy, capsys, repo):
    before = contents(copy)
    assert publish.main([repo], copy) == 2
    assert f"REPO is owner/name, the last two parts of the repository's address on GitHub; got {repo!r}" in capsys.readouterr().err
    assert contents(copy) == before
