"""The slides: what the decks are built from, without Node; what an instructor sees, in a browser that has no network."""

import ast
import importlib.util
import json
import os
import re
import shutil
from functools import cache
from pathlib import Path

import anatomy
import nbformat
import pytest

ROOT = Path(__file__).parents[1]
spec = importlib.util.spec_from_file_location("build_slides", ROOT / "slides" / "build.py")
build = importlib.util.module_from_spec(spec)
spec.loader.exec_module(build)

DECKS = build.decks()
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
each_deck = pytest.mark.parametrize("deck", DECKS, ids=lambda deck: deck.number)

def needs(what, there):
    """Skip the test where ``what`` isn't there, saying so; fail where everything is required."""
    if not there:
        (pytest.fail if os.environ.get("CI_REQUIRE_BROWSER") else pytest.skip)(f"{what} isn't installed")


# --- Without Node


def test_every_notebook_has_a_deck():
    notebooks = {path.stem for path in ROOT.glob("notebooks/*.ipynb")} - {"00_start_here", "A1_from_pytorch_and_julia"}
    assert notebooks | {"course"} == {deck.name for deck in DECKS}, "write slides/NN_title.md, named as the notebook"


@each_deck
def test_deck_is_not_stale(deck):
    assert not deck.stale(), "its sources changed after it was built: make slides"


def test_nothing_but_the_decks_is_in_the_folder():
    assert {path.name for path in build.HTML.iterdir()} == {"index.html", *(deck.html.name for deck in DECKS)}
    assert (build.HTML / "index.html").read_text(encoding="utf-8") == build.index(DECKS)


def test_what_is_not_stale_is_not_built(monkeypatch, capsys):
    monkeypatch.setattr(build, "marp", lambda *_: pytest.fail("Marp was started"))
    before = {path: path.read_bytes() for path in build.HTML.iterdir()}
    assert build.main([]) == 0
    assert {path: path.read_bytes() for path in build.HTML.iterdir()} == before
    assert capsys.readouterr().out.count("unchanged") == len(DECKS)


def test_every_tag_of_a_notebook_is_used_once_and_by_a_deck():
    for deck in DECKS:
        deck.render()
    found = [
        (path.stem, tag)
        for path in sorted(ROOT.glob("notebooks/*.ipynb"))
        for tag, cells in build.tagged(path).items()
        for _ in cells
    ]
    assert sorted(found) == sorted(set().union(*(deck.tags for deck in DECKS)))


@each_deck
def test_the_parts_of_a_deck(deck):
    classes = [build.classes(slide) for slide in deck.slides]
    if deck.name != "course":
        assert 8 <= len(deck.slides) <= 20
        assert "title" in classes[0] and "next" in classes[-1]
        assert 2 <= sum("predict" in names for names in classes) <= 3
    for number, (names, following) in enumerate(zip(classes, [*classes[1:], set()]), start=1):
        assert ("predict" in names) == ("answer" in following), f"slide {number}: after predict comes its answer"
        assert names <= {"title", "predict", "answer", "next", "dense", "dark"}
    headings = [re.findall(r"^# (.+)$", slide, re.MULTILINE) for slide in deck.slides]
    assert [number for number, titles in enumerate(headings, start=1) if len(titles) != 1] == [], "slides without one title"


COUNTS = dict(zip("One Two Three Four Five Six Seven Eight Nine Ten".split(), range(1, 11)))


def unlike(slide, exercises):
    """What the last slide of a deck says otherwise than its notebook, whose exercises are (number, title), in order.

    Items are numbered from 1 and begin with the title in bold, or begin with the number in bold: - **21.1** …
    """
    shown = re.sub(r"<!--.*?-->", "", slide, flags=re.DOTALL)
    items = re.findall(r"^(\d+\.|-) +\*\*(.+?)\*\*", shown, re.MULTILINE)
    named = [name if mark == "-" else (int(mark[:-1]), name.removesuffix(".")) for mark, name in items]
    wanted = [(k, title.removesuffix(".")) for k, (_, title) in enumerate(exercises, start=1)]
    faults = []
    for (number, title), as_title in zip(exercises, wanted):
        if number not in named and as_title not in named:
            faults.append(f"exercise {number} isn't listed: write `{as_title[0]}. **{title}** …`")
    if len(named) > len(exercises):
        faults.append(f"{len(named)} exercises are listed, the notebook has {len(exercises)}")
    if (count := re.search(r"^# (\w+) exercises?\b", shown, re.MULTILINE)) and COUNTS.get(count[1]) != len(exercises):
        faults.append(f"the title says {count[1]}, the notebook has {len(exercises)}")
    return faults


@each_deck
def test_the_last_slide_has_the_notebooks_exercises(deck):
    if deck.name != "course":
        notebook = anatomy.Notebook(ROOT / "notebooks" / f"{deck.name}.ipynb")
        exercises = re.findall(r"^### Exercise (\S+) · (.+?) *$", notebook.prose, re.MULTILINE)
        assert exercises and unlike(deck.slides[-1], exercises) == [], "exercises and the deck's last slide"


