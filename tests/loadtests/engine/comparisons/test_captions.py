"""The captions of `otmv bench engine`, on the tiny artifact and the demo."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtests.engine.comparisons.captions import BEAMS, WORDS, Writers, measure
from loadtests.engine.setup import EngineBench
from tests.engine.artifacts.tiny_artifact import write_tiny
from tests.engine.artifacts.tiny_model import picture

DEMO = Path(__file__).parents[4] / "examples/demo-artifact"


@pytest.mark.slow
def test_all_bars_are_measured_on_real_stages(tmp_path: Path) -> None:
    write_tiny(tmp_path / "base1-caption")
    bars = measure(EngineBench(tmp_path, DEMO, "onnxruntime", 1, 0), lambda what, share: None)
    together, passes, company, streamed = bars
    assert together.name == "engine.captions-together.onnxruntime"
    assert together.measured is not None
    assert together.evidence["words"] == WORDS
    assert passes.measured == 1.0, passes.spread
    assert company.measured == streamed.measured == 1.0
    assert "of 40 texts the same" in streamed.spread


def test_blocks_of_beams_are_counted_with_one_image_pass(tmp_path: Path) -> None:
    writers = Writers(write_tiny(tmp_path / "tiny"), "onnxruntime", tmp_path)
    try:
        answer = writers.send(picture(1), None, BEAMS).result(30)
    finally:
        writers.pool.close()
    (tokens,), (blocks,) = writers.watch.tokens, writers.watch.blocks
    assert blocks == answer.executed_blocks * (1 + BEAMS * tokens)
