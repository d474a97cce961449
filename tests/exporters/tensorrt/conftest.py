from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import onnxruntime
import pytest

from artifact.manifest import MANIFEST_NAME
from artifact.store import Artifact, open_artifact, sha256_of
from exporters.tensorrt.library import PlanBuilder, open_library

DEMO = Path(__file__).parents[3] / "examples" / "demo-artifact"


@pytest.fixture(scope="session")
def demo() -> Artifact:
    return open_artifact(DEMO)


def session_of(model: Path | bytes) -> onnxruntime.InferenceSession:
    """Return a session of ONNX Runtime's own."""
    return onnxruntime.InferenceSession(model)


@pytest.fixture(scope="session")
def rtx() -> PlanBuilder:
    """The real library: it builds ahead of time, without a GPU."""
    pytest.importorskip("tensorrt_rtx", reason="no wheel of tensorrt-rtx for this platform")
    return open_library("tensorrt-rtx")


Change = Callable[[Path], object]


@pytest.fixture
def changed(tmp_path: Path) -> Callable[[str, Change], Artifact]:
    """Return a copy of the demo artifact with one file changed and its record made to fit."""

    def make(file: str, change: Change) -> Artifact:
        folder = tmp_path / f"changed-{file}"
        shutil.copytree(DEMO, folder)
        change(folder / file)
        manifest = json.loads((folder / MANIFEST_NAME).read_text())
        path = folder / file
        manifest["files"][file] = {"sha256": sha256_of(path), "size_bytes": path.stat().st_size}
        (folder / MANIFEST_NAME).write_text(json.dumps(manifest))
        return open_artifact(folder)

    return make
