"""Pairs of places with identical lines."""

from __future__ import annotations

from pathlib import Path

from structure.duplicates import measure
from tests.structure.planted import planted

SIX = [f"step_{i}()" for i in range(6)]


def module(*lines: str) -> str:
    return "\n".join(lines) + "\n"


def test_six_lines_are_a_pair_whatever_stands_between(tmp_path: Path) -> None:
    spread = [part for line in SIX for part in (f"    {line}", "", "    # a comment")]
    tree = planted(
        tmp_path,
        {
            "engine/a.py": module("x = 1", *SIX),
            "server/b.py": module("def go():", *spread),
            "cli/five.py": module(*SIX[:5]),
        },
    )
    limit = measure(tree)
    assert limit.places == ("engine/a.py:2 = server/b.py:2",)
    assert (limit.value, limit.holds) == (1, True)


def test_a_longer_run_is_one_pair_and_three_places_are_three(tmp_path: Path) -> None:
    longer = module(*SIX, "seventh()", "eighth()")
    tree = planted(tmp_path, {f"{p}/m.py": longer for p in ("engine", "models", "tests")})
    assert measure(tree).value == 3


def test_two_places_in_one_file_are_a_pair(tmp_path: Path) -> None:
    tree = planted(tmp_path, {"engine/a.py": module(*SIX, "between()", *SIX)})
    assert measure(tree).places == ("engine/a.py:1 = engine/a.py:8",)


def test_one_line_repeated_is_no_pair_with_itself_moved_on(tmp_path: Path) -> None:
    tree = planted(tmp_path, {"engine/a.py": module(*["same()"] * 9)})
    assert measure(tree).value == 0


def test_imports_and_examples_are_left_out(tmp_path: Path) -> None:
    imports = module("from m import (", *[f"    name_{i}," for i in range(9)], ")")
    paths = ("engine/a.py", "engine/b.py")
    tree = planted(tmp_path, dict.fromkeys(paths, imports) | {"examples/c.py": module(*SIX, *SIX)})
    assert measure(tree).value == 0
