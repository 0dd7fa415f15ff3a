"""Sphinx's configuration for `make site`: the course as web pages, from the stored outputs. Nothing is executed, and no page fetches anything."""

import json
import re
import shutil
from importlib.util import find_spec
from pathlib import Path

from docutils import nodes

project = "From your first JAX gradient to pricing American options"
copyright = "the authors; text under CC BY 4.0, code under MIT"
language = "en"

extensions = ["myst_nb"]
root_doc = "site/index"
include_patterns = ["site/index.md", "notebooks/*.ipynb", "notebooks/glossary.md", "notebooks/peers.md", "CONTRIBUTING.md"]
exclude_patterns = [".*", "build", "course_utils", "slides", "tests", "**/.ipynb_checkpoints"]

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
nb_execution_mode = "off"

html_theme = "furo"
html_title = "JAX to American options"
html_show_sphinx = False
html_copy_source = False
html_extra_path = ["index.html"]  # leads to site/index.html
html_static_path = ["course.css", "search.js"]
html_css_files = ["course.css"]
# MathJax with its fonts as one file. Its package is built for older versions of Sphinx, so the file alone is taken from it.
mathjax = Path(find_spec("sphinx-mathjax-offline").submodule_search_locations[0], "static", "mathjax", "tex-svg.js")
html_static_path.append(str(mathjax))
mathjax_path = mathjax.name

SLIDES = Path(__file__).parents[1] / "slides" / "html"
BADGE = re.compile(r"\[!\[Open in Colab\]\([^)]*\)\]\(([^)]*)\)")
FRAGMENT = re.compile(r"(\]\((?!https?:)[^)\s]*#)([^)\s]+)\)")


def prepare(app, name, source):
    """A notebook as stored -> as shown: its links, what is folded away, alt texts, no picture from the network."""
    if not app.env.doc2path(name, base=False).suffix == ".ipynb":
        return
    notebook = json.loads(source[0])
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            text = "".join(cell["source"])
            text = BADGE.sub(lambda badge: links(name.rpartition("/")[2], badge[1]), text)
            cell["source"] = FRAGMENT.sub(lambda link: f"{link[1]}{link[2].lower()})", text)  # Jupyter's anchors keep capitals
        else:
            fold(cell)
            for output in cell["outputs"]:
                if picture := output.get("metadata", {}).get("image/png"):
                    image = {"alt": picture["alt"], "width": f"{picture['width']}px"}
                    cell["metadata"].setdefault("mystnb", {})["image"] = image
    source[0] = json.dumps(notebook)


def links(notebook, colab):
    """What stands in place of the badge: the notebook to download, Colab once the course has an address, the slides if there are."""
    found = [f"{{download}}`Download the notebook <{notebook}.ipynb>`"]
    if "OWNER/NAME" not in colab:
        found.append(f"[Open in Colab]({colab})")
    deck = "course" if notebook == "00_start_here" else notebook
    if (SLIDES / f"{deck}.html").exists():
        found.append(f'<a href="../slides/html/{deck}.html">Slides</a>')
    return " · ".join(found)


def fold(cell):
    """Solutions open with a click; so does the setup cell, which is the same everywhere."""
    tags = cell["metadata"].setdefault("tags", [])
    title = re.match(r"#@title (Solution .+)\n", "".join(cell["source"]))
    if "solution" in tags or "setup" in tags:
        tags.append("hide-cell")
        name = title[1] if title else "Setup"
        cell["metadata"]["mystnb"] = {"code_prompt_show": name, "code_prompt_hide": name}


def add_search(app, page, *_):
    """The search page has the texts in which search.js looks for the sentence to show."""
    if page == "search":
        for script in ("texts.js", "search.js"):
            app.add_js_file(script, loading_method="defer")


def finish(app, failed):
    """Put the slides where they stand in the repository, beside the notebooks, and write the texts for the search."""
    if not failed:
        shutil.copytree(SLIDES, Path(app.outdir, "slides", "html"), dirs_exist_ok=True)
        texts = {f"{name}.html": passages(app.env.get_doctree(name)) for name in sorted(app.env.found_docs)}
        script = f"const TEXTS = {json.dumps(texts, ensure_ascii=False, indent=0)};\n"
        Path(app.outdir, "_static", "texts.js").write_text(script, encoding="utf-8")


def passages(page):
    """What a page says, as (anchor of the section, text of a paragraph, or a line of code or output), in order."""
    found = []
    for node in page.findall(lambda node: isinstance(node, (nodes.paragraph, nodes.literal_block))):
        section = node.parent
        while section is not None and not isinstance(section, nodes.section):
            section = section.parent
        anchor = section["ids"][0] if section is not None else ""
        text = node.astext()
        lines = text.splitlines() if isinstance(node, nodes.literal_block) else [" ".join(text.split())]
        found += [(anchor, line.strip()) for line in lines if line.strip()]
    return found


def setup(app):
    app.connect("html-page-context", add_search)
    app.connect("build-finished", finish)
    app.connect("source-read", prepare)
