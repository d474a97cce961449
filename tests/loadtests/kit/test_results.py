from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from loadtests.kit.bars import Bar
from loadtests.kit.origin import Origin
from loadtests.kit.results import results, write_results


def test_the_file_says_where_numbers_come_from(tmp_path: Path) -> None:
    bars = [Bar("a", 1.0, 1.05, False, "", {"pairs": 15}), Bar("b", None, 2.0, True, "why")]
    path = tmp_path / "new" / "engine.json"
    made = results(Origin("otmv bench engine", 3), {"pairs": 15}, bars)
    write_results(path, made)
    found = json.loads(path.read_text())
    assert found == made
    assert (found["seed"], found["command"], found["pairs"]) == (3, "otmv bench engine", 15)
    assert {"machine", "commit", "libraries", "seed", "command", "bars"} <= set(found)
    assert found["libraries"]["numpy"] == np.__version__
    assert [bar["verdict"] for bar in found["bars"]] == ["ok", "not-run"]
    assert [each.name for each in path.parent.iterdir()] == ["engine.json"]
