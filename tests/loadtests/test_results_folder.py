"""Committed measurements are read by people and documents; no package takes them as an input."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
WHEEL = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"][
    "targets"
]["wheel"]


def parts_of_paths(source: str) -> set[str]:
    """Return the texts in a module that could be a part of a path."""
    texts = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant))
    return {text.value for text in texts if isinstance(text.value, str)}


def test_results_stay_out_of_the_wheel() -> None:
    assert "loadtests/results" in WHEEL["exclude"]


def test_no_package_reads_a_result_by_its_path() -> None:
    for package in WHEEL["packages"]:
        for path in (ROOT / package).rglob("*.py"):
            found = {text for text in parts_of_paths(path.read_text("utf-8")) if text == "results"}
            assert not found, path
    assert "results" in parts_of_paths('ROOT / "loadtests" / "results"')
