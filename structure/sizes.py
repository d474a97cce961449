"""Long functions and long files."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from structure.tree import Limit, Source, Tree

FUNCTION_LINES, FILE_LINES = 40, 250
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def long_functions(sources: Iterable[Source]) -> Iterator[str]:
    """Yield functions of more than 40 lines, docstring counted, decorators not."""
    for source in sources:
        for node in ast.walk(source.syntax):
            if isinstance(node, _FUNCTIONS):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > FUNCTION_LINES:
                    yield f"{source.path}:{node.lineno} {node.name} {lines}"


def long_files(sources: Iterable[Source]) -> Iterator[str]:
    """Yield Python files of more than 250 lines."""
    for source in sources:
        lines = len(source.text.splitlines())
        if lines > FILE_LINES:
            yield f"{source.path} {lines}"


def measure(tree: Tree) -> list[Limit]:
    """Measure tests, and apart from them all other Python files."""
    tests = [source for source in tree.sources if source.package == "tests"]
    rest = [source for source in tree.sources if source.package != "tests"]
    limits = []
    for where, sources, functions, files in (("", rest, 8, 5), (", tests", tests, 2, 5)):
        found = tuple(long_functions(sources))
        limits.append(Limit(f"functions over 40 lines{where}", len(found), functions, found))
        found = tuple(long_files(sources))
        limits.append(Limit(f"files over 250 lines{where}", len(found), files, found))
    return limits
