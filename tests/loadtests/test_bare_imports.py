from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

LIGHT = (
    "artifact.config",
    "artifact.pattern",
    "artifact.program",
    "artifact.preprocess",
    "engine.requests.policy",
    "engine.clock",
    "loadtests.kit.bars",
    "loadtests.kit.origin",
    "loadtests.kit.results",
    "monitoring.table4",
)
FOLDERS = ("engine/elastic", "models", "loadtests/simulate", "loadtests/gpu")

CHILD = """
import importlib, sys
for absent in ("pydantic", "pydantic_settings", "fastapi", "openvino"):
    sys.modules[absent] = None
for name in sys.argv[1:]:
    importlib.import_module(name)
"""


def modules() -> list[str]:
    found = [*LIGHT]
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found.append(".".join(part for part in parts if part != "__init__"))
    return found


def test_a_machine_with_only_torch_can_import_models_and_simulator() -> None:
    assert {"models.series", "engine.elastic.decide", "loadtests.simulate.study"} < set(modules())
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *modules()], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_the_child_would_notice() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHILD, "artifact.manifest"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "pydantic" in done.stderr
