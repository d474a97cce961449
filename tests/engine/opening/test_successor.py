"""Two engines of one process: the one that answers, and the one that will (ADR 0026)."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from artifact.manifest import MANIFEST_NAME
from artifact.store import Artifact, open_artifact
from artifact.task import TaskName
from engine.config import EngineConfig
from engine.errors import InvalidInput, LoadFailed
from engine.pool import EnginePool
from engine.tasks.reason import ReasonInput
from engine.tasks.vqa import VqaInput
from engine.types import Answer, Budget
from tests.engine.artifacts.tiny_artifact import write_tiny
from tests.engine.artifacts.tiny_model import picture
from tests.engine.pools import inside


@pytest.fixture
def config(tmp_path: Path) -> EngineConfig:
    return EngineConfig(cache_dir=tmp_path / "cache")


@pytest.fixture
def pool(trio: Artifact, config: EngineConfig) -> Iterator[EnginePool]:
    opened = EnginePool.open(trio, config)
    yield opened
    opened.close()


@pytest.fixture
def other(tmp_path: Path) -> Artifact:
    """Without statements, and one variant is called otherwise."""
    write_tiny(tmp_path / "other")
    manifest = tmp_path / "other" / MANIFEST_NAME
    text = manifest.read_text().replace('"d3"', '"shallow"').replace('"tiny"', '"other"', 1)
    manifest.write_text(text)
    return open_artifact(tmp_path / "other")


def value(pool: EnginePool, name: str, **labels: str) -> float | None:
    return pool.telemetry.registry.get_sample_value(f"otmv_{name}", labels)


def ask(pool: EnginePool, task: TaskName = "vqa") -> Answer:
    request = pool.admit(task, Budget(), inside.now_s(pool), rows=1 if task == "vqa" else 2)
    pixels = picture(1)
    asked = VqaInput(pixels, "is red") if task == "vqa" else ReasonInput((pixels,) * 2, "is red")
    return pool.submit(request, asked).result(20)


def test_both_answer_and_the_metrics_follow(pool: EnginePool, other: Artifact) -> None:
    ask(pool)
    ask(pool, "reason")
    shared = value(pool, "resident_bytes", kind="shared")
    new = pool.successor(other)
    assert new.telemetry is pool.telemetry
    assert value(pool, "resident_bytes", kind="shared") == shared
    assert value(pool, "variant_quality", task="vqa", variant="d3") == 0.85
    assert value(pool, "variant_quality", task="vqa", variant="shallow") is None
    assert ask(pool).variant == ask(new).variant == "full"
    new.show()
    assert value(pool, "variant_quality", task="vqa", variant="d3") is None
    assert value(pool, "variant_quality", task="reason", variant="full") is None
    assert value(pool, "variant_quality", task="vqa", variant="shallow") == 0.85
    assert value(pool, "requests_total", task="vqa", variant="full", outcome="ok") == 3
    assert value(pool, "requests_total", task="vqa", variant="shallow", outcome="ok") == 0
    pool.close()
    assert value(new, "resident_bytes", kind="shared")
    assert ask(new).variant == "full"
    new.close()


def test_a_task_may_go(pool: EnginePool, other: Artifact) -> None:
    new = pool.successor(other)
    assert ask(pool, "reason").labels
    with pytest.raises(InvalidInput, match="this artifact has vqa, caption"):
        ask(new, "reason")
    new.close()


def test_memory_is_counted_as_after_a_start(pool: EnginePool, tmp_path: Path) -> None:
    """The workspace lies there already: the new engine would see nothing grow."""
    new = pool.successor(pool.artifact)
    assert inside.stages(new).workspace_bytes >= inside.stages(pool).workspace_bytes
    new.close()


def test_times_under_load_are_not_kept(pool: EnginePool, other: Artifact, tmp_path: Path) -> None:
    files = tmp_path / "cache/latency"
    before = {path: path.read_bytes() for path in files.iterdir()}
    phases: list[str] = []
    again = pool.successor(pool.artifact, lambda phase, share: phases.append(phase))
    assert not any(phase.startswith("measuring") for phase in phases)
    new = pool.successor(other, lambda phase, share: phases.append(phase))
    assert any(phase.startswith("measuring") for phase in phases)
    assert {path: path.read_bytes() for path in files.iterdir()} == before
    again.close()
    new.close()


def test_the_memory_budget_of_now_is_passed_on(pool: EnginePool, other: Artifact) -> None:
    assert value(pool, "memory_budget_bytes") == math.inf
    small_model_noise_bytes = 2**26
    budget_bytes = inside.stages(pool).total_bytes(2) + small_model_noise_bytes
    pool.set_memory_budget(budget_bytes)
    new = pool.successor(other)
    new.show()
    assert value(new, "memory_budget_bytes") == budget_bytes
    new.close()


def test_a_failure_leaves_the_first_as_it_was(pool: EnginePool, other: Artifact) -> None:
    other.path(other.manifest.stages["block[1]"].file).write_bytes(b"not a graph")
    depth = value(pool, "queue_depth")
    with pytest.raises(LoadFailed):
        pool.successor(other)
    assert value(pool, "queue_depth") == depth
    assert ask(pool).variant == "full"


def test_its_latency_profile_is_taken_again_once_the_other_has_closed(
    pool: EnginePool, other: Artifact, config: EngineConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.loop.idle.idle_time._QUIET_S", 0.001)
    profiles = config.cache_dir / "latency"
    assert len(list(profiles.iterdir())) == 1
    new = pool.successor(other)
    try:
        assert not inside.parts(pool).retake.wanted(), "its profile was measured alone"
        retake, ended = inside.parts(new).retake, threading.Event()
        end = retake._end
        monkeypatch.setattr(retake, "_end", lambda profile: (end(profile), ended.set()))
        assert retake.wanted()
        ask(new)
        assert not ended.wait(0.05)
        pool.close()
        assert ended.wait(20)
        assert ask(new).variant == "full"
    finally:
        new.close()
    if not retake.wanted():  # else the machine was slower this time: it is tried again later
        assert len(list(profiles.iterdir())) == 2