@pytest.mark.parametrize(
    ("slide", "faults"),
    [
        ("# Two exercises, then\n\n1. **Slopes.** Of many.\n2. **How many?** Count.\n\n<!--\n3. **Not seen.**\n-->", []),
        ("# Next\n\n- **07.1** Slopes\n- **07.2** Count", []),
        ("# Two exercises\n\n1. **Slopes.** Of many.", ["exercise 07.2 isn't listed: write `2. **How many?** …`"]),
        ("# Two exercises\n\n1. **How many?** Count.\n2. **Slopes.** Of many.", ["exercise 07.1 isn't", "exercise 07.2 isn't"]),
        ("# Three exercises\n\n1. **Slopes.**\n2. **How many?**", ["the title says Three, the notebook has 2"]),
        ("# Next\n\n1. **Slopes.**\n2. **How many?**\n3. **One more.**", ["3 exercises are listed, the notebook has 2"]),
    ],
)
def test_a_forgotten_exercise_is_named(slide, faults):
    found = unlike(slide, [("07.1", "Slopes"), ("07.2", "How many?")])
    assert len(found) == len(faults) and all(there.startswith(said) for there, said in zip(found, faults))


def blocks(deck, language):
    """(slide, text) of every block that the deck pulls from notebooks."""
    slides = enumerate((deck.render_slide(number, text) for number, text in enumerate(deck.slides, start=1)), start=1)
    fence = re.compile(rf"^(`{{3,}}){language}\n(.*?)\n\1$", re.MULTILINE | re.DOTALL)
    return [(number, match[2]) for number, slide in slides for match in fence.finditer(slide)]


def returns_of_no_function(code):
    """Whether a piece of code has a `return` whose `def` was cut away."""
    nodes = list(ast.walk(ast.parse(re.sub(r":\Z", ": ...", code))))  # the head of a loop may stand alone
    inside = {id(node) for function in nodes if isinstance(function, ast.FunctionDef) for node in ast.walk(function)}
    return any(isinstance(node, ast.Return) and id(node) not in inside for node in nodes)


@each_deck
def test_code_reads_well(deck):
    for number, code in blocks(deck, "python"):
        where = f"slide {number}:\n{code}"
        assert "\n\n\n" not in code, where
        assert not returns_of_no_function(code), where
        assert not re.search(r"^(?! )(?!def|class|@|#).+\n(def|class|@)", code, re.MULTILINE), where


@each_deck
def test_no_test_prints_true_on_a_slide(deck):
    """A True stands under the code that prints it, or nowhere: numbers and words say it better."""
    printing = {number for number, code in blocks(deck, "python") if "print(" in code}
    shown = {number for number, text in blocks(deck, "text") if re.search(r"\bTrue\b", text)}
    assert shown <= printing, "say it in words, or leave it out: output(…, lines=…, without=…)"


def test_what_reads_badly_is_seen():
    assert returns_of_no_function("x = 1\nreturn x") and not returns_of_no_function("def f():\n    return 1")


@each_deck
def test_students_get_the_slides_without_notes_and_answers(deck):
    text = deck.render(students=True)
    numbers = [k for k, slide in enumerate(deck.slides, start=1) if "answer" not in build.classes(slide)]
    assert [int(number) for number in re.findall(r"<b>(\d+) / ", text)] == numbers
    assert build.NOTE.findall(text) == [] and not re.search("_class: [^>]*answer", text)
    titles = [re.search(r"^# .*", deck.slides[k - 1], re.MULTILINE)[0] for k in numbers]
    assert [title for title in titles if title not in text] == []
    printed = deck.render(printed=True)
    assert "href" not in re.sub("(?s)```.*?```", "", printed)
    assert not any(re.search("[`$]", note) for note in build.NOTE.findall(printed))


def test_every_slide_names_course_deck_and_number():
    order = [number for part in build.PARTS.values() for number in part]
    assert sorted(order) == sorted(deck.number for deck in DECKS)
    for deck in DECKS:
        feet = [json.loads(foot) for foot in re.findall(r"<!-- _footer: (.*) -->", deck.render())]
        assert len(feet) == len(deck.slides)
        for number, foot in enumerate(feet, start=1):
            assert build.COURSE in foot and deck.title in foot and f"<b>{number} / {len(feet)}</b>" in foot
        following = deck.following()
        assert (following.number if following else None) == dict(zip(order, order[1:])).get(deck.number)
        assert ("Next: " in feet[-1]) == bool(following) and not any("Next: " in foot for foot in feet[:-1])


def test_the_readme_lists_the_keys():
    def keys(text, key):
        return set(re.findall(key, text.partition("Building")[0]))

    offered, readme, script = (
        (ROOT / "slides" / name).read_text(encoding="utf-8") for name in ("keys.j2", "README.md", "keys.js")
    )
    own = re.findall(r'^    "?(\S)"?: \(\) =>', script, re.MULTILINE)
    assert set(own) <= keys(offered, "<kbd>(.)</kbd>") <= keys(readme, "`(.)`") and len(own) > 5


@each_deck
def test_the_words_of_a_deck(deck):
    no_words = r"`[^`]*`|\$[^$]+\$|\]\([^)]*\)|\{\{.*?\}\}|<!--|-->"
    text = re.sub(no_words, " ", "\n".join([deck.front, *deck.slides]), flags=re.DOTALL)
    assert anatomy.BRITISH.findall(text) == []
    assert re.findall(r".{0,30}!", text) == []
    assert anatomy.EMOJI.findall(text) == []


