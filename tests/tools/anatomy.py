"""What every notebook must look like (CONTRIBUTING.md), as rules that say what is wrong, in which cell, and what to do.

    python tests/tools/anatomy.py notebooks/07_linear_regression.ipynb

A rule is a generator: notebook -> one line for each thing that is wrong. The tests run every rule on every notebook.
"""

import json
import re
import statistics
import sys
from functools import cached_property
from pathlib import Path

BADGE = re.compile(
    r"\[!\[Open in Colab\]\(https://colab\.research\.google\.com/assets/colab-badge\.svg\)\]"
    r"\(https://colab\.research\.google\.com/github/([^/\s]+/[^/\s]+)/blob/main/notebooks/([^)\s]+)\.ipynb\)"
)
METADATA = {  # of every notebook
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
FORBIDDEN = {
    "PRNGKey(": "use jax.random.key",
    ".kernel.value": "use kernel[...]",
    "nnx.List": "flax 0.11 lacks it",
    "TODO": "do it, or take it out",
}
# What a cell tagged `timing` must be about: a clock, a device, or memory.
MEASURES = re.compile(r"perf_counter|timeit|%%?time\b|timed\(|seconds|devices\(|device_kind|platform|memory|cpu_count", re.IGNORECASE)
BRITISH = re.compile(
    r"\b(\w*(?:colour|behaviour|favour|neighbour|honour)\w*|centre[ds]?|grey\w*|licence[ds]?|modell(?:ed|ing)|labell(?:ed|ing)"
    r"|cancell(?:ed|ing)|travell\w+|analyse[ds]?|catalogue|artefacts?|judgement|learnt|whilst"
    r"|(?:optim|initial|normal|general|organ|special|regular|parameter|vector|maxim|minim|real|recogn|summar|util|visual|random|synchron|standard)is(?:e[ds]?|ing|ation\w*))\b",
    re.IGNORECASE,
)
DRAWING = re.compile(r"drawings\.\w+\(.*\)")  # tests/test_drawings.py compares what is in it
EMOJI = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\ufe0f]")


class Cell(dict):
    """A cell as nbformat stores it, with its source as one text."""

    @property
    def source(self) -> str:
        return "".join(self["source"])

    @property
    def id(self) -> str:
        return self.get("id", "(no id)")

    @property
    def tags(self) -> list[str]:
        return self["metadata"].get("tags", [])

    @property
    def outputs(self) -> list[dict]:
        return self.get("outputs", [])

    @property
    def text(self) -> str:
        """What the cell prints, and what its last line evaluates to."""
        streams = ["".join(output["text"]) for output in self.outputs if output["output_type"] == "stream"]
        results = ["".join(output["data"].get("text/plain", "")) for output in self.outputs if output["output_type"] == "execute_result"]
        return "".join(streams + results)

    @property
    def pictures(self) -> list[dict]:
        return [output for output in self.outputs if any(kind.startswith("image/") for kind in output.get("data", {}))]


class Notebook:
    def __init__(self, path):
        self.path = Path(path)
        self.name = self.path.stem
        self.number = self.name.partition("_")[0]
        self.raw = json.loads(self.path.read_text(encoding="utf-8"))
        self.cells = [Cell(cell) for cell in self.raw["cells"]]
        self.code = [cell for cell in self.cells if cell["cell_type"] == "code"]

    @cached_property
    def prose(self) -> str:
        """All Markdown, fenced code blocks taken out."""
        texts = [cell.source for cell in self.cells if cell["cell_type"] == "markdown"]
        return re.sub(r"^```.*?^```", "", "\n\n".join(texts), flags=re.MULTILINE | re.DOTALL)

    @cached_property
    def headings(self) -> list[tuple[int, str]]:
        return [(len(marks), title.strip()) for marks, title in re.findall(r"^(#{1,6}) +(.+)$", self.prose, re.MULTILINE)]

    def section(self, title: str) -> str:
        """The prose from a heading, or a line that starts with it in bold, to the next heading or closing line of the notebook."""
        start = re.search(rf"^(?:## *{title}|\*\*{title})\b.*$", self.prose, re.MULTILINE)
        if not start:
            return ""
        end = re.compile(r"^(?:## |\*\*(?:Next|Sources)\b)", re.MULTILINE).search(self.prose, start.end())
        return self.prose[start.start() : end.start() if end else None]

    def cells_of(self, title: str) -> list[Cell]:
        """The cells from that with the heading `## title` to the next `##` heading."""
        found, inside = [], False
        for cell in self.cells:
            if cell["cell_type"] == "markdown" and (headings := re.findall(r"^## +(.+)$", cell.source, re.MULTILINE)):
                inside = headings[-1].startswith(title)
            if inside:
                found.append(cell)
        return found


