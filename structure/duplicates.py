"""Pairs of places that share six or more identical lines."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable
from itertools import combinations

from structure.tree import PACKAGES, Limit, Source, Tree

LINES = 6
MOST_PAIRS = 8

Line = tuple[int, str]
"""A line's number, and its text without indentation."""


def counted_lines(source: Source) -> list[Line]:
    """Return the lines that are compared: no blank ones, comments or imports."""
    imports = {
        number
        for node in ast.walk(source.syntax)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for number in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    stripped = ((n, line.strip()) for n, line in enumerate(source.text.splitlines(), 1))
    return [(n, s) for n, s in stripped if s and not s.startswith("#") and n not in imports]


def pairs(sources: Iterable[Source]) -> list[str]:
    """Return each pair of places, in two files or in one; a longer run of lines is one pair."""
    lines = {source.path: counted_lines(source) for source in sources}
    places = defaultdict(list)
    for path, each in lines.items():
        for start in range(len(each) - LINES + 1):
            places[tuple(text for _, text in each[start : start + LINES])].append((path, start))
    alike = {
        (one, other)
        for found in places.values()
        for one, other in combinations(found, 2)
        if one[0] != other[0] or other[1] - one[1] >= LINES
    }
    first = [
        (one, other)
        for one, other in sorted(alike)
        if ((one[0], one[1] - 1), (other[0], other[1] - 1)) not in alike
    ]
    return [" = ".join(f"{path}:{lines[path][start][0]}" for path, start in pair) for pair in first]


def measure(tree: Tree) -> Limit:
    """Measure the product's packages and the tests together."""
    counted = {*PACKAGES, "structure", "tests"}
    found = tuple(pairs(source for source in tree.sources if source.package in counted))
    return Limit("pairs of places with six identical lines", len(found), MOST_PAIRS, found)