def test_packages_are_pinned_and_no_address_is_kept():
    lock = (ROOT / "slides" / "package-lock.json").read_text(encoding="utf-8")
    assert '"resolved"' not in lock and '"integrity"' in lock
    package = json.loads((ROOT / "slides" / "package.json").read_text(encoding="utf-8"))
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in package["devDependencies"].values())


FRONT = "---\ntitle: 07 · Sample\nmath: mathjax\n---\n\n# One\n\n---\n\n# Two\n\n"


@pytest.fixture
def sample(tmp_path):
    """A function that renders a deck of two slides, the second of which has this text, over a small notebook."""
    printed = [nbformat.v4.new_output("stream", text="1\n2\n3\n")]
    alt = {"image/png": {"alt": 'A "line" < x'}}
    picture = nbformat.v4.new_output("display_data", data={"image/png": "QUJD\n"}, metadata=alt)
    tested = [nbformat.v4.new_output("stream", text="loss 0.1   well: True\n")]
    apng, alt = {"image/png": "UE5HYWNUTC4=\n"}, {"image/png": {"alt": "Two lines cross"}}  # PNGacTL.
    moving = nbformat.v4.new_output("display_data", data=apng, metadata=alt)
    cells = [
        nbformat.v4.new_code_cell("if x:\n    a = 1\n    print(a)", outputs=printed, metadata={"tags": ["slide-text"]}),
        nbformat.v4.new_code_cell("show()", outputs=[picture], metadata={"tags": ["slide-figure"]}),
        nbformat.v4.new_code_cell("def f():\n    return 1\n\n\nf()", outputs=tested, metadata={"tags": ["slide-gap"]}),
        nbformat.v4.new_code_cell("animate()", outputs=[moving], metadata={"tags": ["slide-moving"]}),
        nbformat.v4.new_code_cell("1", metadata={"tags": ["slide-twice"]}),
        nbformat.v4.new_code_cell("2", metadata={"tags": ["slide-twice"]}),
        nbformat.v4.new_markdown_cell("Prose", metadata={"tags": ["slide-prose"]}),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "07_sample.ipynb")

    def render(text, name="07_sample", front=FRONT):
        (tmp_path / f"{name}.md").write_text(front + text + "\n", encoding="utf-8")
        return build.Deck(tmp_path / f"{name}.md", notebooks=tmp_path).render().partition("# Two\n\n")[2].partition("<!-- _footer")[0]

    return render


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ('{{ code("slide-text") }}', "```python\nif x:\n    a = 1\n    print(a)\n```"),
        ('{{ code("slide-text", lines="2-3") }}', "```python\na = 1\nprint(a)\n```"),
        ('{{ code("slide-text", lines="1-1, 3-3") }}', "```python\nif x:\n    # …\n    print(a)\n```"),
        ('{{ code("slide-gap") }}', "```python\ndef f():\n    return 1\n\nf()\n```"),
        ('{{ output("slide-text") }}', "```text\n1\n2\n3\n```"),
        ('{{ output("slide-text", lines="1-1,3-3") }}', "```text\n1\n…\n3\n```"),
        ('{{ output("slide-gap", without="   well: True") }}', "```text\nloss 0.1\n```"),
        ('{{ output("slide-text", lines="2-2") }}', "```text\n2\n```"),
        ('{{ output("slide-text", "07") }}', "```text\n1\n2\n3\n```"),
        (
            '{{ figure("slide-figure") }}',
            '<figure><img alt="A &#34;line&#34; &lt; x" src="data:image/png;base64,QUJD"></figure>',
        ),
        (
            '{{ figure("slide-moving") }}',
            '<figure><img class="moving" alt="Two lines cross" src="data:image/png;base64,UE5HYWNUTC4="></figure>',
        ),
    ],
)
def test_what_a_call_stands_for(sample, text, rendered):
    assert sample(text).strip().replace("&quot;", "&#34;") == rendered


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{{ code("slide-lost") }}', "slide 2: no cells of 07_sample.ipynb are tagged slide-lost"),
        ('{{ code("slide-twice") }}', "slide 2: 2 cells of 07_sample.ipynb are tagged slide-twice"),
        ('{{ code("slide-prose") }}', "slide 2: the cell tagged slide-prose is no code"),
        ('{{ output("slide-figure") }}', "slide 2: the cell tagged slide-figure has printed nothing"),
        ('{{ figure("slide-text") }}', "slide 2: the cell tagged slide-text has no figures, not one"),
        ('{{ code("slide-text", "08") }}', "slide 2: slide-text: there is no notebook 08"),
        ('{{ code("slide-text", lines="2-4") }}', 'lines="2-4" is no range like "1-3" or "1-1, 3-3" of its 3 lines'),
        ('{{ code("slide-text", lines="2") }}', 'slide 2: slide-text: lines="2" is no range'),
        ('{{ code("slide-text", lines="2-3, 1-1") }}', 'slide 2: slide-text: lines="2-3, 1-1" is no range'),
        ('{{ output("slide-text", without="True") }}', "slide 2: slide-text: without='True' isn't in what was printed"),
        ('{{ code("slide-text" }}', "slide 2: unexpected '}'"),
        ("{{ picture }}", "slide 2: 'picture' is undefined"),
        ("{{ code() }}", "slide 2: Slide.code() missing 1 required positional argument: 'tag'"),
        ("```python\nx = 1\n```", "slide 2: '```': code and pictures come from a notebook"),
        ("![a picture](data:image/png;base64,QUJD)", "slide 2: '![': code and pictures"),
        ('<img src="picture.png">', "slide 2: '<img': code and pictures"),
    ],
)
def test_what_stops_the_build(sample, text, said):
    with pytest.raises(build.DeckError) as stopped:
        sample(text)
    message = str(stopped.value)
    assert message.startswith("07_sample.md, ") and said in message and "\n" not in message