def bullets(text: str) -> list[str]:
    return re.findall(r"^ {0,3}(?:[-*]|\d+\.) +(.+)$", text, re.MULTILINE)


def executed(notebook):
    if notebook.raw["metadata"] != METADATA:
        yield f"the notebook's metadata differ from what is stored everywhere: make notebooks NB={notebook.number}"
    rerun = f": make notebooks NB={notebook.number}"
    if empty := [cell.id for cell in notebook.code if not cell.source.strip()]:
        yield f"delete the empty cells {', '.join(empty)}"
    if unrun := [cell.id for place, cell in enumerate(notebook.code, start=1) if cell["execution_count"] != place]:
        yield f"not run in order: cells {', '.join(unrun)}{rerun}"
    names = {cell.id: [output.get("name") for output in cell.outputs] for cell in notebook.code}
    if pieces := [id for id, names in names.items() if any(one and one == two for one, two in zip(names, names[1:]))]:
        yield f"printed text is stored in pieces: cells {', '.join(pieces)}{rerun}"


def quiet(notebook):
    """No error, nothing on stderr, nothing that is different at each run."""
    for cell in notebook.code:
        for output in cell.outputs:
            if output["output_type"] == "error":
                yield f"cell {cell.id} stores an error, {output['ename']}: catch it and print its type and your own words"
            if output.get("name") == "stderr":
                yield f"cell {cell.id} prints to stderr: {''.join(output['text'])[:80]!r}"
            if "application/vnd.jupyter.widget-view+json" in output.get("data", {}):
                yield f"cell {cell.id} stores a widget: take out the progress bar"
        if re.search(r"\b0x[0-9a-f]{6,}", cell.text):
            yield f"cell {cell.id} prints an object's address: print something of it instead"
        if "timing" not in cell.tags and re.search(r"(?<![\w.])/(?:home|Users|tmp|root|work)/", cell.text):
            yield f"cell {cell.id} prints a path of this machine"


def compared(notebook):
    """Nothing but a `timing` cell is left out of the comparison."""
    for cell in notebook.code:
        if hidden := [tag for tag in cell.tags if tag.startswith("nbval") or tag in ("raises-exception", "skip-execution")]:
            yield f"cell {cell.id} is tagged {hidden[0]}: only `timing` cells go uncompared"
        if re.search(r"#\s*(?:NBVAL|PYTEST_VALIDATE)_", cell.source):
            yield f"cell {cell.id} has a comment for nbval: only `timing` cells go uncompared"
        if "timing" in cell.tags and not MEASURES.search(cell.source):
            yield f"cell {cell.id} is tagged timing and measures nothing: `timing` is for a time, a ratio of times, a device, memory"
        if "timing" in cell.tags and "checks.check(" in cell.source:
            yield f"cell {cell.id} is tagged timing and checks an exercise"


