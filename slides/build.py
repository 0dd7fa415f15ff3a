"""Build the slides: what `make slides` runs.

    python slides/build.py           writes slides/html: every deck whose sources changed, and the index
    python slides/build.py 07 18     the same for these decks alone
    python slides/build.py --pdf     writes build/slides: PDFs, and in its folder notes the same with the notes as annotations

A deck is Marp Markdown whose code, printed output and figures are calls (README.md lists them) that Jinja2 replaces by what the
notebook's tagged cells hold. Each HTML file carries a hash of all it was made from, which `stale` compares without Node.
"""

import argparse
import base64
import hashlib
import html
import os
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
from functools import cache
from pathlib import Path

import jinja2
import nbformat

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
HTML = HERE / "html"
PDF = ROOT / "build" / "slides"
MARP = HERE / "node_modules" / "@marp-team" / "marp-cli" / "marp-cli.js"
SOURCES = ("theme.css", ".marprc.yml", "keys.js", "package-lock.json")  # of every deck; the last stands for Marp and the fonts
PARTS = {
    "The course": ["course"],
    "I · JAX, one idea at a time": ["01", "02", "03", "04", "05", "06"],
    "II · Optimization": ["07", "08", "09"],
    "III · Neural networks": ["10", "11", "12"],
    "IV · Dynamic programming": ["13", "14"],
    "V · American options": ["15", "16", "17", "18", "19", "20", "21"],
}


class DeckError(Exception):
    """A deck that can't be built; the message is one line that names the deck, the slide and the tag."""


# --- What a deck shows of a notebook


@cache
def tagged(path: Path) -> dict[str, list]:
    """The notebook's cells by their `slide-…` tags."""
    found = {}
    for cell in nbformat.read(path, as_version=4).cells:
        for tag in cell.metadata.get("tags", []):
            if tag.startswith("slide-"):
                found.setdefault(tag, []).append(cell)
    return found


class Slide:
    """The functions that a slide may call."""

    def __init__(self, deck: "Deck", number: int):
        self.deck, self.number = deck, number

    def error(self, message: str) -> DeckError:
        return DeckError(f"{self.deck.path.name}, slide {self.number}: {' '.join(message.split())}")

    def cell(self, tag, notebook):
        number = self.deck.path.stem if notebook is None else f"{notebook}_*"
        paths = list(self.deck.notebooks.glob(f"{number}.ipynb"))
        if not paths:
            raise self.error(f"{tag}: there is no notebook {number.removesuffix('_*')}")
        cells = tagged(paths[0]).get(tag, [])
        if len(cells) != 1:
            raise self.error(f"{len(cells) or 'no'} cells of {paths[0].name} are tagged {tag}")
        self.deck.tags.add((paths[0].stem, tag))
        return cells[0]

    def code(self, tag, notebook=None, lines=None):
        """The cell's source."""
        cell = self.cell(tag, notebook)
        if cell.cell_type != "code":
            raise self.error(f"the cell tagged {tag} is no code")
        return self.fenced("python", self.cut(cell.source, lines, tag))

    def output(self, tag, notebook=None, lines=None):
        """What the cell printed, and what its last line evaluated to."""
        outputs = self.cell(tag, notebook).get("outputs", [])
        texts = [output.text for output in outputs if output.output_type == "stream"]
        texts += [output.data.get("text/plain", "") for output in outputs if output.output_type == "execute_result"]
        if not any(texts):
            raise self.error(f"the cell tagged {tag} has printed nothing")
        return self.fenced("text", self.cut("".join(texts).rstrip("\n"), lines, tag))

    def figure(self, tag, notebook=None):
        """The cell's figure, with its alt text."""
        outputs = self.cell(tag, notebook).get("outputs", [])
        pictures = [output for output in outputs if "image/png" in output.get("data", {})]
        if len(pictures) != 1:
            raise self.error(f"the cell tagged {tag} has {len(pictures) or 'no'} figures, not one")
        data = "".join(pictures[0].data["image/png"].split())
        alt = html.escape(pictures[0].metadata["image/png"]["alt"])
        return f'\n<figure><img alt="{alt}" src="data:image/png;base64,{data}"></figure>\n'

    def cut(self, text, lines, tag):
        if lines is None:
            return text
        match = re.fullmatch(r"(\d+)-(\d+)", str(lines))
        first, last = (int(match[1]), int(match[2])) if match else (0, 0)
        whole = text.splitlines()
        if not 1 <= first <= last <= len(whole):
            raise self.error(f'{tag}: lines="{lines}" is no range like "1-{len(whole)}" of its {len(whole)} lines')
        return textwrap.dedent("\n".join(whole[first - 1 : last]))

    @staticmethod
    def fenced(language, text):
        fence = "`" * max([3, *(1 + len(run) for run in re.findall(r"`{3,}", text))])
        return f"\n{fence}{language}\n{text}\n{fence}\n"