def test_front_matter_is_asked_for(sample):
    with pytest.raises(build.DeckError, match="07_sample.md, slide 1: .* title and math"):
        sample("", front=FRONT.replace("math: mathjax\n", ""))


def test_a_broken_deck_ends_the_command(monkeypatch, sample, tmp_path, capsys):
    with pytest.raises(build.DeckError):
        sample('{{ code("slide-lost") }}')
    monkeypatch.setattr(build, "decks", lambda: [build.Deck(tmp_path / "07_sample.md", notebooks=tmp_path)])
    monkeypatch.setattr(build, "HTML", tmp_path / "html")
    (tmp_path / "html").mkdir()
    assert build.main([]) == 1
    assert capsys.readouterr().err == "07_sample.md, slide 2: no cells of 07_sample.ipynb are tagged slide-lost\n"


PAGE = '<head></head><body>{}</body><div class="bespoke-marp-note" data-index="0" tabindex="0"></div>'


def test_notes_and_separators_are_asked_for(sample, tmp_path):
    sample("")
    deck = build.Deck(tmp_path / "07_sample.md", notebooks=tmp_path)
    with pytest.raises(build.DeckError, match="07_sample.md, slide 2: no speaker notes"):
        build.finish(deck, PAGE.format("<section ></section>" * 2))
    with pytest.raises(build.DeckError, match="07_sample.md: Marp sees 3 slides, not 2"):
        build.finish(deck, PAGE.format("<section ></section>" * 3))


def test_the_hash_follows_every_source(sample, tmp_path, monkeypatch):
    sample('{{ output("slide-text") }}')
    folder, notebook, deck = tmp_path / "slides", tmp_path / "07_sample.ipynb", tmp_path / "07_sample.md"
    folder.mkdir()
    for name in build.SOURCES:
        shutil.copy(ROOT / "slides" / name, folder)
    monkeypatch.setattr(build, "HERE", folder)

    def now():
        build.tagged.cache_clear()
        return build.Deck(deck, notebooks=tmp_path).hash()

    first = now()
    assert now() == first
    changed = [(path, b" ", b"  ") for path in map(folder.joinpath, build.SOURCES)]
    for path, old, new in [(notebook, b"3\\n", b"4\\n"), (deck, b"# Two", b"# 2"), *changed]:
        before = path.read_bytes()
        path.write_bytes(before.replace(old, new))
        assert now() != first, path.name
        path.write_bytes(before)
    assert now() == first


def test_one_deck_alone(capsys):
    assert build.main([DECKS[0].number]) == 0
    assert capsys.readouterr().out == f"unchanged  slides/html/{DECKS[0].name}.html\n"
    assert build.main(["77"]) == 1
    assert capsys.readouterr().err.startswith("There is no deck 77; there are ")


def test_without_node_a_sentence_says_so(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(build, "HTML", tmp_path)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert build.main([]) == 1
    assert capsys.readouterr().err.startswith("Building slides needs Node 20 or newer")


@pytest.mark.slow
def test_marp_makes_the_same_bytes_again(monkeypatch, tmp_path):
    needs("Node", shutil.which("node"))
    monkeypatch.setattr(build, "HTML", tmp_path)
    assert build.main([]) == 0
    committed = ROOT / "slides" / "html"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in committed.iterdir())
    assert [path.name for path in tmp_path.iterdir() if path.read_bytes() != (committed / path.name).read_bytes()] == []


# --- In a browser


@pytest.fixture(scope="module")
def browser():
    needs("Chromium (from the system's packages)", CHROMIUM)
    needs("playwright", importlib.util.find_spec("playwright"))
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND"]
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield chromium
        chromium.close()


class Visit:
    """A page without network, and what it asked for and complained of."""

    def __init__(self, browser, path: Path, **options):
        self.context = browser.new_context(viewport={"width": 1280, "height": 720}, offline=True, **options)
        self.requests, self.errors = [], []
        self.context.on("request", lambda request: self.requests.append(request.url))
        self.context.on("weberror", lambda error: self.errors.append(str(error.error)))
        self.context.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        self.page = self.context.new_page()
        self.page.goto(path.as_uri())
        self.page.evaluate("Promise.all([...document.fonts].map(font => font.load()))")

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.context.close()
        if kind is None:
            assert self.requests
            assert [url for url in self.requests if not url.startswith(("file:", "data:", "about:", "blob:"))] == []
            assert self.errors == []


