"""Order, sharing and accounting, on a backend that can be held. No sleeps."""

from __future__ import annotations

from concurrent.futures import Future

import pytest

from artifact.store import Artifact
from engine.errors import DeadlineExpired, Draining, NoVariantFits
from engine.tasks.caption import CaptionInput
from engine.types import Answer, Budget
from tests.engine.answers.model_answers import expected
from tests.engine.artifacts.tiny_model import MODEL, Array, picture
from tests.engine.pools import inside
from tests.engine.pools.fake_engine import FakeEngine


def test_waiting_requests_share_steps(engine: FakeEngine) -> None:
    engine.backend.hold()
    first = engine.send()
    engine.backend.wait_inside()
    others = [engine.send(seed=seed) for seed in range(1, 9)]
    engine.backend.gate.set()
    for future in (first, *others):
        future.result(20)
    assert engine.backend.calls[0] == ("stem[vqa]", 1)
    assert ("stem[vqa]", 8) in engine.backend.calls
    assert ("head[vqa]", 8) in engine.backend.calls


def test_an_earlier_deadline_overtakes_at_the_next_step(engine: FakeEngine) -> None:
    engine.backend.hold()
    slow = engine.send(Budget(max_latency_ms=60_000))
    engine.backend.wait_inside()
    ended: list[str] = []
    slow.add_done_callback(lambda future: ended.append("slow"))
    fast = engine.send(Budget(max_latency_ms=5.0, variant="d1"))
    fast.add_done_callback(lambda future: ended.append("fast"))
    engine.tick(0.001)
    engine.backend.gate.set()
    slow.result(20)
    assert fast.result(20).deadline_met
    assert ended == ["fast", "slow"]
    assert [stage for stage, _ in engine.backend.calls[:2]] == ["stem[vqa]", "stem[vqa]"]


def test_captions_and_questions_share_the_loop(engine: FakeEngine, tiny: Artifact) -> None:
    engine.backend.hold()
    futures: list[Future[Answer]] = []
    for seed in range(6):
        request = engine.pool.admit("caption", Budget(), engine.clock.time_s)
        futures.append(engine.pool.submit(request, CaptionInput(picture(seed), None)))
        futures.append(engine.send(seed=seed))
    engine.backend.gate.set()
    codec = tiny.text_codec()
    for seed in range(6):
        words = MODEL.caption(tiny.manifest.pattern("full"), picture(seed), 6)
        assert futures[2 * seed].result(20).text == codec.decode(words)
        assert futures[2 * seed + 1].result(20).labels[0][0] == expected(tiny, "full", seed)
    assert max(rows for stage, rows in engine.backend.calls if "decode" in stage) > 1


def test_work_is_accounted_to_its_variant(engine: FakeEngine) -> None:
    def hook(stage: str, inputs: dict[str, Array]) -> None:
        engine.clock.time_s += 0.01

    engine.backend.hook = hook
    answer = engine.send(Budget(variant="d3")).result(20)
    assert answer.phases_s["stem"] == pytest.approx(0.01)
    assert answer.phases_s["blocks"] == pytest.approx(0.03)
    assert answer.phases_s["head"] == pytest.approx(0.01)
    registry = engine.pool.telemetry.registry
    labels = {"task": "vqa", "variant": "d3"}
    busy_s = registry.get_sample_value("otmv_engine_busy_seconds_total", labels)
    assert busy_s == pytest.approx(0.05)
    assert registry.get_sample_value("otmv_executed_blocks_total") == 3
    assert registry.get_sample_value("otmv_images_total", labels) == 1


def test_a_smaller_memory_budget_lets_running_rows_finish(
    engine: FakeEngine, tiny: Artifact
) -> None:
    engine.backend.hold()
    running = engine.send(seed=4)
    engine.backend.wait_inside()
    pinned = engine.send(Budget(variant="d3"), seed=5)
    waiting = engine.send(seed=6)
    stages = inside.stages(engine.pool)
    engine.pool.set_memory_budget(stages.total_bytes(1))
    assert [o.variant for o in engine.pool.offers("vqa") if o.resident] == ["d2", "d1"]
    with pytest.raises(NoVariantFits):
        engine.admit(Budget(variant="full"))
    engine.backend.gate.set()
    assert running.result(20).labels[0][0] == expected(tiny, "full", 4)
    assert pinned.result(20).labels[0][0] == expected(tiny, "d3", 5)
    assert waiting.result(20).variant == "d2"
    assert engine.send().result(20).variant == "d2"
    assert engine.pool.drain(20)
    engine.pool.close()
    assert not stages.can_evict(lambda: 0)


def test_a_step_that_does_not_end_is_seen_from_outside(engine: FakeEngine) -> None:
    assert engine.pool.silent_s == 0.0
    engine.backend.hold()
    future = engine.send()
    engine.backend.wait_inside()
    engine.clock.time_s += 70.0
    assert engine.pool.silent_s == pytest.approx(70.0)
    read = engine.pool.telemetry.registry.get_sample_value
    assert read("otmv_engine_silent_seconds") == pytest.approx(70.0)
    engine.backend.gate.set()
    assert isinstance(future.exception(20), DeadlineExpired)


def test_closing_does_not_wait_for_a_step_that_never_ends(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.loop.executor._LAST_STEP_S", 0.05)
    engine.backend.hold()
    future = engine.send()
    engine.backend.wait_inside()
    engine.pool.close()
    assert isinstance(future.exception(20), Draining)
    engine.backend.gate.set()
