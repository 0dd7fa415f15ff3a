"""Write the repository's address wherever it stands: what `make publish REPO=owner/name` runs.

    python tests/tools/publish.py owner/name

The address is kept in pyproject.toml. From there it goes into the Colab badge and the setup cell of every notebook, into
README.md where that names it, and into CITATION.cff. Nothing else in these files changes, and a second run changes nothing.
As long as there is no address it is OWNER/NAME, and the setup cells have none.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
UNSET = "OWNER/NAME"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/(?!\.+$)(?!.*\.git$)[\w.-]{1,100}", re.ASCII)
KEPT = re.compile(r'(?m)^(Repository = "https://github\.com/)([^"]+)"')
BADGE = re.compile(r"(colab\.research\.google\.com/github/)[^/\s]+/[^/\s]+(/blob/)")
SETUP = re.compile(r'(REPOSITORY = \\")[^"\\]*(\\"  # owner/name)')  # as it stands in a notebook's JSON
CITED = re.compile(r"(?m)^repository-code: .*\n")


def address(root: Path) -> str:
    """The address that pyproject.toml holds, as owner/name."""
    return KEPT.search((root / "pyproject.toml").read_text(encoding="utf-8"))[2]


def rewritten(root: Path, repo: str) -> dict[Path, str]:
    """The files below ``root`` that change when its address becomes ``repo``, each with its new text.

    Raises:
        ValueError: if ``repo`` isn't owner/name.
    """
    if not NAME.fullmatch(repo):
        raise ValueError(f"REPO is owner/name, the last two parts of the repository's address on GitHub; got {repo!r}")
    old = re.compile(rf"(github\.com/){re.escape(address(root))}(?![\w-])")
    cited = "" if repo == UNSET else f"repository-code: https://github.com/{repo}\n"
    changes = {
        "pyproject.toml": lambda text: KEPT.sub(rf'\g<1>{repo}"', text),
        "README.md": lambda text: old.sub(rf"\g<1>{repo}", text),
        "CITATION.cff": lambda text: re.sub("(?m)^(?=version: )", cited, CITED.sub("", text), count=1),
        "notebooks/*.ipynb": lambda text: SETUP.sub(
            rf"\g<1>{'' if repo == UNSET else repo}\g<2>", BADGE.sub(rf"\g<1>{repo}\g<2>", text)
        ),
    }
    found = {}
    for files, change in changes.items():
        for path in sorted(root.glob(files)):
            text = path.read_text(encoding="utf-8")
            if (new := change(text)) != text:
                found[path] = new
    return found


def main(arguments: list[str], root: Path = ROOT) -> int:
    try:
        changed = rewritten(root, " ".join(arguments))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    for path, text in changed.items():
        path.write_text(text, encoding="utf-8", newline="\n")
        print(path.relative_to(root))
    print(f"{len(changed)} files changed. The address is {address(root)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
