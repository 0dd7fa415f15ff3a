"""Build the slides: what `make slides` runs.

    python slides/build.py             writes slides/html: every deck whose sources changed, and the index
    python slides/build.py 07 18       the same for these decks alone
    python slides/build.py --students  writes build/slides/students: the decks without notes and answers, to give away
    python slides/build.py --pdf       writes build/slides: PDFs; in its folder notes the same with the notes as annotations;
                                       in handout what the students get, two slides a page

A deck is Marp Markdown whose code, printed output and figures are calls (README.md lists them) that Jinja2 replaces by what the
notebook's tagged cells hold. Each HTML file carries a hash of all it was made from, which `stale` compares without Node.
"""

import argparse
import base64
import hashlib
import html
import json
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
# Of every deck; the last stands for Marp and the fonts.
SOURCES = ("theme.css", ".marprc.yml", "page.j2", "keys.j2", "keys.js", "notes.mjs", "package-lock.json")
COURSE = "JAX to American options"
FRAME = 'style: "section { outline: 2px solid #c9ced4; outline-offset: -2px }"'  # around the slides of a handout, as Marp's directive
PARTS = {
    "The course": ["course"],
    "I · JAX, one idea at a time": ["01", "02", "03", "04", "05", "06"],
    "II · Optimization": ["07", "08", "09"],
    "III · Neural networks": ["10", "11", "12"],
    "IV · Dynamic programming": ["13", "14"],
    "V · American options": ["15", "16", "17", "18", "19", "20", "21", "22"],
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
        return self.fenced("python", re.sub(r"\n{3,}", "\n\n", self.cut(cell.source, lines, tag, gap="# …")))

    def output(self, tag, notebook=None, lines=None, without=None):
        """What the cell printed, and what its last line evaluated to; ``without`` a piece of it, such as a test's outcome."""
        outputs = self.cell(tag, notebook).get("outputs", [])
        texts = [output.text for output in outputs if output.output_type == "stream"]
        texts += [output.data.get("text/plain", "") for output in outputs if output.output_type == "execute_result"]
        if not any(texts):
            raise self.error(f"the cell tagged {tag} has printed nothing")
        text = self.cut("".join(texts).rstrip("\n"), lines, tag, gap="…")
        if without and without not in text:
            raise self.error(f"{tag}: without={without!r} isn't in what was printed")
        text = text.replace(without, "") if without else text
        return self.fenced("text", "\n".join(line.rstrip() for line in text.splitlines()))

    def figure(self, tag, notebook=None):
        """The cell's figure, with its alt text."""
        outputs = self.cell(tag, notebook).get("outputs", [])
        pictures = [output for output in outputs if "image/png" in output.get("data", {})]
        if len(pictures) != 1:
            raise self.error(f"the cell tagged {tag} has {len(pictures) or 'no'} figures, not one")
        data = "".join(pictures[0].data["image/png"].split())
        alt = html.escape(pictures[0].metadata["image/png"]["alt"])
        moving = ' class="moving"' if b"acTL" in base64.b64decode(data) else ""
        return f'\n<figure><img{moving} alt="{alt}" src="data:image/png;base64,{data}"></figure>\n'

    def cut(self, text, lines, tag, gap):
        """These lines of the text, moved left together; ``gap`` stands where some between them were left out."""
        if lines is None:
            return text
        whole, chosen, last = text.splitlines(), [], 0
        for part in str(lines).split(","):
            match = re.fullmatch(r" *(\d+)-(\d+) *", part)
            first, end = (int(match[1]), int(match[2])) if match else (0, 0)
            if not last < first <= end <= len(whole):
                known = f'"1-{len(whole)}" or "1-1, {len(whole)}-{len(whole)}" of its {len(whole)} lines'
                raise self.error(f'{tag}: lines="{lines}" is no range like {known}')
            if last:
                chosen.append(re.match(" *", whole[first - 1])[0] + gap)
            chosen += whole[first - 1 : end]
            last = end
        return textwrap.dedent("\n".join(chosen))

    @staticmethod
    def fenced(language, text):
        fence = "`" * max([3, *(1 + len(run) for run in re.findall(r"`{3,}", text))])
        return f"\n{fence}{language}\n{text}\n{fence}\n"


# A comment that is no directive is a note.
NOTE = re.compile(r"<!--(?! *_\w+:).*?-->", re.DOTALL)


def classes(slide: str) -> set[str]:
    """The classes that a slide's directive gives it."""
    return set(" ".join(re.findall(r"<!-- *_class: *(.*?) *-->", slide)).split())


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

    def render(self, students: bool = False, printed: bool = False) -> str:
        """The deck as Marp reads it.

        Args:
            students: leave out the notes and the slides of class `answer`; the others keep their numbers.
            printed: for a PDF, which has no links, and whose notes are plain text.

        Raises:
            DeckError: naming the slide and the tag.
        """
        front, slides = self.front, []
        if students and printed:
            front = front.replace("---\n", f"---\n{FRAME}\n", 1)
        for number, text in self.shown(students):
            text = self.render_slide(number, text)
            if students:
                text = NOTE.sub("", text)
            elif printed:
                text = NOTE.sub(lambda note: re.sub("[`$]", "", note[0]), text)
            slides.append(f"{text.rstrip()}\n\n{self.footer(number, printed)}\n\n")
        return front + "---\n".join(slides)

    def shown(self, students: bool = False) -> list[tuple[int, str]]:
        """The slides by their numbers, as they are written; students don't get the answers."""
        return [(k, text) for k, text in enumerate(self.slides, start=1) if not (students and "answer" in classes(text))]

    def footer(self, number: int, printed: bool) -> str:
        """What stands at a slide's foot, as Marp's directive: course, deck, number, and on the last slide the next deck."""
        course, following = f'<a href="index.html">{COURSE}</a>', ""
        if number == len(self.slides) and (deck := self.following()):
            following = f'<a href="{deck.name}.html">Next: {html.escape(deck.title)}</a>'
        if printed:
            course, following = f"<span>{COURSE}</span>", ""
        line = f"{course}<span>{html.escape(self.title)}</span>{following}<b>{number} / {len(self.slides)}</b>"
        return f"<!-- _footer: {json.dumps(line, ensure_ascii=False)} -->"

    def following(self) -> "Deck | None":
        """The deck that comes after this one in the course."""
        order = [number for numbers in PARTS.values() for number in numbers]
        after = order[order.index(self.number) + 1 :][:1] if self.number in order else []
        return next((Deck(path) for number in after for path in self.path.parent.glob(f"{number}_*.md")), None)

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


def index(decks: list[Deck], students: bool = False) -> str:
    """index.html beside the decks."""
    by_number = {deck.number: deck for deck in decks}
    if lost := set(by_number) - {number for numbers in PARTS.values() for number in numbers}:
        raise DeckError(f"{by_number[min(lost)].path.name}: belongs to no part of the course")
    parts = [(part, [by_number[number] for number in numbers if number in by_number]) for part, numbers in PARTS.items()]
    parts = [(part, [(deck.name, deck.title, len(deck.shown(students))) for deck in decks]) for part, decks in parts if decks]
    return template("index.j2").render(parts=parts, course=COURSE)


def template(name: str) -> jinja2.Template:
    options = {"autoescape": True, "trim_blocks": True, "keep_trailing_newline": True}
    loader = jinja2.FileSystemLoader(HERE)
    return jinja2.Environment(loader=loader, undefined=jinja2.StrictUndefined, **options).get_template(name)


# --- Marp


def marp(decks: list[Deck], target: Path, *options: str, **how: bool) -> None:
    """Render the decks, as `Deck.render` does, and have Marp convert them all at once, each to a file in `target`."""
    install()
    with tempfile.TemporaryDirectory() as folder:
        source, theme = Path(folder) / "decks", Path(folder) / "theme.css"
        source.mkdir()
        for deck in decks:
            (source / f"{deck.name}.md").write_text(deck.render(**how), encoding="utf-8")
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


MARPS_NOTE = re.compile(r'(<div class="bespoke-marp-note" data-index="(\d+)" tabindex="0">)(.*?)(</div>)', re.DOTALL)


def draw_notes(pages: dict[Deck, str]) -> dict[Deck, str]:
    """The pages with their notes as HTML, formulas drawn; Marp leaves them the Markdown that they are."""
    notes = [html.unescape(re.sub("</?p>", "\n", note[3])) for page in pages.values() for note in MARPS_NOTE.finditer(page)]
    done = subprocess.run(["node", HERE / "notes.mjs"], input=json.dumps(notes), capture_output=True, text=True, encoding="utf-8")
    if done.returncode:
        raise DeckError(f"Notes could not be drawn:\n{done.stderr[:1000]}")
    drawn = iter(json.loads(done.stdout))
    return {deck: MARPS_NOTE.sub(lambda note: note[1] + next(drawn) + note[4], page) for deck, page in pages.items()}


def finish(deck: Deck, page: str) -> str:
    """Marp's page with the hash and the keys; checked against the deck."""
    if (seen := page.count("<section ")) != len(deck.slides):
        raise DeckError(f"{deck.path.name}: Marp sees {seen} slides, not {len(deck.slides)}: separate them by lines --- alone")
    noted = {int(note[2]) for note in MARPS_NOTE.finditer(page)}
    if bare := sorted(set(range(len(deck.slides))) - noted):
        raise DeckError(f"{deck.path.name}, slide {bare[0] + 1}: no speaker notes; write them in a comment <!-- … -->")
    return with_keys(deck, page.replace("</head>", f'<meta name="course-source" content="{deck.hash()}"></head>', 1))


def with_keys(deck: Deck, page: str) -> str:
    """Marp's page with the course's keys and their help."""
    page = re.sub(r"https://[^/\s]+/(?=@marp-team/)", "", page)  # in a comment that names a license
    head, _, tail = page.rpartition("</body>")
    script = (HERE / "keys.js").read_text(encoding="utf-8")
    return f"{head}{template('page.j2').render(deck=deck, following=deck.following(), script=script)}</body>{tail}\n"


def convert(decks: list[Deck], **how: bool) -> dict[Deck, str]:
    """Marp's page of each deck."""
    with tempfile.TemporaryDirectory() as folder:
        marp(decks, Path(folder), **how)
        return {deck: (Path(folder) / f"{deck.name}.html").read_text(encoding="utf-8") for deck in decks}


def choose(numbers) -> list[Deck]:
    """The decks of these numbers; all of them for none."""
    every = decks()
    if lost := set(numbers) - {deck.number for deck in every}:
        raise DeckError(f"There is no deck {', '.join(sorted(lost))}; there are {', '.join(deck.number for deck in every)}.")
    return [deck for deck in every if not numbers or deck.number in numbers]


def build(numbers) -> None:
    every, chosen = decks(), choose(numbers)
    stale = [deck for deck in chosen if deck.stale()]
    if stale:
        pages = {deck: finish(deck, page) for deck, page in convert(stale).items()}
        HTML.mkdir(exist_ok=True)
        for deck, page in draw_notes(pages).items():
            deck.html.write_text(page, encoding="utf-8", newline="\n")
    (HTML / "index.html").write_text(index(every), encoding="utf-8", newline="\n")
    for page in set(HTML.glob("*.html")) - {deck.html for deck in every} - {HTML / "index.html"}:
        page.unlink()
    for deck in chosen:
        print(f"{'built    ' if deck in stale else 'unchanged'}  slides/html/{deck.name}.html")


def students(numbers) -> None:
    """The decks without notes and answers, and an index of them."""
    folder, chosen = PDF / "students", choose(numbers)
    folder.mkdir(parents=True, exist_ok=True)
    for deck, page in convert(chosen, students=True).items():
        (folder / deck.html.name).write_text(with_keys(deck, page), encoding="utf-8", newline="\n")
    (folder / "index.html").write_text(index(chosen, students=True), encoding="utf-8", newline="\n")
    print(f"wrote {len(chosen)} decks without notes and answers to {folder}")


def pdf(numbers) -> None:
    chosen, printer = choose(numbers), ("--pdf", "--browser", "chrome", "--parallel", "2")
    marp(chosen, PDF, *printer, printed=True)
    marp(chosen, PDF / "notes", *printer, "--pdf-notes", printed=True)
    with tempfile.TemporaryDirectory() as folder:
        marp(chosen, Path(folder), *printer, printed=True, students=True)
        (PDF / "handout").mkdir(exist_ok=True)
        for deck in chosen:
            two_a_page(Path(folder) / f"{deck.name}.pdf", PDF / "handout" / f"{deck.name}.pdf")
    print(f"wrote {len(chosen)} PDFs to {PDF}, with notes to {PDF / 'notes'}, for students to {PDF / 'handout'}")


def two_a_page(slides: Path, handout: Path) -> None:
    """A PDF of slides as one of A4 pages: two slides on each, framed, with room to write under both."""
    import pypdf  # of the extra `site`, as Chromium's driver

    paper, margin = pypdf.PaperSize.A4, 40.0  # points
    pages, writer = pypdf.PdfReader(slides).pages, pypdf.PdfWriter()
    scale = (paper.width - 2 * margin) / float(pages[0].mediabox.width)
    height = scale * float(pages[0].mediabox.height)
    for k, slide in enumerate(pages):
        if k % 2 == 0:
            sheet = writer.add_blank_page(paper.width, paper.height)
        top = paper.height * (1 - k % 2 / 2) - margin
        sheet.merge_transformed_page(slide, pypdf.Transformation().scale(scale).translate(margin, top - height))
    writer.compress_identical_objects()
    writer.write(handout)


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(description="Build the slides.")
    parser.add_argument("decks", nargs="*", metavar="NN", help="numbers of decks, or course (all by default)")
    target = parser.add_mutually_exclusive_group()
    target.add_argument("--students", action="store_true", help="write decks without notes and answers to build/slides/students")
    target.add_argument("--pdf", action="store_true", help="write PDFs to build/slides: plain, with notes, handouts (needs Chromium)")
    options = parser.parse_args(arguments)
    try:
        (pdf if options.pdf else students if options.students else build)(options.decks)
    except DeckError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