# For every slide: what goes over its margins, and every text with its size, its color and the color behind it.
MEASURE = """() => {
  const visible = color => !/^rgba\\(.*, 0\\)$|^transparent$/.test(color);
  const behind = element => {
    while (!visible(getComputedStyle(element).backgroundColor)) element = element.parentElement;
    return getComputedStyle(element).backgroundColor;
  };
  const name = element => `${element.localName} ${element.textContent.trim().slice(0, 40)}`;
  return [...document.querySelectorAll("svg[data-marpit-svg] section")].map(section => {
    const style = getComputedStyle(section), frame = section.getBoundingClientRect();
    const side = which => parseFloat(style[`padding${which}`]) + parseFloat(style[`border${which}Width`]);
    const box = {top: frame.top + side("Top"), bottom: frame.bottom - side("Bottom"),
                 left: frame.left + side("Left"), right: frame.right - side("Right")};
    const elements = [...section.querySelectorAll("*")]
      .filter(element => element instanceof HTMLElement && !element.closest("svg svg"));
    const inside = elements.filter(element => !element.closest("footer"));
    const kind = element => element.closest("code") ? "code" : element.closest("footer") ? "foot" : "text";
    const aside = rect => rect.left < box.left - 1 || rect.right > box.right + 1;
    const outside = rect => rect.width && rect.height && (aside(rect) || rect.top < box.top - 1 || rect.bottom > box.bottom + 1);
    const out = element => (getComputedStyle(element).display === "inline" ? aside : outside)(element.getBoundingClientRect());
    const texts = elements.filter(element => !element.closest("mjx-container") &&
        [...element.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.data.trim()));
    const look = (element, style) =>
      [name(element), parseFloat(style.fontSize), kind(element), style.color, behind(element)];
    const wide = texts.filter(element => !element.closest("footer")).filter(element => {
      const range = document.createRange();
      range.selectNodeContents(element);
      return [...range.getClientRects()].some(aside);
    });
    return {
      size: [Math.round(frame.width), Math.round(frame.height)],
      over: [...new Set([...inside.filter(out), ...wide])].map(name),
      wrapped: [...section.querySelectorAll("pre")].filter(pre => {
        const style = getComputedStyle(pre), lines = pre.textContent.trimEnd().split("\\n").length;
        const rows = pre.clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom);
        return rows > (lines + 0.5) * parseFloat(style.lineHeight);
      }).map(name),
      texts: [...texts.map(element => look(element, getComputedStyle(element))),
              ...["::before", "::after"].filter(part => getComputedStyle(section, part).content !== "none")
                .map(part => look(section, getComputedStyle(section, part)))],
      formulas: section.querySelectorAll("mjx-container > svg").length,
      broken: section.querySelectorAll("[data-mml-node=merror], mjx-merror").length,
      raw: texts.filter(element => !element.closest("code, pre") &&
        [...element.childNodes].some(node => node.nodeType === Node.TEXT_NODE && /[$]/.test(node.data))).map(name),
      plain: [...section.querySelectorAll("pre > code.language-python")]
        .filter(code => /\\b(def|for|import|return|print)\\b|["'#]/.test(code.textContent))
        .filter(code => !code.querySelector("[class^=hljs-]")).map(name),
      images: [...section.querySelectorAll("img")].map(image => {
        const room = image.getBoundingClientRect();
        const scale = Math.min(room.width / image.naturalWidth, room.height / image.naturalHeight);
        return {alt: image.alt, scale: scale, height: scale * image.naturalHeight};
      }),
      hiddenScroll: [section.scrollWidth, section.scrollHeight],
    };
  });
}"""


@pytest.fixture(scope="module")
def seen(browser):
    """A function that opens a deck, once, and returns what is there, light and dark."""

    @cache
    def look(path):
        with Visit(browser, path) as visit:
            light = visit.page.evaluate(MEASURE)
            visit.page.keyboard.press("d")
            return light, visit.page.evaluate(MEASURE)

    return lambda deck: look(deck.html)


def at_fault(slides, key):
    return {number: slide[key] for number, slide in enumerate(slides, start=1) if slide[key]}


@each_deck
def test_nothing_goes_over_the_margins(deck, seen):
    for slides in seen(deck):
        assert len(slides) == len(deck.slides)
        assert {tuple(slide["size"]) for slide in slides} == {(1280, 720)}
        assert at_fault(slides, "over") == {}
        assert {tuple(slide["hiddenScroll"]) for slide in slides} <= {(1280, 720), (1260, 720)}  # 20 px of an edge


@each_deck
def test_formulas_and_code_are_rendered(deck, seen):
    slides, _ = seen(deck)
    written = [re.sub(r"<!--.*?-->|`[^`\n]*`|\{\{.*?\}\}", "", slide, flags=re.DOTALL) for slide in deck.slides]
    formulas = [re.findall(r"\$\$.+?\$\$|\$[^$\n]+\$", text, re.DOTALL) for text in written]
    assert [slide["formulas"] for slide in slides] == [len(found) for found in formulas]
    assert (at_fault(slides, "broken"), at_fault(slides, "raw"), at_fault(slides, "plain")) == ({}, {}, {})
    assert at_fault(slides, "wrapped") == {}, "lines of code that are too long"


