from __future__ import annotations

from pathlib import Path

from loadtests.engine.setup import EngineBench

ROOT = Path(__file__).parents[3]


DEMO = ROOT / "examples/demo-artifact"


def a_setup(folder: Path, pairs: int = 1) -> EngineBench:
    return EngineBench(folder, DEMO, "onnxruntime", pairs, 0)


def test_a_setup_crosses_to_another_process(tmp_path: Path) -> None:
    setup = a_setup(tmp_path)
    assert EngineBench.from_json(setup.to_json()) == setup