def title(notebook):
    source = notebook.cells[0].source
    if not re.match(rf"# {notebook.number} · \S", source):
        yield f"the first cell starts with `# {notebook.number} · Title`"
    badge = BADGE.search(source)
    if not badge:
        yield "the first cell has no Colab badge"
    elif badge[2] != notebook.name:
        yield f"the Colab badge opens {badge[2]}.ipynb"
    needs = re.search(r"^\*\*Minutes\*\* (\d+) · \*\*Needs\*\* (nothing|(?:\d\d|A1)(?:, (?:\d\d|A1))*)$", source, re.MULTILINE)
    if not needs:
        yield "the first cell ends with a line `**Minutes** 25 · **Needs** 04, 06` (or `**Needs** nothing`)"
    elif needs[2] != "nothing" and any(number >= notebook.number for number in needs[2].split(", ")):
        yield f"needs {needs[2]}: a notebook needs only earlier ones"
    promise = BADGE.sub("", source).splitlines()[1:]
    if not any(line.strip() and not line.startswith("**Minutes") for line in promise):
        yield "the first cell has no sentence of promise"


def outcomes(notebook):
    found = [cell for cell in notebook.cells[1:3] if re.match(r"(?:## |\*\*)After this notebook you can", cell.source)]
    if not found:
        yield "the second cell starts with `**After this notebook you can**`"
    elif not 3 <= len(bullets(found[0].source)) <= 5:
        yield f"{len(bullets(found[0].source))} things that you can do after this notebook: three to five"


def setup(notebook):
    cells = [cell for cell in notebook.code if "setup" in cell.tags]
    if len(cells) != 1 or cells[0] is not notebook.code[0]:
        yield "the first code cell, and that alone, is tagged setup"


def pitfalls(notebook):
    items = re.findall(r"^(?:\*\*.+?\*\*|### +.+)", "\n".join(notebook.section("Pitfalls").splitlines()[1:]), re.MULTILINE)
    if len(items) < 2:
        yield f"{len(items)} pitfalls under `## Pitfalls`: two or three, each a paragraph that starts in bold, or a `###` heading"
    elif sum(cell["cell_type"] == "code" for cell in notebook.cells_of("Pitfalls")) < 2:
        yield "pitfalls are made on purpose: a code cell for each"


def exercises(notebook):
    """Prompt, student cell, check, solution: at least three times, numbered without a gap."""
    cells, prompts = notebook.cells, []
    for place, cell in enumerate(cells):
        prompt = re.search(r"^### Exercise (\S+) · .+\n+(?:\*\*)?(\w+)\b", cell.source, re.MULTILINE)
        if cell["cell_type"] != "markdown" or not prompt:
            continue
        name = prompt[1]
        prompts.append(name)
        if prompt[2] not in ("Warm", "Core", "Stretch"):
            yield f"exercise {name} says Warm-up, Core or Stretch first (cell {cell.id})"
        following = cells[place + 1 : place + 4]
        if [cell.tags for cell in following] != [["exercise"], ["check"], ["solution"]]:
            yield f"exercise {name}: after the prompt (cell {cell.id}) come cells tagged exercise, check, solution"
            continue
        yield from exercise(name, *following)
    numbers = [f"{notebook.number}.{k}" for k in range(1, len(prompts) + 1)]
    if prompts != numbers:
        yield f"exercises are numbered {', '.join(prompts)}: {', '.join(numbers)}"
    if len(prompts) < 3:
        yield f"{len(prompts)} exercises: at least three"
    for tag in ("exercise", "check", "solution"):
        if sum(tag in cell.tags for cell in notebook.code) != len(prompts):
            yield f"the cells tagged {tag} and the prompts `### Exercise {notebook.number}.1 · Title` differ in number"


