"""How large product code may be: python tests/house/sizes.py [ROOT] prints what is too large and exits 1."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

ROOMS = ("flows", "tasks", "blocks", "deployments", "db", "mailfleet", "sandbox")
FILE_MEDIAN, FILE_LIMIT, FUNCTION_MEDIAN, FUNCTION_LIMIT = 100, 400, 8, 50


def main(root: Path) -> int:
    """0 where everything is small enough."""
    files = {path: path.read_text("utf-8") for room in ROOMS for path in sorted((root / room).rglob("*.py"))}
    files = {path: source for path, source in files.items() if source.strip()}
    lengths = {path: len(source.splitlines()) for path, source in files.items()}
    functions = {
        f"{path}: {name}": lines for path, source in files.items() for name, lines in _functions(source)
    }
    problems = [
        f"{path} has {lines} lines, {FILE_LIMIT} is the limit"
        for path, lines in lengths.items()
        if lines > FILE_LIMIT
    ]
    problems += [
        f"{name} has {lines} lines, {FUNCTION_LIMIT} is the limit"
        for name, lines in functions.items()
        if lines > FUNCTION_LIMIT
    ]
    for what, found, limit in (
        ("file", lengths.values(), FILE_MEDIAN),
        ("function", functions.values(), FUNCTION_MEDIAN),
    ):
        middle = median(found) if found else 0
        problems += [f"the median {what} has {middle} lines, {limit} is the limit"] if middle > limit else []
    print(*problems or [f"{len(lengths)} files and {len(functions)} functions are small enough"], sep="\n")
    return 1 if problems else 0


def _functions(source: str) -> Iterator[tuple[str, int]]:
    """Name and lines of each function, its docstring and decorators not counted."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            is_doc = (
                isinstance(first, ast.Expr)
                and isinstance(getattr(first, "value", None), ast.Constant)
                and ast.get_docstring(node)
            )
            doc = (first.end_lineno or 0) - first.lineno + 1 if is_doc else 0
            yield f"{node.name} (line {node.lineno})", (node.end_lineno or 0) - node.lineno + 1 - doc


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[2]))
