from __future__ import annotations

from pathlib import Path

import pytest

from artifact.store import open_artifact
from engine.backends.registry import open_backend
from loadtests.engine.live import LiveEngine, Monolith, draw_inputs, one_batch, question_of
from loadtests.kit.errors import BenchError
from tests.engine.artifacts.tiny_artifact import write_tiny

ROOT = Path(__file__).parents[3]


DEMO = ROOT / "examples/demo-artifact"


def test_one_graph_and_the_live_engine_answer_alike(tmp_path: Path) -> None:
    artifact = open_artifact(DEMO, verify=False)
    inputs = draw_inputs(artifact, 3, 8, seed=0)
    assert question_of(artifact, 8).startswith("what color is the circle")
    monolith = Monolith(artifact, open_backend("onnxruntime"))
    best = monolith.best(one_batch(artifact, inputs))
    with LiveEngine(DEMO, "onnxruntime", 4, tmp_path, check_golden=False) as live:
        assert live.ask_together(inputs) > 0
        _, answers = live.ask(inputs, ["full"] * 3)
    labels = artifact.labels()
    assert [labels[index] for index in best] == [answer.labels[0][0] for answer in answers]


def test_a_monolith_needs_its_graph(tmp_path: Path) -> None:
    artifact = write_tiny(tmp_path / "tiny")
    with pytest.raises(BenchError, match="--whole full"):
        Monolith(artifact, open_backend("onnxruntime"), "d9")
