# Two commands do it all: `make lab` opens the course, `make test` runs every test and every notebook.
PYTHON ?= python3
BIN    := .venv/bin
# Python of the two other lanes: pyenv's 3.13 where there is one, else what uv finds or fetches.
PYTHON313 ?= $(lastword 3.13 $(wildcard $(HOME)/.pyenv/versions/3.13.*/bin/python3.13))
NO_313 = echo "Python 3.13 was neither found nor could be fetched. Install it, or name it: make test-colab PYTHON313=/path/to/python3.13"

# `NB=07` or `NB="07 18"` limits a command to these notebooks (`make test` then leaves the unit tests out).
NB        ?=
NOTEBOOKS := $(if $(NB),$(foreach number,$(NB),$(wildcard notebooks/$(number)_*.ipynb)),notebooks)
TESTS     ?= $(if $(NB),tests/conftest.py,tests)
# Most of what is tested keeps one core busy, so two processes run it, a file at a time; one notebook needs but one.
PYTEST    := python -m pytest $(if $(filter 1,$(words $(NB))),,--numprocesses 2 --dist loadfile)

.PHONY: help lab check-setup env test test-slow test-colab test-newest notebooks tables slides slides-students slides-pdf site bench findings assignment grade diff-setup publish constraints clean
.DEFAULT_GOAL := help

help:            ## this list
	@grep -E '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 16

lab: env         ## open the course in JupyterLab; LAB="--ip=0.0.0.0 --port=9999" hands it options
	@$(BIN)/python tests/tools/lab.py $(LAB)

check-setup: env ## price one option and say OK, or what is wrong and what to do (seconds)
	@$(BIN)/python tests/tools/check_setup.py

env: .venv/.done ## build .venv, if anything it is made from changed

test: env        ## every test and every notebook, or NB=07 alone; pytest's options stand in pyproject.toml
	$(BIN)/$(PYTEST) $(TESTS) $(NOTEBOOKS)

test-slow: env   ## what needs many seeds, kills or minutes
	$(BIN)/$(PYTEST) -m slow $(TESTS)

test-colab: .venv-colab/.done    ## the same with Colab's versions, the oldest supported
	.venv-colab/bin/$(PYTEST) $(TESTS) $(NOTEBOOKS)

test-newest: .venv-newest/.done  ## the same with Python 3.13 and the newest versions
	.venv-newest/bin/$(PYTEST) $(TESTS) $(NOTEBOOKS)

notebooks: env   ## execute what changed and store its outputs; NB=07 that one; TIMING=1 measures times anew
	COURSE_PROGRESS=off $(BIN)/python tests/tools/store.py $(if $(TIMING),--timing) $(NB)

tables: env      ## compute the max-call table that notebook 20 shows, and store it (some minutes)
	$(BIN)/python notebooks/scripts/max_call_table.py --output course_utils/data/max_call_stored_run.csv

slides: env      ## the slides in slides/html (needs Node); NB=07 that deck
	$(BIN)/python slides/build.py $(NB)

slides-students: env ## the slides without notes and answers in build/slides/students (needs Node)
	$(BIN)/python slides/build.py --students $(NB)

slides-pdf: .venv/.site ## the slides as PDFs in build/slides: plain, with notes, handouts two a page (needs Node and Chromium)
	$(BIN)/python slides/build.py --pdf $(NB)

assignment: env  ## notebooks to hand out, without solutions, in build/assignment; NB="06 16" these, WITHOUT="06.4 16.3" without these exercises
	$(BIN)/python tests/tools/assignment.py $(NB) $(if $(WITHOUT),--without $(WITHOUT))

grade: $(if $(DIR),env) ## grade the notebooks handed in: make grade DIR=folder, JOBS=2 two at a time; GRADE="--roster class.csv" hands it options
	@test -n "$(DIR)" || { echo "Say where they are: make grade DIR=folder"; exit 1; }
	$(BIN)/python tests/tools/grade.py "$(DIR)" --jobs $(or $(JOBS),1) $(GRADE)

