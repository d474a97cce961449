from __future__ import annotations

import json
from pathlib import Path

import pytest

from loadtests.kit.errors import BenchError
from loadtests.slo.sweep import GRID, RivalSettings, Trial, best_of, read_settings, record


def test_the_sweep_takes_the_most_effective_setting_and_is_read_back(tmp_path: Path) -> None:
    trials = [Trial(GRID[0], 10.0, 0.9), Trial(GRID[1], 30.0, 0.4), Trial(GRID[2], 30.0, 0.5)]
    assert best_of(trials) == GRID[1]
    path = tmp_path / "sweep.json"
    path.write_text(json.dumps(record({"mosec": trials})))
    assert read_settings(path, ["mosec"]) == {"mosec": GRID[1]}
    with pytest.raises(BenchError, match="otmv bench slo --sweep"):
        read_settings(path, ["ray"])
    with pytest.raises(BenchError, match="otmv bench slo --sweep"):
        read_settings(tmp_path / "none.json", ["ray"])
    assert len(set(GRID)) == len(GRID)
    assert isinstance(GRID[0], RivalSettings)