@each_deck
def test_no_note_is_an_instruction_to_marp(deck):
    """A comment such as "header: …" would be obeyed, or lost, not kept as a note: findings/marp_note_that_is_a_directive.sh."""
    comments = [comment for slide in deck.slides for comment in re.findall(r"<!--(?! *_class:)(.*?)-->", slide, re.DOTALL)]
    assert [comment for comment in comments if re.match(r"\s*_?[a-z]\w*\s*:", comment)] == []


@each_deck
def test_every_figure_has_alt_text_and_is_large(deck, seen):
    images = [image for slide in seen(deck)[0] for image in slide["images"]]
    assert len(images) == sum(slide.count("figure(") for slide in deck.slides)
    assert [image for image in images if len(image["alt"].split()) < 5] == []
    blurred = [image for image in images if image["scale"] > 1]  # at 4K, a dot of it would be more than three dots wide
    assert blurred == [], "the picture has too few dots for its room"
    small = [image for image in images if image["scale"] < 0.6 and image["height"] < 440]  # labels: 30 px at scale 1
    assert small == [], "a figure takes what the text leaves: give it a slide with at most two lines"


def contrast(one, other):
    """Of two colors as the browser writes them, by WCAG 2.2."""

    def luminance(color):
        parts = [int(part) / 255 for part in re.findall(r"\d+", color)[:3]]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_contrast():
    assert contrast("rgb(0, 0, 0)", "rgb(255, 255, 255)") == pytest.approx(21)
    assert contrast("rgb(119, 119, 119)", "rgb(255, 255, 255)") == pytest.approx(4.48, abs=0.01)


@each_deck
def test_text_is_large_and_stands_out(deck, seen):
    light, dark = ([text for slide in slides for text in slide["texts"]] for slides in seen(deck))
    assert len(light) == len(dark) > 20
    for texts in (light, dark):
        assert [text for text in texts if contrast(*text[3:]) < 4.5] == []
        assert [text for text in texts if text[1] < {"code": 24, "foot": 22, "text": 28}[text[2]]] == []
    assert {text[4] for text in light}.isdisjoint(text[4] for text in dark)


SPOILED = [  # what is done to a slide, and what is then found
    ("add('<p>a line</p>'.repeat(20))", lambda slide: slide["over"]),
    ("add('<p style=\"white-space: nowrap\">' + 'word '.repeat(90))", lambda slide: slide["over"]),
    ("add('<p>$x$</p>')", lambda slide: slide["raw"]),
    ("add('<pre><code class=language-python>return x</code></pre>')", lambda slide: slide["plain"]),
    ("add('<pre><code class=language-text>' + 'word '.repeat(30) + '</code></pre>')", lambda slide: slide["wrapped"]),
    ("slide.style.color = '#999'", lambda slide: [text for text in slide["texts"] if contrast(*text[3:]) < 4.5]),
    ("slide.style.fontSize = '20px'", lambda slide: [text for text in slide["texts"] if text[1] < 22]),
]


def test_what_is_wrong_is_seen(browser):
    with Visit(browser, DECKS[0].html) as visit:
        before = visit.page.evaluate(MEASURE)[1:]
        for number, (spoil, _) in enumerate(SPOILED, start=1):
            visit.page.evaluate(f"""() => {{
                const slide = document.querySelectorAll("svg[data-marpit-svg] section")[{number}];
                const add = html => slide.insertAdjacentHTML("beforeend", html);
                {spoil}
            }}""")
        after = visit.page.evaluate(MEASURE)[1:]
    for (spoil, fault), slide, spoiled in zip(SPOILED, before, after):
        assert not fault(slide) and fault(spoiled), spoil


def test_a_request_is_seen(browser):
    with pytest.raises(AssertionError):
        with Visit(browser, DECKS[0].html) as visit:
            visit.page.evaluate("fetch('https://example.org/').catch(() => 0)")


def test_presenter_view_shows_the_notes_and_both_windows_move_together(browser):
    deck = DECKS[0]
    notes = [" ".join(re.findall(r"<!--(?! *_)(.*?)-->", slide, re.DOTALL)) for slide in deck.slides]
    words = [re.sub("[`*]", "", note).split() for note in notes]
    with Visit(browser, deck.html) as visit:
        with visit.page.expect_popup() as popup:
            visit.page.keyboard.press("p")
        presenter = popup.value
        note = presenter.locator(".bespoke-marp-note.active")
        note.wait_for()
        for number in (1, 2, 3):
            presenter.wait_for_function(f"document.querySelector('.bespoke-marp-note.active').dataset.index == {number - 1}")
            assert note.is_visible() and note.inner_text().split() == words[number - 1]
            visit.page.wait_for_function(f"location.hash == '#{number}' || ({number} == 1 && !location.hash)")
            presenter.keyboard.press("ArrowRight")
        presenter.keyboard.press("d")
        visit.page.wait_for_function("document.querySelectorAll('svg[data-marpit-svg] section.dark').length > 7")


@each_deck
def test_notes_are_drawn(deck):
    """No Markdown and no formula stands raw in the presenter view."""
    page = deck.html.read_text(encoding="utf-8")
    notes = [note[3] for note in build.MARPS_NOTE.finditer(page)]
    written = "".join(note for slide in deck.slides for note in build.NOTE.findall(slide))
    assert len(notes) == len(deck.slides)
    assert sum(note.count("<code>") for note in notes) == written.count("`") / 2
    assert sum(note.count("<mjx-container") for note in notes) == len(re.findall(r"\$[^$]+\$", written))
    assert re.findall("[`$]", re.sub("(?s)<code>.*?</code>", "", "".join(notes))) == []