def predictions(notebook):
    """Prompt, guess, and the cell that shows it with its output hidden: lettered without a gap, as `checks` knows them."""
    cells, names = notebook.cells, []
    for place, cell in enumerate(cells):
        asked = re.search(r'checks\.predict\("([^"]+)"', cell.source)
        if cell["cell_type"] != "code" or not (asked or "predict" in cell.tags):
            continue
        if not asked or cell.tags != ["predict"] or not re.fullmatch(r'(\w+) = \.\.\.\nchecks\.predict\("[^"]+", \1\)', cell.source.strip()):
            yield f'cell {cell.id} asks for a prediction: tagged predict, two lines, guess = ... and checks.predict("…", guess)'
            continue
        names.append(asked[1])
        if f"**Predict {asked[1]}.** " not in cells[place - 1].source:
            yield f"cell {cell.id}: the prose before it ends with `**Predict {asked[1]}.** ` and the question"
        if cell.text != f"{asked[1]} no prediction yet.\n":
            yield f"cell {cell.id} stores {cell.text.strip()!r}, not that there is no prediction yet"
        shows = cells[place + 1]
        hidden = shows["metadata"].get("jupyter", {}).get("outputs_hidden") is True
        if shows["cell_type"] != "code" or "hide-output" not in shows.tags or not hidden:
            yield f'cell {shows.id} shows what is predicted: tagged hide-output, its metadata "jupyter": {{"outputs_hidden": true}}'
    letters = [f"{notebook.number}.{letter}" for letter in "abcdefghij"[: len(names)]]
    if names != letters:
        yield f"predictions are {', '.join(names)}: {', '.join(letters)}"
    if len(names) < 3:
        yield f"{len(names)} predictions: at least three"
    hiding = sum("hide-output" in cell.tags for cell in notebook.code)
    if hiding != len(names):
        yield f"{hiding} cells are tagged hide-output: those that show what is predicted, and only those"


def exercise(name, student, check, solution):
    """The three code cells of one exercise."""
    checked = re.fullmatch(rf'checks\.check\("{re.escape(name)}", (\w+)\)', check.source.strip())
    if not checked:
        yield f'exercise {name}: cell {check.id} is one line, checks.check("{name}", …)'
        return
    answer = checked[1]
    if not re.search(rf"^(?:def {answer}\(|class {answer}\b|{answer} = )", student.source, re.MULTILINE) or "..." not in student.source:
        yield f"exercise {name}: cell {student.id} is a skeleton of {answer} with `...` in it"
    if not check.text.startswith(f"{name} not attempted yet"):
        yield f"exercise {name}: the check of the skeleton (cell {check.id}) stores {check.text.strip()!r}, not `not attempted yet`"
    lines = solution.source.strip().splitlines()
    if lines[0] != f"#@title Solution {name}":
        yield f"exercise {name}: cell {solution.id} starts with `#@title Solution {name}`"
    solved = f"Solution{answer}" if f"class {answer}" in student.source else f"solution_{answer}"
    if lines[-1] != f'checks.check("{name}", {solved})':
        yield f'exercise {name}: cell {solution.id} ends with checks.check("{name}", {solved})'
    if not solution.text.endswith(f"{name} correct.\n"):
        yield f"exercise {name}: the check of the solution (cell {solution.id}) stores {solution.text.strip()!r}"
    if solution["metadata"].get("cellView") != "form" or solution["metadata"].get("jupyter") != {"source_hidden": True}:
        yield f'exercise {name}: cell {solution.id} needs the metadata "jupyter": {{"source_hidden": true}} and "cellView": "form"'


def closing(notebook):
    recap = [line for line in notebook.section("Recap").splitlines()[1:] if line.strip()]
    if len(recap) != 3:
        yield f"{len(recap)} lines under `## Recap`: three"
    if not re.search(r"\]\((?!https?:)[^)]+\.ipynb[^)]*\)", notebook.section("Next")):
        yield "`**Next:**` has a link to a notebook"
    if not bullets(notebook.section("Sources")):
        yield "`**Sources**` has a list"


