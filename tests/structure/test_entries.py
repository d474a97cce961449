"""Entries of folders."""

from __future__ import annotations

from pathlib import Path

from structure.entries import entries, measure
from structure.tree import Tree


def test_files_and_subfolders_count_once_each() -> None:
    files = ["a/one.py", "a/two.py", "a/b/c/three.py", "a/b/four.py", "root.md"]
    assert entries(files) == {"a": 3, "a/b": 2, "a/b/c": 1}


def test_records_of_decisions_and_artifacts_are_left_out() -> None:
    files = [
        "docs/adr/0001.md",
        "docs/api.md",
        "examples/demo/manifest.json",
        "examples/demo/golden/images/0.jpg",
        "examples/ask.py",
    ]
    assert entries(files) == {"docs": 2, "examples": 2}


def test_a_folder_of_seventeen_is_short() -> None:
    files = [f"engine/m{i}.py" for i in range(16)] + [f"tests/engine/t{i}.py" for i in range(17)]
    top, fullest = measure(Tree(Path(), tuple(files)))
    assert (top.value, top.holds) == (16, True)
    assert (fullest.value, fullest.holds, fullest.places) == (17, False, ("tests/engine/ 17",))