@pytest.fixture
def both(browser):
    """A deck as the class sees it, and its presenter view."""
    with Visit(browser, DECKS[0].html) as visit:
        with visit.page.expect_popup() as popup:
            visit.page.keyboard.press("p")
        popup.value.locator(".bespoke-marp-note.active").wait_for()
        yield visit.page, popup.value


def test_black_is_for_the_class(both):
    shown, presenter = both
    presenter.keyboard.press("b")
    black = shown.locator(".course-black")
    black.wait_for()
    box = black.bounding_box()
    assert (box["width"], box["height"]) == (1280, 720)
    assert "The class sees a black screen" in presenter.locator(".course-black").inner_text()
    assert presenter.locator(".course-black").bounding_box()["height"] < 60
    shown.keyboard.press("b")
    presenter.locator(".course-black").wait_for(state="hidden")
    assert not black.is_visible()


def test_a_slide_by_its_number(both):
    shown, presenter = both
    shown.keyboard.press("g")
    shown.keyboard.type("7")
    shown.keyboard.press("Enter")
    shown.wait_for_function("location.hash == '#7'")
    presenter.wait_for_function("document.querySelector('.bespoke-marp-note.active').dataset.index == 6")
    assert not shown.locator("dialog[open]").count()
    shown.keyboard.press("g")
    shown.keyboard.press("Escape")
    shown.locator("#course-go").wait_for(state="hidden")
    shown.keyboard.press("ArrowRight")
    shown.wait_for_function("location.hash == '#8'")


def test_help_lists_the_keys_and_leads_on(both):
    shown, _ = both
    shown.keyboard.press("?")
    told = shown.locator("#course-help")
    told.wait_for()
    keys = told.locator("td:first-child kbd").all_inner_texts()
    assert {"g", "o", "f", "p", "b", "w", "d", "?"} <= set(keys)
    links = [link.get_attribute("href") for link in told.locator("a").all()]
    assert links == ["index.html", DECKS[0].following().html.name]
    shown.keyboard.press("Escape")
    told.wait_for(state="hidden")
    assert not shown.locator("iframe").count()  # which Escape would open, with all slides


def ink(page):
    """The strokes on the slide that is up, each with its box in the slide's own units."""
    return page.evaluate("""() => [...document.querySelectorAll(".bespoke-marp-active .course-ink")]
        .map(line => line.getBBox()).map(box => [box.x, box.y, box.x + box.width, box.y + box.height].map(Math.round))""")


def write(page, points):
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point)
    page.mouse.up()


def test_a_pen_writes_in_both_windows(both):
    shown, presenter = both
    write(shown, [(100, 100), (300, 200)])  # no pen in hand
    assert ink(shown) == []
    shown.keyboard.press("w")
    write(shown, [(100, 100), (200, 400), (300, 200)])
    assert ink(shown) == [[100, 100, 300, 400]]
    presenter.wait_for_function("document.querySelectorAll('.bespoke-marp-active .course-ink').length == 1")
    assert ink(presenter) == [[100, 100, 300, 400]]
    presenter.keyboard.press("w")
    frame = presenter.locator("svg.bespoke-marp-active").bounding_box()
    write(presenter, [(frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2), (frame["x"] + 9, frame["y"] + 60)])
    shown.wait_for_function("document.querySelectorAll('.bespoke-marp-active .course-ink').length == 2")
    assert ink(shown)[1][2:] == [640, 360] or abs(ink(shown)[1][2] - 640) < 3
    shown.keyboard.press("ArrowRight")
    shown.wait_for_function("location.hash == '#2'")
    assert ink(shown) == []
    shown.keyboard.press("ArrowLeft")
    shown.wait_for_function("location.hash == '#1'")
    shown.keyboard.press("c")
    assert ink(shown) == []
    shown.keyboard.press("z")
    assert len(ink(shown)) == 2
    shown.keyboard.press("z")
    assert ink(shown) == [[100, 100, 300, 400]]
    presenter.wait_for_function("document.querySelectorAll('.bespoke-marp-active .course-ink').length == 1")
    shown.reload()
    shown.wait_for_function("document.querySelectorAll('.bespoke-marp-active .course-ink').length == 1")


def test_a_finger_writes_or_turns_the_slide(browser):
    with Visit(browser, DECKS[0].html, has_touch=True) as visit:
        touch = visit.context.new_cdp_session(visit.page)

        def swipe():
            for kind, places in [("touchStart", [800]), *(("touchMove", [x]) for x in range(780, 300, -20)), ("touchEnd", [])]:
                points = [{"x": x, "y": 300} for x in places]
                touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        swipe()
        visit.page.wait_for_function("location.hash == '#2'")
        visit.page.keyboard.press("w")
        swipe()
        visit.page.wait_for_function("document.querySelector('.bespoke-marp-active .course-ink')")
        assert visit.page.evaluate("location.hash") == "#2"
        visit.page.keyboard.press("w")
        swipe()
        visit.page.wait_for_function("location.hash == '#3'")
        assert ink(visit.page) == []


