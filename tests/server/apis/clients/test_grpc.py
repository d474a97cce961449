"""Triton's own client over gRPC, as its users call it."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.clients


def test_health_metadata_answers_and_refusals(grpc_address: str, picture: Path) -> None:
    if find_spec("tritonclient") is None or find_spec("grpc") is None:
        pytest.skip("tritonclient is not installed, or without its extra grpc")
    script = Path(__file__).parent / "grpc_client.py"
    words = [sys.executable, str(script), grpc_address, str(picture)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert [found[name] for name in ("live", "ready", "model", "other")] == [True] * 3 + [False]
    assert found["inputs"] == ["image", "question"]
    assert all(each.isdigit() for each in found["answers"])
    assert "NOT_FOUND" in found["refused"]
