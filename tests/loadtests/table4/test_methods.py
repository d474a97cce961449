from __future__ import annotations

from pathlib import Path

import pytest

from artifact import task
from loadtests.kit.errors import BenchError
from loadtests.table4.methods import chosen
from models.comparators.methods import FULL, METHODS
from monitoring.table4 import COLUMNS


def test_the_methods_are_those_of_the_record_and_the_paper() -> None:
    root = Path(__file__).parents[3]
    text = " ".join((root / "docs/adr/0021-whole-variants.md").read_text("utf-8").split())
    assert f"Method ids: `{' '.join(METHODS)}`".replace("` `", " ") in text
    assert set(COLUMNS) == {each.name for each in task.TASKS.values() if not each.embeds}
    reported = [method for method in METHODS.values() if method.paper_speeds]
    assert len(reported) == 12
    assert all(len(method.paper_speeds) == len(COLUMNS) for method in reported)
    assert max(reported, key=lambda method: method.paper_speeds[0]).id == "otmv"


def test_full_is_always_measured_and_first() -> None:
    assert chosen(["otmv", "lora"]) == [FULL, "lora", "otmv"]
    assert chosen([]) == list(METHODS)
    with pytest.raises(BenchError, match="no method 'best'; there are full, petadapter"):
        chosen(["best"])


def test_the_methods_are_listed_once() -> None:
    root, titles = Path(__file__).parents[3], {method.title for method in METHODS.values()}
    listing = [
        str(path.relative_to(root))
        for package in ("cli", "deploy", "exporters", "loadtests", "models", "monitoring", "server")
        for path in (root / package).rglob("*.py")
        if sum(f'"{title}"' in path.read_text("utf-8") for title in titles) > 1
    ]
    assert listing == ["models/comparators/methods.py"]
