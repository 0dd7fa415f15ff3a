# Two commands do it all: `make lab` opens the course, `make test` runs every test and every notebook.
PYTHON ?= python3
BIN    := .venv/bin
NB     ?=
# Python of the two other lanes: pyenv's 3.13 where there is one, else what uv finds or fetches.
PYTHON313 ?= $(lastword 3.13 $(wildcard $(HOME)/.pyenv/versions/3.13.*/bin/python3.13))
PYTEST := -m pytest -p no:cacheprovider

.PHONY: lab test test-slow test-colab test-newest env notebooks constraints clean help
.DEFAULT_GOAL := help

help:            ## this list
	@grep -E '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 16

lab: env         ## open the course in JupyterLab
	$(BIN)/jupyter lab notebooks/00_start_here.ipynb

env: .venv/.done ## build .venv, if anything it is made from changed

.venv/.done: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$$($(PYTHON) --version) found; the course needs Python 3.11 or newer: make env PYTHON=python3.13"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

.venv-colab/.done: pyproject.toml constraints-colab.txt | env
	$(BIN)/uv venv --quiet --clear --python $(PYTHON313) .venv-colab
	$(BIN)/uv pip install --quiet --python .venv-colab/bin/python --constraint constraints-colab.txt --editable '.[dev]'
	@touch $@

.venv-newest/.done: pyproject.toml constraints.txt | env
	$(BIN)/uv venv --quiet --clear --python $(PYTHON313) .venv-newest
	$(BIN)/uv pip install --quiet --python .venv-newest/bin/python --constraint constraints.txt --editable '.[dev]'
	@touch $@
