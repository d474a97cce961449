"""Objects that one request has for itself in the engine, and that change while it runs."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from structure.tree import Limit, Source, Tree

MOST_OBJECTS = 3

OTHERS = {
    "CallPlan": "one call of a TensorRT stage",
    "Holding": "the part of a caption's row that the pool of keys and values changes",
    "Round": "the captions of one call, made anew for each round",
    "RoundUnderWay": "one round of captions, put aside between two of its calls",
    "SortedRows": "the rows of one decision, sorted while it is made",
}
"""Dataclasses of `engine/` that change and belong to no request, with what they belong to."""


def mutable_dataclasses(sources: Iterable[Source]) -> Iterator[tuple[str, str]]:
    """Yield (name, place) of each dataclass that is not frozen."""
    for source in sources:
        for node in ast.walk(source.syntax):
            if isinstance(node, ast.ClassDef) and any(map(_unfrozen, node.decorator_list)):
                yield node.name, f"{source.path}:{node.lineno} {node.name}"


def rows(sources: Iterable[Source]) -> Iterator[str]:
    """Yield the classes of rows, the protocol aside. A request has a row of one class."""
    for source in sources:
        for node in ast.walk(source.syntax):
            if isinstance(node, ast.ClassDef) and node.name.endswith("Row") and node.name != "Row":
                yield f"{source.path}:{node.lineno} {node.name}"


def measure(tree: Tree) -> Limit:
    """Count the mutable dataclasses of `engine/` that are no `OTHERS`, and one row.

    A plain class counts only if it is a row: state of a request belongs in a dataclass.
    """
    engine = [source for source in tree.sources if source.package == "engine"]
    row = tuple(rows(engine))
    own = [p for name, p in mutable_dataclasses(engine) if name not in OTHERS and p not in row]
    places = (*own, " or ".join(row)) if row else tuple(own)
    return Limit("mutable objects per request", len(places), MOST_OBJECTS, places)


def _unfrozen(decorator: ast.expr) -> bool:
    written = ast.unparse(decorator)
    name = written.partition("(")[0].rpartition(".")[2]
    return name == "dataclass" and "frozen=True" not in written
