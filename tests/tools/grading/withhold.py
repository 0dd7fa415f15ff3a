"""A copy of ``course_utils`` without solutions, typical mistakes and predictions, for processes in which students' code runs."""

import ast
import shutil
from pathlib import Path

HERE = Path(__file__).parent


def copy_course(package: Path, target: Path) -> None:
    """Fill the folder ``target`` with what a student's process imports: the package ``course_utils``, and its own program."""
    leave = shutil.ignore_patterns("__pycache__")
    shutil.copytree(package, target / "course_utils", ignore=leave)
    for path in (target / "course_utils" / "checks").glob("nb*.py"):
        path.write_text(without_solutions(path.read_text(encoding="utf-8")), encoding="utf-8")
    (target / "grading").mkdir()
    for name in ("__init__.py", "start.py", "inside.py", "data.py", "needs.py"):
        shutil.copy(HERE / name, target / "grading")


def without_solutions(source: str) -> str:
    """A module of exercises of which the arguments, calls and inspectors are left, and what these use."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Exercise":
            node.args = node.args[:1]
            node.keywords = [keyword for keyword in node.keywords if keyword.arg not in ("solution", "mistakes")]
            node.keywords.append(ast.keyword("solution", ast.Constant(None)))
    body, kept = tree.body, None
    while kept is None or len(kept) < len(body):
        body = body if kept is None else kept
        kept = [statement for statement in body if _is_used(statement, body)]
    tree.body = kept
    for statement in tree.body:
        if isinstance(statement, ast.ImportFrom) and statement.module.startswith("course_utils.checks"):
            used = _loaded(other for other in kept if other is not statement)
            statement.names = [name for name in statement.names if (name.asname or name.name) in used]
    tree.body = [statement for statement in tree.body if getattr(statement, "names", True)]
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n\npredictions = []\n"


def _is_used(statement, body) -> bool:
    if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        made = {statement.name}
    elif isinstance(statement, ast.Assign):
        made = {node.id for target in statement.targets for node in ast.walk(target) if isinstance(node, ast.Name)}
        if made == {"predictions"}:
            return False
    else:
        return True
    return bool(made & (_loaded(other for other in body if other is not statement) | {"exercises"}))


def _loaded(statements) -> set[str]:
    return {node.id for s in statements for node in ast.walk(s) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
