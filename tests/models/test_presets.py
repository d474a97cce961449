"""Parameter counts against the released models and the paper's 60 %."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from artifact.config import ModelConfig
from artifact.task import TaskName
from models.presets import beit3_config, literal_config, paper60_config, spread_keys
from models.series import OtmvModel


def parameters(config: ModelConfig, task: TaskName) -> int:
    with torch.device("meta"):
        model = OtmvModel(replace(config, tasks=(task,)))
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(
    ("size", "task", "millions"),
    [
        ("base", "vqa", 228),
        ("large", "vqa", 683),
        ("base", "caption", 271),
        ("large", "caption", 739),
    ],
)
def test_released_sizes(size: str, task: TaskName, millions: int) -> None:
    assert round(parameters(beit3_config(size), task) / 1e6) == millions


def test_paper60_saves_59_percent() -> None:
    config = paper60_config()
    assert (config.keys, config.orders, config.merged_feed_forward) == (12, 24, True)
    saving = 1 - parameters(config, "vqa") / parameters(beit3_config("large"), "vqa")
    assert saving == pytest.approx(0.590, abs=0.0005)


def test_literal_is_one_key() -> None:
    config = literal_config("large")
    assert config.key_of_order == (0,) * 24
    assert config.readout == "series"
    assert parameters(config, "vqa") == pytest.approx(95e6, rel=0.01)


def test_the_released_model_shares_nothing() -> None:
    config = beit3_config("base")
    assert config.key_of_order == tuple(range(12))
    assert (config.readout, config.merged_feed_forward) == ("last", False)


def test_keys_are_equal_runs() -> None:
    assert spread_keys(8, 2) == (0, 0, 0, 0, 1, 1, 1, 1)
    assert spread_keys(3, 3) == (0, 1, 2)
    with pytest.raises(ValueError, match="choose a divisor"):
        spread_keys(8, 3)


def test_keys_are_runs_of_said_lengths() -> None:
    assert spread_keys(8, (2, 6)) == (0, 0, 1, 1, 1, 1, 1, 1)
    for runs in ((2, 5), (0, 8), ()):
        with pytest.raises(ValueError, match="do not share out 8 orders"):
            spread_keys(8, runs)