class Deck:
    def __init__(self, path: Path, notebooks: Path = ROOT / "notebooks"):
        self.path, self.notebooks = path, notebooks
        self.name = path.stem
        self.number = self.name.partition("_")[0]
        self.tags: set[tuple[str, str]] = set()  # (notebook, tag): what `render` has used
        text = path.read_text(encoding="utf-8")
        front = re.match(r"---\n(.*?\n)---\n", text, re.DOTALL)
        title = front and re.search(r'^title: *"?(.+?)"? *$', front[1], re.MULTILINE)
        if not title or not re.search("^math: mathjax$", front[1], re.MULTILINE):
            raise DeckError(f"{path.name}, slide 1: the deck starts with front matter that has a title and math: mathjax")
        self.title = title[1]
        self.front = front[0]
        self.slides = re.split(r"^---\n", text[front.end() :], flags=re.MULTILINE)

    def render(self) -> str:
        """The deck as Marp reads it.

        Raises:
            DeckError: naming the slide and the tag.
        """
        return self.front + "---\n".join(self.render_slide(k, text) for k, text in enumerate(self.slides, start=1))

    def render_slide(self, number, text):
        slide = Slide(self, number)
        if own := re.search(r"^ *(?:```|~~~)|!\[|<img\b|<svg\b|https?://[^ )]+\.(?:png|svg|jpe?g|gif)", text, re.MULTILINE):
            raise slide.error(f"{own[0].strip()!r}: code and pictures come from a notebook, by code(), output() or figure()")
        environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
        environment.globals = {"code": slide.code, "output": slide.output, "figure": slide.figure}
        try:
            return environment.from_string(text).render()
        except (jinja2.TemplateError, TypeError) as error:
            raise slide.error(str(error)) from error

    @property
    def html(self) -> Path:
        return HTML / f"{self.name}.html"

    def hash(self) -> str:
        """Of all that the HTML is made from."""
        digest = hashlib.sha256(self.render().encode())
        for name in SOURCES:
            digest.update((HERE / name).read_text(encoding="utf-8").encode())
        return f"sha256-{digest.hexdigest()}"

    def stale(self) -> bool:
        return not self.html.exists() or f'content="{self.hash()}"' not in self.html.read_text(encoding="utf-8")


def decks() -> list[Deck]:
    return [Deck(path) for path in sorted(HERE.glob("*.md")) if path.name != "README.md"]


def index(decks: list[Deck]) -> str:
    """slides/html/index.html."""
    by_number = {deck.number: deck for deck in decks}
    if lost := set(by_number) - {number for numbers in PARTS.values() for number in numbers}:
        raise DeckError(f"{by_number[min(lost)].path.name}: belongs to no part of the course")
    parts = [(part, [by_number[number] for number in numbers if number in by_number]) for part, numbers in PARTS.items()]
    parts = [(part, [(deck.name, deck.title, len(deck.slides)) for deck in decks]) for part, decks in parts if decks]
    options = {"autoescape": True, "trim_blocks": True, "keep_trailing_newline": True}
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, **options)
    return environment.from_string((HERE / "index.j2").read_text(encoding="utf-8")).render(parts=parts)


# --- Marp


def marp(decks: list[Deck], target: Path, *options: str) -> None:
    """Render the decks and have Marp convert them all at once, each to a file in `target`."""
    install()
    with tempfile.TemporaryDirectory() as folder:
        source, theme = Path(folder) / "decks", Path(folder) / "theme.css"
        source.mkdir()
        for deck in decks:
            (source / f"{deck.name}.md").write_text(deck.render(), encoding="utf-8")
        css = (HERE / "theme.css").read_text(encoding="utf-8")
        theme.write_text(re.sub(r"url\((node_modules/[^)]+)\)", embedded, css), encoding="utf-8")
        command = ["node", MARP, "--config", HERE / ".marprc.yml", "--theme-set", theme, "--theme", "course"]
        command += ["--input-dir", source, "--output", target, *options]
        sandbox = {"CHROME_NO_SANDBOX": "1"} if hasattr(os, "geteuid") and os.geteuid() == 0 else {}  # Chromium has none for root
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", env=os.environ | sandbox)
    said = done.stdout + done.stderr
    if "No suitable browser found" in said:
        raise DeckError("PDFs need Chromium or Chrome: install one, or say where it is in CHROME_PATH.")
    if done.returncode:
        raise DeckError(f"Marp stopped with status {done.returncode}:\n{said[:1000]}")


