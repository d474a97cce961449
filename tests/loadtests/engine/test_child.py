from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from artifact.errors import how_to_install
from loadtests.engine import child
from loadtests.engine.setup import EngineBench
from loadtests.kit.bars import Bar

ROOT = Path(__file__).parents[3]


DEMO = ROOT / "examples/demo-artifact"


def a_setup(folder: Path, pairs: int = 1) -> EngineBench:
    return EngineBench(folder, DEMO, "onnxruntime", pairs, 0)


def test_a_missing_library_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[dict[str, Any]] = []

    class Module:
        @staticmethod
        def measure(setup: EngineBench, report: object) -> list[Bar]:
            raise ModuleNotFoundError("no", name="onnx")

    monkeypatch.setattr(child.importlib, "import_module", lambda name: Module)
    child.run("matmuls", a_setup(Path()), sent.append)
    (bar,) = (Bar(**found) for found in sent[0]["bars"])
    assert (bar.name, bar.verdict) == ("engine.matmuls.onnxruntime", "not-run")
    assert bar.spread == f"needs onnx: {how_to_install('export')}"
