"""Which names a cell reads and which it makes or changes, from its text alone: what tells the cells that an answer needs.

A cell that isn't needed isn't run, so this errs on the side of needing: a name is taken for changed where a cell calls a
method of it, assigns into it or hands it to a function whose result it drops, and for read wherever it occurs.
"""

import ast
import builtins
import re
import symtable
from typing import NamedTuple

# Where one of these is used, what is read can't be told from the text: then every cell is needed.
DYNAMIC = {"exec", "eval", "globals", "locals", "vars", "compile", "__import__", "importlib", "get_ipython", "__main__", "inspect", "gc", "sys"}
HARMLESS = {"print", "display", "len", "repr", "type"}
BODY = re.compile(r"\A%%(?:time|timeit|capture|prun)\b[^\n]*\n")  # cell magics whose body is Python
LINE = re.compile(r"^(\s*)%(?:time|timeit)\b(?:\s+-\S+(?:\s+\d+)?)*\s*", re.MULTILINE)  # line magics that run Python
OTHER = re.compile(r"^\s*[%!]{1,2}\s*(\w+).*$", re.MULTILINE)
QUIET_MAGICS = {"matplotlib", "config", "load_ext", "autoreload", "pip", "conda", "precision", "who", "whos"}


class Needs(NamedTuple):
    reads: list[str]
    makes: list[str]
    changes: list[str]  # if they aren't modules, of which a function is called all the time
    imports: list[str]
    dynamic: bool  # it may read anything


def needs(source: str) -> Needs:
    """What ``source`` needs. A text that isn't Python does nothing, since none of it is run."""
    source = LINE.sub(r"\1", BODY.sub("", source))
    magics = {match[1] for match in OTHER.finditer(source)}
    source = OTHER.sub(lambda match: re.match(r"\s*", match[0])[0] + "pass", source)
    try:
        tree = ast.parse(source)
        table = symtable.symtable(source, "cell", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Needs([], [], [], [], False)
    reads, makes = set(), {symbol.get_name() for symbol in table.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    tables = [table]
    for scope in tables:  # the list grows while it is read
        tables += scope.get_children()
        top = scope.get_type() == "module"
        reads |= {symbol.get_name() for symbol in scope.get_symbols() if symbol.is_referenced() and (top or symbol.is_global())}
        makes |= {symbol.get_name() for symbol in scope.get_symbols() if not top and symbol.is_declared_global()}
    star = any(isinstance(node, ast.ImportFrom) and node.names[0].name == "*" for node in ast.walk(tree))
    changes = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.AugAssign):
            reads |= {*_root(node.target)}
        for_sure, perhaps = _changed(node)
        makes, changes = makes | set(for_sure), changes | set(perhaps)
    imports = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_imported()}
    dynamic = bool(reads & DYNAMIC or makes & DYNAMIC) or star or bool(magics - QUIET_MAGICS)
    return Needs(*map(sorted, (reads - set(dir(builtins)) | reads & makes, makes, changes, imports)), dynamic)


def needed(cells: list[Needs], roots: set[int]) -> set[int]:
    """The places of the ``cells`` that those in ``roots`` need, themselves among them; of all, where one may read anything."""
    modules = {name for cell in cells for name in cell.imports}
    found, new = set(), set(roots)
    while new:
        if any(cells[place].dynamic for place in new):
            return set(range(len(cells)))
        found |= new
        names = {name for place in found for name in cells[place].reads}
        new = {place for place, cell in enumerate(cells) if names & ({*cell.makes} | {*cell.changes} - modules)} - found
    return found


def _changed(node) -> tuple[list[str], list[str]]:
    """Names of what a piece of the program changes without assigning to it: for sure, and perhaps."""
    if isinstance(node, (ast.Attribute, ast.Subscript)) and not isinstance(node.ctx, ast.Load):
        return _root(node), []
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        call = node.value
        name = _root(call.func)
        if isinstance(call.func, ast.Name) and name[0] in HARMLESS:
            return [], []
        handed = [*call.args, *(keyword.value for keyword in call.keywords)]
        handed = [root for value in handed if isinstance(value, (ast.Name, ast.Attribute, ast.Subscript)) for root in _root(value)]
        method = name if isinstance(call.func, ast.Attribute) else []
        return (method, handed) if ".config." in ast.unparse(call.func) else ([], method + handed)
    return [], []


def _root(node) -> list[str]:
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Call)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return [node.id] if isinstance(node, ast.Name) else []
