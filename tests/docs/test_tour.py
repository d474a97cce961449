"""The tour's stops exist: each is a file and a function in it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOUR = (ROOT / "docs" / "tour.md").read_text("utf-8")
STOPS = re.findall(r"^\| (\d+) [a-z]+ \| `([\w/]+\.py)` \| `([\w.]+)` \|$", TOUR, re.M)


def functions(path: Path) -> set[str]:
    """Return the functions of a module, those of its classes as `Class.function`."""
    found = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            inner = (n for n in node.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
            found |= {f"{node.name}.{each.name}" for each in inner}
    return found


def test_there_are_ten_stops_in_order() -> None:
    assert [number for number, _, _ in STOPS] == [str(number) for number in range(1, 11)]
    told = re.findall(r"^\*\*(\d+)\. ", TOUR, re.M)
    assert told == [number for number, _, _ in STOPS]


@pytest.mark.parametrize(("number", "path", "function"), STOPS)
def test_a_stop_exists(number: str, path: str, function: str) -> None:
    assert function in functions(ROOT / path), f"stop {number}"


def test_every_other_file_it_names_exists() -> None:
    named = re.findall(r"`((?:engine|server|tests)/[\w/.]+?)/?`", TOUR)
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []
