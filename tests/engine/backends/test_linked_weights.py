"""An artifact of links: weights on another disk, or every file in a store of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from artifact.golden import read_stage_cases, relative_l2
from artifact.manifest import WEIGHTS_NAME
from artifact.store import Artifact, open_artifact
from engine.backends.registry import open_backend
from engine.errors import LoadFailed
from engine.opening.golden import PARITY_LIMITS
from tests.engine.artifacts.tiny_artifact import write_tiny

STAGE = "stem[vqa]"


def linked(tmp_path: Path, every_file: bool) -> Artifact:
    """Return the tiny artifact with its weights, or all its files, kept elsewhere, renamed."""
    write_tiny(tmp_path / "tiny")
    for index, path in enumerate(sorted((tmp_path / "tiny").rglob("*"))):
        if path.is_file() and (every_file or path.name == WEIGHTS_NAME):
            kept = tmp_path / f"store{index:02}" / f"{index:030x}"
            kept.parent.mkdir()
            shutil.move(path, kept)
            path.symlink_to(kept)
    return open_artifact(tmp_path / "tiny")


@pytest.mark.parametrize("every_file", [False, True])
def test_onnx_runtime_reads_them(tmp_path: Path, every_file: bool) -> None:
    artifact = linked(tmp_path, every_file)
    spec = artifact.manifest.stages[STAGE]
    backend = open_backend("onnxruntime")
    assert artifact.manifest.golden is not None
    cases = read_stage_cases(artifact.path(artifact.manifest.golden.stages))
    loaded = backend.load(STAGE, artifact.path(spec.file), spec)
    shutil.rmtree(tmp_path)  # nothing of the files is read later
    (case,) = [case for case in cases if case.stage == STAGE]
    found = loaded.run(case.inputs)
    for name, wanted in case.outputs.items():
        assert relative_l2(found[name], wanted) <= PARITY_LIMITS[backend.precision]


def test_openvino_says_what_to_do(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    artifact = linked(tmp_path, every_file=False)
    spec = artifact.manifest.stages[STAGE]
    with pytest.raises(LoadFailed, match="--backend onnxruntime"):
        open_backend("openvino").load(STAGE, artifact.path(spec.file), spec)