def test_a_moving_picture_starts_with_its_slide(browser):
    deck = next(deck for deck in DECKS if deck.number == "15")
    number = next(k for k, slide in enumerate(deck.slides, start=1) if "slide-more" in slide)
    moving = [png for deck in DECKS for png in re.findall('class="moving"', deck.html.read_text(encoding="utf-8"))]
    assert len(moving) == 3
    with Visit(browser, deck.html) as visit:
        picture = visit.page.locator("img.moving")
        before = picture.get_attribute("src")
        visit.page.evaluate(f"location.hash = '#{number}'")
        visit.page.wait_for_function("document.querySelector('.bespoke-marp-active img.moving')")
        visit.page.wait_for_timeout(100)
        first = picture.get_attribute("src")
        assert first.partition("#")[0] == before and first != before
        visit.page.wait_for_timeout(400)
        early = picture.screenshot()
        visit.page.wait_for_timeout(1200)
        assert picture.screenshot() != early
        picture.click()
        assert picture.get_attribute("src") not in (before, first)


def test_progress_is_seen(browser):
    deck = DECKS[0]
    with Visit(browser, deck.html) as visit:
        visit.page.keyboard.press("End")
        visit.page.wait_for_function("document.querySelector('.bespoke-progress-bar').getBoundingClientRect().width == 1280")
        bar = visit.page.locator(".bespoke-progress-bar").bounding_box()
        assert bar["y"] + bar["height"] == 720
        visit.page.locator("section footer a", has_text="Next").last.click()
        visit.page.wait_for_url(f"**/{deck.following().html.name}")
        visit.page.locator("svg.bespoke-marp-active footer a").first.click()
        visit.page.wait_for_url("**/index.html")


def pages(path):
    from pypdf import PdfReader

    return PdfReader(path).pages


def test_printing_a_deck_gives_a_page_for_each_slide(browser, tmp_path):
    needs("pypdf", importlib.util.find_spec("pypdf"))
    with Visit(browser, DECKS[0].html) as visit:
        visit.page.pdf(path=tmp_path / "deck.pdf", prefer_css_page_size=True, print_background=True)
    assert len(pages(tmp_path / "deck.pdf")) == len(DECKS[0].slides)


@pytest.mark.slow
def test_pdfs_with_and_without_notes(tmp_path, monkeypatch):
    needs("Node", shutil.which("node"))
    needs("Chromium (from the system's packages)", CHROMIUM)
    needs("pypdf", importlib.util.find_spec("pypdf"))
    monkeypatch.setattr(build, "PDF", tmp_path)
    assert build.main(["--pdf"]) == 0
    for deck in DECKS:
        sheets = pages(tmp_path / "handout" / f"{deck.name}.pdf")
        kept = [k for k, slide in enumerate(deck.slides, start=1) if "answer" not in build.classes(slide)]
        assert len(sheets) == (len(kept) + 1) // 2 and not any(note_of(page) for page in sheets)
        assert sheets[0].mediabox.height > sheets[0].mediabox.width
        numbers = re.findall(rf"(\d+) / {len(deck.slides)}\b", "".join(sheet.extract_text() + "\n" for sheet in sheets))
        assert [int(number) for number in numbers] == kept
        plain, annotated = pages(tmp_path / f"{deck.name}.pdf"), pages(tmp_path / "notes" / f"{deck.name}.pdf")
        assert len(plain) == len(annotated) == len(deck.slides)
        assert not any(note_of(page) for page in plain) and all(note_of(page) for page in annotated)


@pytest.mark.slow
def test_decks_for_students(browser, tmp_path, monkeypatch):
    needs("Node", shutil.which("node"))
    monkeypatch.setattr(build, "PDF", tmp_path)
    assert build.main(["--students", "02"]) == 0
    (deck,) = (deck for deck in DECKS if deck.number == "02")
    assert {path.name for path in (tmp_path / "students").iterdir()} == {"index.html", deck.html.name}
    page = (tmp_path / "students" / deck.html.name).read_text(encoding="utf-8")
    assert build.MARPS_NOTE.findall(page) == [] and "Answer" not in re.sub("(?s)<style.*?</style>", "", page)
    assert page.count("<section ") == sum("answer" not in build.classes(slide) for slide in deck.slides)
    missing = next(k for k, slide in enumerate(deck.slides, start=1) if "answer" in build.classes(slide))
    with Visit(browser, tmp_path / "students" / deck.html.name) as visit:
        visit.page.keyboard.press("g")
        visit.page.keyboard.type(str(missing))
        visit.page.keyboard.press("Enter")
        foot = visit.page.locator("svg.bespoke-marp-active footer b")
        visit.page.wait_for_function("document.querySelector('svg.bespoke-marp-active').previousElementSibling")
        assert foot.inner_text() == f"{missing + 1} / {len(deck.slides)}"


def note_of(page):
    return [note for note in page.get("/Annots", []) if note.get_object().get("/Subtype") == "/Text"]


def test_index_leads_to_every_deck(browser):
    with Visit(browser, build.HTML / "index.html") as visit:
        links = visit.page.locator("a")
        assert links.count() == len(DECKS)
        links.first.click()
        visit.page.wait_for_url(f"**/{DECKS[-1].html.name if DECKS[-1].name == 'course' else DECKS[0].html.name}")