def headings(notebook):
    levels = [level for level, _ in notebook.headings]
    if levels.count(1) != 1 or levels[0] != 1:
        yield "one heading `#`, the first"
    for (above, _), (level, text) in zip(notebook.headings, notebook.headings[1:]):
        if level > above + 1:
            yield f"heading {text!r} skips a level"
    sections = re.findall(r"^(?:## *|\*\*)(Pitfalls|Exercises|Recap|Next|Sources)\b", notebook.prose, re.MULTILINE)
    if sections != [name for name in ("Pitfalls", "Exercises", "Recap", "Next", "Sources") if name in sections]:
        yield f"the sections stand in the order {', '.join(sections)}"


def sizes(notebook):
    lengths = {cell.id: len(cell.source.splitlines()) for cell in notebook.code}
    for name, length in lengths.items():
        if length > 25:
            yield f"cell {name} has {length} lines: at most 25"
    if statistics.median(lengths.values()) > 8:
        yield f"the median code cell has {statistics.median(lengths.values()):g} lines: at most 8"
    if notebook.path.stat().st_size > 500_000:
        yield f"{notebook.path.stat().st_size // 1000} kB: at most 500"


def figures(notebook):
    """Alt text on every picture; beside it something compared, unless it is a drawing."""
    for cell, following in zip(notebook.code, [*notebook.code[1:], None]):
        for output in cell.pictures:
            if set(output["data"]) - {"image/png", "text/plain"}:
                yield f"cell {cell.id} shows a picture that is no PNG: use plotting.show"
            elif len(output["metadata"].get("image/png", {}).get("alt", "").split()) < 5:
                yield f"cell {cell.id} shows a figure without alt text: use plotting.show(figure, alt=…)"
        near = [other for other in (cell, following) if other]
        printed = any(other.text.strip() and "timing" not in other.tags for other in near)
        asserted = any(re.search(r"^\s*assert ", other.source, re.MULTILINE) for other in near)
        if cell.pictures and not printed and not asserted and not DRAWING.fullmatch(cell.source.strip()):
            yield f"cell {cell.id}: nothing compared beside the figure: print or assert something of it in this cell or the next"


def words(notebook):
    for cell in notebook.cells:
        for word, instead in FORBIDDEN.items():
            if word in cell.source:
                yield f"cell {cell.id} has {word}: {instead}"
    prose = re.sub(r"`[^`]*`|\$[^$]+\$|\]\([^)]*\)|!\[", " ", notebook.prose)
    prose = prose.partition("**Sources**")[0]  # titles of others' works are theirs
    for found in sorted({match[0] for match in BRITISH.finditer(prose)}):
        yield f"{found!r} is British spelling"
    if match := re.search(r".{0,30}!", prose):
        yield f"an exclamation mark: {match[0]!r}"
    if match := EMOJI.search(prose):
        yield f"an emoji: {match[0]!r}"


def links(notebook):
    """Relative links lead to a file, and anchors to a heading in it."""
    for target in re.findall(r"\]\(((?!https?://|mailto:)[^)\s]+)\)", notebook.prose):
        file, _, anchor = target.partition("#")
        path = (notebook.path.parent / file).resolve() if file else notebook.path
        if not path.exists():
            yield f"the link {target} leads nowhere"
        elif anchor and path.suffix == ".ipynb":
            if anchor not in [text.replace(" ", "-") for _, text in Notebook(path).headings]:
                yield f"the link {target} leads to no heading"


RULES = [
    executed, quiet, compared, title, outcomes, setup, pitfalls, predictions, exercises, closing, headings, sizes, figures, words, links,
]  # fmt: skip
# Not every rule fits the first notebook: its exercises are a self-test, its pitfalls a decoder of error messages.
EXEMPT = {"00": {pitfalls, exercises}}


def violations(notebook, rules=RULES) -> list[str]:
    return [line for rule in rules if rule not in EXEMPT.get(notebook.number, ()) for line in rule(notebook)]


if __name__ == "__main__":
    found = {path: violations(Notebook(path)) for path in sys.argv[1:]}
    for path, lines in found.items():
        print(*(f"{Path(path).name}: {line}" for line in lines or ["all as it should be"]), sep="\n")
    sys.exit(any(found.values()))
