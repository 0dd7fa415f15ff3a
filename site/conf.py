"""Sphinx's configuration for `make site`: the course as web pages, from the stored outputs. Nothing is executed, and no page fetches anything."""

import json
import re
from importlib.util import find_spec
from pathlib import Path

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
html_static_path = ["course.css"]
html_css_files = ["course.css"]
# Search shows excerpts of the pages where it may read them, which is not where they are opened as files.
html_js_files = [(None, {"body": 'DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = location.protocol !== "file:"'})]
# MathJax with its fonts as one file. Its package is built for older versions of Sphinx, so the file alone is taken from it.
mathjax = Path(find_spec("sphinx-mathjax-offline").submodule_search_locations[0], "static", "mathjax", "tex-svg.js")
html_static_path.append(str(mathjax))
mathjax_path = mathjax.name

BADGE = re.compile(r"\[!\[Open in Colab\]\([^)]*\)\]\(([^)]*)\)")
FRAGMENT = re.compile(r"(\]\((?!https?:)[^)\s]*#)([^)\s]+)\)")


def prepare(app, name, source):
    """A notebook as stored -> as shown: what is folded away, alt texts, no picture from the network."""
    if not app.env.doc2path(name, base=False).suffix == ".ipynb":
        return
    notebook = json.loads(source[0])
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            text = "".join(cell["source"])
            text = BADGE.sub(lambda badge: "" if "OWNER/NAME" in badge[1] else f"[Open in Colab]({badge[1]})", text)
            cell["source"] = FRAGMENT.sub(lambda link: f"{link[1]}{link[2].lower()})", text)  # Jupyter's anchors keep capitals
        else:
            fold(cell)
            for output in cell["outputs"]:
                if picture := output.get("metadata", {}).get("image/png"):
                    image = {"alt": picture["alt"], "width": f"{picture['width']}px"}
                    cell["metadata"].setdefault("mystnb", {})["image"] = image
    source[0] = json.dumps(notebook)


def fold(cell):
    """Solutions open with a click; so does the setup cell, which is the same everywhere."""
    tags = cell["metadata"].setdefault("tags", [])
    title = re.match(r"#@title (Solution .+)\n", "".join(cell["source"]))
    if "solution" in tags or "setup" in tags:
        tags.append("hide-cell")
        name = title[1] if title else "Setup"
        cell["metadata"]["mystnb"] = {"code_prompt_show": name, "code_prompt_hide": name}


def setup(app):
    app.connect("source-read", prepare)