def install() -> None:
    """`npm ci`, when what is installed isn't what package-lock.json says."""
    if not shutil.which("node") or not shutil.which("npm"):
        raise DeckError("Building slides needs Node 20 or newer, with npm. Presenting them doesn't: open slides/html/index.html.")
    lock, done = HERE / "package-lock.json", HERE / "node_modules" / ".done"
    if not done.exists() or done.read_bytes() != lock.read_bytes():
        print("Installing Marp in slides/node_modules: a minute, once.", flush=True)
        command = [shutil.which("npm"), "ci", "--no-progress"]
        npm = subprocess.run(command, cwd=HERE, capture_output=True, text=True, encoding="utf-8")
        if npm.returncode:
            raise DeckError(f"npm ci stopped with status {npm.returncode}:\n{npm.stderr}")
        shutil.copyfile(lock, done)


def embedded(match) -> str:
    """A font of the theme as part of it."""
    return f"url(data:font/woff2;base64,{base64.b64encode((HERE / match[1]).read_bytes()).decode()})"


def finish(deck: Deck, page: str) -> str:
    """Marp's page with the hash and the key for dark slides; checked against the deck."""
    if (seen := page.count("<section ")) != len(deck.slides):
        raise DeckError(f"{deck.path.name}: Marp sees {seen} slides, not {len(deck.slides)}: separate them by lines --- alone")
    for k in range(len(deck.slides)):
        if f'<div class="bespoke-marp-note" data-index="{k}"' not in page:
            raise DeckError(f"{deck.path.name}, slide {k + 1}: no speaker notes; write them in a comment <!-- … -->")
    page = re.sub(r"https://[^/\s]+/(?=@marp-team/)", "", page)  # in a comment that names a license
    page = page.replace("</head>", f'<meta name="course-source" content="{deck.hash()}"></head>', 1)
    head, _, tail = page.rpartition("</body>")
    return f"{head}<script>\n{(HERE / 'keys.js').read_text(encoding='utf-8')}</script></body>{tail}\n"


def build(numbers) -> None:
    every = decks()
    chosen = [deck for deck in every if not numbers or deck.number in numbers]
    if lost := set(numbers) - {deck.number for deck in chosen}:
        raise DeckError(f"There is no deck {', '.join(sorted(lost))}; there are {', '.join(deck.number for deck in every)}.")
    stale = [deck for deck in chosen if deck.stale()]
    if stale:
        with tempfile.TemporaryDirectory() as folder:
            marp(stale, Path(folder))
            pages = {deck: finish(deck, (Path(folder) / f"{deck.name}.html").read_text(encoding="utf-8")) for deck in stale}
        HTML.mkdir(exist_ok=True)
        for deck, page in pages.items():
            deck.html.write_text(page, encoding="utf-8", newline="\n")
    (HTML / "index.html").write_text(index(every), encoding="utf-8", newline="\n")
    for page in set(HTML.glob("*.html")) - {deck.html for deck in every} - {HTML / "index.html"}:
        page.unlink()
    for deck in chosen:
        print(f"{'built    ' if deck in stale else 'unchanged'}  slides/html/{deck.name}.html")


def pdf() -> None:
    for folder, options in ((PDF, []), (PDF / "notes", ["--pdf-notes"])):
        marp(decks(), folder, "--pdf", "--browser", "chrome", "--parallel", "2", *options)
        print(f"wrote {len(decks())} PDFs to {folder}")


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(description="Build the slides.")
    parser.add_argument("decks", nargs="*", metavar="NN", help="numbers of decks, or course (all by default)")
    parser.add_argument("--pdf", action="store_true", help="write PDFs with and without notes to build/slides (needs Chromium)")
    options = parser.parse_args(arguments)
    try:
        pdf() if options.pdf else build(options.decks)
    except DeckError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