site: .venv/.site ## the course as a searchable site in build/site, from the stored outputs
	$(BIN)/python -m sphinx -q -W --keep-going -c site . build/site
	@echo "Open build/site/index.html in a browser; neither a server nor a network is needed."

bench: .venv/.bench ## measure the pricer beside its peers, then on sixty options; store results.md and sixty.md in tests/benchmarks (20 minutes, on an idle machine)
	$(BIN)/python tests/benchmarks/bench.py
	$(BIN)/python tests/benchmarks/sixty.py

findings:        ## run what other packages did that nobody would have guessed, and say which changed (needs the network)
	@changed=; for script in findings/*.sh; do echo "── $$script"; bash $$script || changed="$$changed $$script"; done; \
	  test -z "$$changed" || { echo "Changed, or not to be run here:$$changed"; exit 1; }

diff-setup: env  ## let git in this clone show what changed in a notebook cell by cell, by nbdime
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[diff]'
	git config diff.jupyternotebook.command '"$(abspath $(BIN))/git-nbdiffdriver" diff --ignore-metadata'
	@attributes=$$(git rev-parse --git-path info/attributes) && mkdir -p $$(dirname $$attributes) && touch $$attributes && \
	  { grep -q jupyternotebook $$attributes || echo '*.ipynb diff=jupyternotebook' >> $$attributes; }
	@echo "git diff now shows notebooks by nbdime. Undo: git config --remove-section diff.jupyternotebook"

publish:         ## write the repository's address into notebooks and files: make publish REPO=owner/name
	@test -n "$(REPO)" || { echo "Say where the course is published: make publish REPO=owner/name"; exit 1; }
	@$(PYTHON) tests/tools/publish.py "$(REPO)"

clean:           ## remove the environments and all else that was built here
	rm -rf .venv .venv-colab .venv-newest build .hypothesis *.egg-info slides/node_modules
	find . -name __pycache__ -prune -exec rm -rf {} +

.venv/.done: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$$($(PYTHON) --version) found; the course needs Python 3.11 or newer: make env PYTHON=python3.13"; exit 1; }
	@echo "Building .venv: a few minutes, once."
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

.venv/.site: .venv/.done
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[site]'
	@touch $@

.venv/.bench: .venv/.done
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[bench]'
	@touch $@

.venv-colab/.done: pyproject.toml constraints-colab.txt | env
	$(BIN)/uv venv --quiet --clear --python $(PYTHON313) .venv-colab || { $(NO_313); exit 1; }
	$(BIN)/uv pip install --quiet --python .venv-colab/bin/python --constraint constraints-colab.txt --editable '.[dev]'
	@touch $@

.venv-newest/.done: pyproject.toml constraints.txt | env
	$(BIN)/uv venv --quiet --clear --python $(PYTHON313) .venv-newest || { $(NO_313); exit 1; }
	$(BIN)/uv pip install --quiet --python .venv-newest/bin/python --constraint constraints.txt --editable '.[dev]'
	@touch $@

# The newest releases that go together. A file's own first lines are kept; nothing with an address is ever written.
COLAB   := jax==0.7.2 jaxlib==0.7.2 flax==0.11.2 optax==0.2.8 numpy==2.1.3
RESOLVE := $(BIN)/uv pip compile pyproject.toml --extra dev --extra site --extra diff --extra bench --universal --no-header --no-annotate --no-emit-index-url --quiet

constraints: env ## rewrite both constraints files with the newest releases
	@mkdir -p build && printf '%s\n' $(COLAB) > build/colab.txt
	$(RESOLVE) --python-version 3.11 > build/constraints.txt
	$(RESOLVE) --python-version 3.13 --constraint build/colab.txt > build/constraints-colab.txt
	@for file in constraints.txt constraints-colab.txt; do \
	  if grep -q '://' build/$$file; then echo "build/$$file holds an address: not taken"; exit 1; fi; \
	  { grep '^#' $$file; cat build/$$file; } > build/new.txt && mv build/new.txt $$file; \
	done
