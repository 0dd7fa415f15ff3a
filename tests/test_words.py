"""Words and links: spelling, the glossary, and relative links and anchors in what is written outside the notebooks.

(The rules in tests/tools/anatomy.py look at the notebooks' own links, headings and British spelling.)
"""

import ast
import io
import re
import subprocess
import tokenize
from pathlib import Path

import anatomy
import pytest

ROOT = Path(__file__).parents[1]
KNOWN = ROOT / "tests/words.txt"
GLOSSARY = ROOT / "notebooks/glossary.md"
NOTEBOOKS = [anatomy.Notebook(path) for path in sorted(ROOT.glob("notebooks/*.ipynb"))]
each_notebook = pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.number)


def tracked(pattern):
    """The files of the repository, and no others: what was fetched by others' tools brings documents of its own."""
    try:
        listed = subprocess.run(["git", "ls-files", "-z", pattern], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).exists()]


def prose(markdown):
    """Markdown without code, formulas, addresses, and the names and titles under Sources."""
    text = re.split(r"^(?:## *|\*\*)Sources\b", markdown, flags=re.MULTILINE)[0]
    text = re.sub(r"^(```|~~~).*?^\1|\$\$.*?\$\$|<!--\s*|-->", " ", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`+[^`]*`+|\$[^$\n]+\$|\]\([^)]*\)|https?://\S+|<[^>\n]*>|\{%.*?%\}|\{\{.*?\}\}", " ", text)


def said_in(code, strings=True):
    """What a program says in words: comments and docstrings; ``strings``: also other strings of three words or more (hints, alt texts)."""
    code = re.sub(r"^(\s*)%", r"\1#%", code, flags=re.MULTILINE)  # a notebook's `%pip install`
    comments = [token.string for token in tokenize.generate_tokens(io.StringIO(code).readline) if token.type == tokenize.COMMENT]
    nodes = list(ast.walk(ast.parse(code)))
    texts = [ast.get_docstring(node) or "" for node in nodes if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)]
    if strings:
        texts += [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return prose("\n".join(comments + [text for text in texts if len(text.split()) > 2]))


class Speller:
    """Hunspell's American dictionary, and the course's own words."""

    def __init__(self):
        hunspell = pytest.importorskip("spylls.hunspell", reason="spylls isn't installed: it comes with the extra `dev`")
        self.dictionary = hunspell.Dictionary.from_files("en_US")
        self.own = set(KNOWN.read_text(encoding="utf-8").split())

    def unknown(self, text):
        """Words that neither knows. Names like NumPy and JAX, with capitals after the first letter, pass; so does what is code."""
        text = re.sub(r"[-.\w/*]*[\w)][._/=]+\w[\w.]*|\w+[(\[]|[-.%_]+\w+", " ", text)  # jnp.cumsum, linalg/norm, len(x), --strict, .csv
        words = {word.replace("’", "'").removesuffix("'s") for word in re.findall(r"[A-Za-zÀ-ÿ]+(?:['’][a-z]+)?", text)}
        words = {word for word in words if len(word) > 2 and word[1:] == word[1:].lower()}
        return sorted(word for word in words if not {word, word.lower()} & self.own and not self.dictionary.lookup(word))


@pytest.fixture(scope="module")
def speller():
    return Speller()


@each_notebook
def test_spelling_of_a_notebook(notebook, speller):
    texts = {cell.id: said_in(cell.source) if cell in notebook.code else prose(cell.source) for cell in notebook.cells}
    found = {name: words for name, text in texts.items() if (words := speller.unknown(text))}
    assert not found, f"misspelled, or a new word for {KNOWN.name}"


@pytest.mark.parametrize("pattern", ["*.md", "*.cff"])
def test_spelling_of_documents(pattern, speller):
    found = {path.name: words for path in tracked(pattern) if (words := speller.unknown(prose(path.read_text(encoding="utf-8"))))}
    assert not found, f"misspelled, or a new word for {KNOWN.name}"


@pytest.mark.parametrize("folder", ["course_utils", "notebooks", "slides", "site", "tests"])
def test_spelling_in_programs(folder, speller):
    shown = folder in ("course_utils", "notebooks")  # what these print is for students
    texts = {path.relative_to(ROOT): said_in(path.read_text(encoding="utf-8"), shown) for path in tracked(f"{folder}/*.py")}
    found = {str(path): words for path, text in texts.items() if (words := speller.unknown(text))}
    assert not found, f"misspelled, or a new word for {KNOWN.name}"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Continuaton values, `smple`, jnp.cumsm and $x_zz$.", ["Continuaton"]),
        ("A colour; JAX's NumPy; the pytree’s leaves.", ["colour"]),
        ("```\nfenc\n```\nSee [the nxt](nowher.md) one.\n\n## Sources\n\n- A. Nme", ["nxt"]),
    ],
)
def test_speller_finds_what_is_misspelled(text, found, speller):
    assert speller.unknown(prose(text)) == found


def test_words_of_the_course_are_sorted_and_needed(speller):
    words = KNOWN.read_text(encoding="utf-8").split()
    assert words == sorted(set(words))
    assert [word for word in words if speller.dictionary.lookup(word)] == []


# --- Documents: README, CONTRIBUTING, the glossary, the site's first page.


def documents():
    return [path for path in tracked("*.md") if "slides" not in path.parts]


def without_code(markdown):
    return re.sub(r"^```.*?^```|`[^`\n]*`", "", markdown, flags=re.MULTILINE | re.DOTALL)


def headings(markdown):
    return [(len(marks), title.strip()) for marks, title in re.findall(r"^(#{1,6}) +(.+)$", without_code(markdown), re.MULTILINE)]


def anchors(path):
    """What a link may name after `#`: in a notebook Jupyter's anchors, in Markdown those of GitHub and of the site."""
    if path.suffix == ".ipynb":
        return [title.replace(" ", "-") for _, title in anatomy.Notebook(path).headings]
    titles = [title for _, title in headings(path.read_text(encoding="utf-8"))]
    return [re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles]


def broken(path, markdown):
    """Relative links that lead nowhere."""
    for target in re.findall(r"\]\((?!https?://|mailto:)([^)\s]+)\)", without_code(markdown)):
        file, _, anchor = target.partition("#")
        leads_to = (path.parent / file).resolve() if file else path
        if not leads_to.exists() or anchor and anchor not in anchors(leads_to):
            yield target


def test_links_in_documents():
    found = {path.name: list(broken(path, path.read_text(encoding="utf-8"))) for path in documents()}
    assert not any(found.values()), found


def test_links_from_notebooks_to_documents():
    """Their links among themselves are the rule `links` of anatomy.py, which doesn't look at anchors in Markdown."""
    found = {notebook.number: list(broken(notebook.path, notebook.prose)) for notebook in NOTEBOOKS}
    assert not any(found.values()), found


@pytest.mark.parametrize(
    ("link", "lost"), [("#carry", False), ("#Carry", True), ("05_random_numbers.ipynb", False), ("50_x.ipynb", True), ("glossary.md#x", True)]
)
def test_broken_link_is_found(link, lost):
    assert list(broken(GLOSSARY, f"A [link]({link}) and `[code](nowhere)`.")) == [link] * lost


def test_headings_of_documents_are_in_order():
    for path in documents():
        levels = [level for level, _ in headings(path.read_text(encoding="utf-8"))]
        assert levels[0] == 1 and levels.count(1) == 1, path.name
        assert all(below <= above + 1 for above, below in zip(levels, levels[1:])), path.name


@each_notebook
def test_tables_have_headers(notebook):
    rows = re.findall(r"^(\|.*\|) *\n\|[-:| ]+\|$", notebook.prose, re.MULTILINE)
    assert [row for row in rows if not row.strip("| ")] == []


def test_tables_of_documents_have_headers():
    for path in documents():
        rows = re.findall(r"^(\|.*\|) *\n\|[-:| ]+\|$", without_code(path.read_text(encoding="utf-8")), re.MULTILINE)
        assert [row for row in rows if not row.strip("| ")] == [], path.name


# --- The glossary.

ENTRIES = re.split(r"^## +", GLOSSARY.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
LINK = re.compile(r"\]\(glossary\.md#([^)]+)\)")


def test_glossary_is_in_alphabetical_order():
    terms = [entry.splitlines()[0] for entry in ENTRIES]
    assert terms == sorted(set(terms), key=str.lower)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.splitlines()[0])
def test_glossary_entry_is_short_and_says_where_more_is(entry):
    text = entry.partition("\n")[2].strip()
    definition, _, where = text.rpartition(" (")
    assert 1 <= len(re.findall(r"[.?](?= |$)", definition)) <= 4
    assert re.search(r"\.ipynb|^notebook 2\d|^module `", where)


def test_terms_are_linked_at_their_first_use_alone():
    linked = [(term, notebook.number) for notebook in NOTEBOOKS for term in LINK.findall(notebook.prose)]
    assert len({term for term, _ in linked}) == len(linked), linked


def test_no_glossary_link_in_a_heading():
    assert [title for notebook in NOTEBOOKS for _, title in notebook.headings if "glossary.md" in title] == []
