"""Opening an engine on real ONNX Runtime: what is measured once, and what stops the start."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from artifact.store import Artifact
from engine.clock import SystemClock
from engine.config import EngineConfig
from engine.errors import LoadFailed, ParityFailed
from engine.pool import EnginePool
from engine.tasks.vqa import VqaInput
from engine.types import Budget
from tests.engine.artifacts.tiny_artifact import write_tiny
from tests.engine.artifacts.tiny_model import MODEL, picture


def test_the_latency_profile_is_measured_once(tiny: Artifact, tmp_path: Path) -> None:
    seen: list[str] = []
    config = EngineConfig(cache_dir=tmp_path)
    EnginePool.open(tiny, config, on_progress=lambda what, share: seen.append(what)).close()
    assert any(what.startswith("measuring") for what in seen)
    seen.clear()
    EnginePool.open(tiny, config, on_progress=lambda what, share: seen.append(what)).close()
    assert not any(what.startswith("measuring") for what in seen)
    (cached,) = (tmp_path / "latency").glob("*.json")
    cached.write_text("{}")
    EnginePool.open(tiny, config, on_progress=lambda what, share: seen.append(what)).close()
    assert any(what.startswith("measuring") for what in seen)
    assert json.loads(cached.read_text())["curves"]


def test_the_quality_is_measured_once(tmp_path: Path) -> None:
    """The second start needs no labelled cases; a file that cannot be read does."""
    copy = write_tiny(tmp_path / "copy", MODEL)
    config = EngineConfig(cache_dir=tmp_path / "cache")
    EnginePool.open(copy, config).close()
    assert copy.manifest.golden is not None
    assert copy.manifest.golden.cases is not None
    copy.path(copy.manifest.golden.cases).unlink()
    EnginePool.open(copy, config).close()
    (cached,) = (tmp_path / "cache/quality").glob("*.json")
    assert json.loads(cached.read_text()) == {"vqa": {"full": 1.0}}
    cached.write_text("not JSON")
    with pytest.raises(FileNotFoundError):
        EnginePool.open(copy, config)


def test_a_cache_that_cannot_be_written_is_no_reason_to_stop(
    tiny: Artifact, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    pool = EnginePool.open(tiny, EngineConfig(cache_dir=tmp_path / "file"))
    request = pool.admit("vqa", Budget(), SystemClock().now_s())
    assert pool.submit(request, VqaInput(picture(), "what colour", top_k=3)).result(20)
    pool.close()


def test_a_stage_that_left_its_golden_record_stops_the_start(tmp_path: Path) -> None:
    artifact = write_tiny(tmp_path / "tiny", MODEL)
    weights = artifact.path("weights.safetensors")
    raw = bytearray(weights.read_bytes())
    raw[-3] ^= 0x40
    weights.write_bytes(raw)
    with pytest.raises(ParityFailed, match="relative L2") as caught:
        EnginePool.open(artifact, EngineConfig(cache_dir=tmp_path / "cache"))
    assert caught.value.what in artifact.manifest.stages
    assert caught.value.measured > 1e-5


def test_lost_golden_quality_stops_the_start(tmp_path: Path) -> None:
    artifact = write_tiny(tmp_path / "tiny", MODEL, golden_quality=1.0)
    record = artifact.manifest.golden
    assert record is not None
    boosted = record.model_copy(update={"quality": {"vqa": {"full": 1.006}}})
    manifest = artifact.manifest.model_copy(update={"golden": boosted})
    with pytest.raises(ParityFailed, match="golden quality of vqa full"):
        EnginePool.open(
            dataclasses.replace(artifact, manifest=manifest),
            EngineConfig(cache_dir=tmp_path / "cache"),
        )


def test_a_missing_stage_file_is_a_load_error(tmp_path: Path) -> None:
    artifact = write_tiny(tmp_path / "tiny", MODEL)
    artifact.path("block_1.onnx").write_bytes(b"")
    with pytest.raises(LoadFailed, match=r"block\[1\]"):
        EnginePool.open(artifact, EngineConfig(cache_dir=tmp_path / "cache"))
