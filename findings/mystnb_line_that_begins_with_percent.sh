#!/usr/bin/env bash
# myst-nb 1.4.0: a line of a notebook's Markdown that begins with a percent sign is a comment of MyST's, wherever it stands. If you write
# "95 % confidence" and your editor breaks the line before the sign, the page loses the line in mid-sentence, and what follows is a new paragraph;
# JupyterLab shows it all. Sphinx builds without a warning, also with -W. Seen: "The interval covers 95", "of the time it is computed." What
# helps: no space before the sign.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet myst-nb==1.4.0 myst-parser==5.2.0 sphinx==8.2.3 nbformat==5.11.1
"$folder/venv/bin/python" - <<'PY'
import pathlib
import re
import subprocess
import sys
import tempfile

import myst_nb
import nbformat
import nbformat.v4 as v4

text = "# Page\n\nThe interval covers 95\n% of all means, and you should know that\nof the time it is computed."
with tempfile.TemporaryDirectory() as folder:
    source, pages = pathlib.Path(folder, "source"), pathlib.Path(folder, "pages")
    source.mkdir()
    source.joinpath("conf.py").write_text('extensions = ["myst_nb"]\nnb_execution_mode = "off"\n')
    source.joinpath("index.ipynb").write_text(nbformat.writes(v4.new_notebook(cells=[v4.new_markdown_cell(text)])))
    built = subprocess.run([sys.executable, "-m", "sphinx", "-q", "-W", source, pages], capture_output=True, text=True)
    paragraphs = re.findall(r"<p>(.*?)</p>", pages.joinpath("index.html").read_text(), re.DOTALL)[:2]
print(f"myst-nb {myst_nb.__version__}: Sphinx ended with {built.returncode} and said {built.stderr!r}; its paragraphs {paragraphs}")
assert (built.returncode, built.stderr) == (0, "")
assert paragraphs == ["The interval covers 95", "of the time it is computed."], "the line is shown now"
PY
