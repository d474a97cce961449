"""The longest chain of imports."""

from __future__ import annotations

from pathlib import Path

import pytest

from structure.imports import arrows, longest_chain, measure
from tests.structure.planted import planted


def test_the_longest_way_down_is_found() -> None:
    imports = {"a": {"b", "c"}, "b": {"c"}, "c": {"d"}, "d": set(), "e": {"d"}}
    assert longest_chain(imports) == ["a", "b", "c", "d"]


def test_a_circle_counts_all_its_modules() -> None:
    imports = {"top": {"a"}, "a": {"b"}, "b": {"c"}, "c": {"a", "low"}, "low": set()}
    assert longest_chain(imports) == ["top", "a", "b", "c", "low"]


def test_nothing_imported_is_a_chain_of_one() -> None:
    assert longest_chain({"a": set(), "b": set()}) == ["a"]


def test_imports_in_functions_and_for_type_checkers_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {
        "planted_chain/__init__.py": "",
        "planted_chain/a.py": "def late():\n    from planted_chain import b\n",
        "planted_chain/b.py": (
            "from typing import TYPE_CHECKING\n"
            "if TYPE_CHECKING:\n    from planted_chain.c import C\n"
        ),
        "planted_chain/c.py": "import os\nclass C: ...\n",
    }
    planted(tmp_path, files)
    monkeypatch.syspath_prepend(tmp_path)
    assert arrows("planted_chain")["planted_chain.b"] == {"planted_chain.c"}
    limit = measure("planted_chain")
    assert (limit.value, limit.holds) == (3, True)
    assert limit.places == tuple(f"planted_chain.{module}" for module in "abc")
