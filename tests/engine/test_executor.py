"""Order, faults and endings, on a backend that can be held and broken. No sleeps."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest

from artifact.store import Artifact
from engine.config import EngineConfig
from engine.errors import (
    Cancelled,
    DeadlineExpired,
    DeadlineUnattainable,
    Draining,
    InferenceFailed,
    NoVariantFits,
    QueueFull,
)
from engine.pool import EnginePool
from engine.types import Answer, Budget, CaptionInput, Ticket, VqaInput
from tests.engine.fakes import FakeBackend, FakeClock, fake_pool, picture
from tests.engine.test_pool import requests
from tests.engine.tiny_artifact import write_tiny
from tests.engine.tiny_model import LABELS, Array, TinyModel

MODEL = TinyModel()


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return write_tiny(tmp_path_factory.mktemp("executor") / "tiny", MODEL)


class Bench:
    """A pool on fakes, and short words for using it."""

    def __init__(self, artifact: Artifact, **config: object) -> None:
        settings = EngineConfig(cache_dir=Path("unused"), **config)  # type: ignore[arg-type]
        self.pool, self.backend, self.clock = fake_pool(artifact, MODEL, settings)

    def admit(self, budget: Budget | None = None, arrived_s: float | None = None) -> Ticket:
        arrived_s = self.clock.time_s if arrived_s is None else arrived_s
        return self.pool.admit("vqa", budget or Budget(), arrived_s)

    def send(self, budget: Budget | None = None, seed: int = 0) -> Future[Answer]:
        request = VqaInput(picture(seed), "what colour", top_k=1)
        return self.pool.submit(self.admit(budget), request)


@pytest.fixture
def bench(artifact: Artifact) -> Iterator[Bench]:
    made = Bench(artifact)
    yield made
    made.backend.gate.set()
    made.pool.close()


def pool_of(bench: Bench) -> tuple[EnginePool, FakeBackend, FakeClock]:
    return bench.pool, bench.backend, bench.clock


def expected(artifact: Artifact, variant: str, seed: int) -> str:
    logits = MODEL.vqa(artifact.manifest.pattern(variant), picture(seed), [1, 5, 6, 2])
    return LABELS[int(logits.argmax())]


def test_waiting_requests_share_steps(bench: Bench) -> None:
    bench.backend.hold()
    first = bench.send()
    bench.backend.wait_inside()
    others = [bench.send(seed=seed) for seed in range(1, 9)]
    bench.backend.gate.set()
    for future in (first, *others):
        future.result(20)
    assert bench.backend.calls[0] == ("stem[vqa]", 1)
    assert ("stem[vqa]", 8) in bench.backend.calls
    assert ("head[vqa]", 8) in bench.backend.calls


def test_an_earlier_deadline_overtakes_at_the_next_step(bench: Bench) -> None:
    bench.backend.hold()
    slow = bench.send(Budget(max_latency_ms=60_000))
    bench.backend.wait_inside()
    ended: list[str] = []
    slow.add_done_callback(lambda future: ended.append("slow"))
    fast = bench.send(Budget(max_latency_ms=1_000, variant="d1"))
    fast.add_done_callback(lambda future: ended.append("fast"))
    bench.backend.gate.set()
    slow.result(20)
    fast.result(20)
    assert ended == ["fast", "slow"]
    assert [stage for stage, _ in bench.backend.calls[:2]] == ["stem[vqa]", "stem[vqa]"]


def test_the_variant_is_chosen_again_when_the_first_step_comes(bench: Bench) -> None:
    bench.backend.hold()
    first = bench.send()
    bench.backend.wait_inside()
    ticket = bench.admit(Budget(max_latency_ms=100))
    assert ticket.variant == "full"
    second = bench.pool.submit(ticket, VqaInput(picture(), "what colour"))
    bench.clock.time_s += 0.0955  # 4.5 ms left: stem, two blocks and head fit
    bench.backend.gate.set()
    answer = second.result(20)
    assert (answer.variant, answer.degraded) == ("d2", True)
    assert first.result(20).variant == "full"


def test_a_request_expires_while_it_waits(bench: Bench) -> None:
    bench.backend.hold()
    first = bench.send()
    bench.backend.wait_inside()
    rejecting = bench.send(Budget(max_latency_ms=100, on_miss="reject"))
    degrading = bench.send(Budget(max_latency_ms=100))
    bench.clock.time_s += 0.2
    bench.backend.gate.set()
    with pytest.raises(DeadlineExpired):
        rejecting.result(20)
    answer = degrading.result(20)
    assert (answer.variant, answer.deadline_met, answer.degraded) == ("d1", False, True)
    assert first.result(20).deadline_met


def test_grace_ends(bench: Bench) -> None:
    bench.backend.hold()
    first = bench.send()
    bench.backend.wait_inside()
    degrading = bench.send(Budget(max_latency_ms=100))
    bench.clock.time_s += 10.2
    bench.backend.gate.set()
    with pytest.raises(DeadlineExpired):
        degrading.result(20)
    assert first.result(20)
    assert requests(bench.pool) == {("full", "ok"): 1, ("full", "expired"): 1}


def test_a_late_answer_under_reject_is_no_answer(bench: Bench) -> None:
    def slow_head(stage: str, inputs: dict[str, Array]) -> None:
        bench.clock.time_s += 1.0 if stage == "head[vqa]" else 0.0

    bench.backend.hook = slow_head
    with pytest.raises(DeadlineExpired):
        bench.send(Budget(max_latency_ms=500, on_miss="reject")).result(20)


def test_requests_that_expire_half_way_teach_how_slow_it_is(bench: Bench) -> None:
    def slow(stage: str, inputs: dict[str, Array]) -> None:
        bench.clock.time_s += 0.02

    bench.backend.hook = slow
    reject = Budget(max_latency_ms=50, on_miss="reject")
    for _ in range(8):
        with pytest.raises(DeadlineExpired):
            bench.send(reject).result(20)
    with pytest.raises(DeadlineUnattainable):
        bench.admit(reject)
    bench.clock.time_s += 200  # evidence grows old
    assert bench.admit(reject)


def test_reject_gives_up_at_the_first_step_if_nothing_fits(bench: Bench) -> None:
    bench.backend.hold()
    first = bench.send()
    bench.backend.wait_inside()
    rejecting = bench.send(Budget(max_latency_ms=100, on_miss="reject"))
    bench.clock.time_s += 0.0985
    bench.backend.gate.set()
    with pytest.raises(DeadlineUnattainable):
        rejecting.result(20)
    first.result(20)
    assert requests(bench.pool)["full", "expired"] == 1


def test_work_ahead_counts_at_admission(bench: Bench) -> None:
    bench.backend.hold()
    sent = [bench.send(Budget(variant="full")) for _ in range(64)]
    reject = Budget(max_latency_ms=40, on_miss="reject")
    with pytest.raises(DeadlineUnattainable):
        bench.admit(Budget(max_latency_ms=1, on_miss="reject"))
    before = bench.admit(reject)  # earlier than every deadline: nothing is ahead of it
    assert before.predicted_s == pytest.approx(0.006)
    behind = bench.admit(Budget(max_latency_ms=31_000))
    assert behind.predicted_s > 0.006 + 64 / 8 * 0.006
    bench.pool.cancel(before)
    bench.pool.cancel(behind)
    bench.backend.gate.set()
    for future in sent:
        future.result(20)


def test_decode_time_counts_at_admission(bench: Bench) -> None:
    with pytest.raises(DeadlineUnattainable):
        bench.pool.admit(
            "vqa", Budget(max_latency_ms=50, on_miss="reject"), bench.clock.time_s, decode_s=0.2
        )


def test_a_cancelled_request_stops_within_one_step(bench: Bench) -> None:
    bench.backend.hold()
    ticket = bench.admit()
    future = bench.pool.submit(ticket, VqaInput(picture(), "what"))
    bench.backend.wait_inside()
    bench.pool.cancel(ticket)
    with pytest.raises(Cancelled):
        future.result(0)
    bench.backend.gate.set()
    assert bench.send(seed=1).result(20)
    stages = [stage for stage, _ in bench.backend.calls]
    assert stages.count("stem[vqa]") == 2
    assert stages.count("head[vqa]") == 1
    bench.pool.cancel(ticket)
    assert requests(bench.pool) == {("full", "cancelled"): 1, ("full", "ok"): 1}


def test_a_ticket_cancelled_before_submission(bench: Bench) -> None:
    ticket = bench.admit()
    bench.pool.cancel(ticket)
    with pytest.raises(Cancelled):
        bench.pool.submit(ticket, VqaInput(picture(), "what"))
    assert bench.backend.calls == []


def test_a_batch_that_throws_is_tried_row_by_row(bench: Bench, artifact: Artifact) -> None:
    poison = picture(3)

    def hook(stage: str, inputs: dict[str, Array]) -> None:
        if stage == "stem[vqa]" and any((p == poison).all() for p in inputs["pixels"]):
            raise InferenceFailed(stage, "this picture")

    bench.backend.hook = hook
    bench.backend.hold()
    first = bench.send()
    bench.backend.wait_inside()
    others = [bench.send(seed=seed) for seed in range(1, 6)]
    bench.backend.gate.set()
    first.result(20)
    for seed, future in enumerate(others, start=1):
        if seed == 3:
            with pytest.raises(InferenceFailed, match="this picture"):
                future.result(20)
        else:
            assert future.result(20).labels[0][0] == expected(artifact, "full", seed)
    assert requests(bench.pool) == {("full", "ok"): 5, ("full", "error"): 1}


def test_a_backend_that_throws_once_harms_nobody(bench: Bench) -> None:
    failures = iter([ValueError("hiccup")])

    def hook(stage: str, inputs: dict[str, Array]) -> None:
        if stage == "block[1]" and (error := next(failures, None)) is not None:
            raise error

    bench.backend.hook = hook
    assert bench.send().result(20).variant == "full"


def test_a_fault_of_the_engine_itself_ends_the_request_and_not_the_loop(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = bench.admit()
    with monkeypatch.context() as patch:
        patch.setattr(bench.pool._planner, "plan", lambda *args, **kwargs: 1 / 0)
        with pytest.raises(InferenceFailed, match="ZeroDivisionError"):
            bench.pool.submit(ticket, VqaInput(picture(), "what")).result(20)
    assert bench.send().result(20)


def test_numbers_that_are_not_finite_fail_only_their_request(
    bench: Bench, artifact: Artifact
) -> None:
    def hook(stage: str, inputs: dict[str, Array]) -> dict[str, Array] | None:
        if stage != "head[vqa]" or len(inputs["y"]) < 4:
            return None
        outputs = MODEL.run(stage, inputs)
        outputs["logits"][2] = np.nan
        return outputs

    bench.backend.hook = hook
    bench.backend.hold()
    first = bench.send()
    bench.backend.wait_inside()
    others = [bench.send(seed=seed) for seed in range(1, 5)]
    bench.backend.gate.set()
    first.result(20)
    errors = [future.exception(20) for future in others]
    assert [type(error) for error in errors].count(InferenceFailed) == 1
    assert errors.count(None) == 3
    assert bench.send().result(20)


def test_the_queue_is_bounded(artifact: Artifact) -> None:
    bench = Bench(artifact, queue_limit=3)
    tickets = [bench.admit() for _ in range(3)]
    with pytest.raises(QueueFull) as caught:
        bench.admit()
    assert caught.value.retry_after_s >= 1
    bench.pool.cancel(tickets[0])
    assert bench.admit()
    bench.pool.close()


def test_a_ticket_never_submitted_gives_its_place_back(artifact: Artifact) -> None:
    bench = Bench(artifact, queue_limit=1)
    forgotten = bench.admit(Budget(max_latency_ms=100))
    with pytest.raises(QueueFull):
        bench.admit()
    bench.clock.time_s += 11
    assert bench.admit()
    with pytest.raises(Cancelled):
        bench.pool.submit(forgotten, VqaInput(picture(), "what"))
    bench.pool.close()


def test_a_submission_after_the_deadline(bench: Bench) -> None:
    ticket = bench.admit(Budget(max_latency_ms=100, on_miss="reject"))
    bench.clock.time_s += 1
    with pytest.raises(DeadlineExpired):
        bench.pool.submit(ticket, VqaInput(picture(), "what"))
    assert requests(bench.pool) == {("full", "expired"): 1}


def test_draining_finishes_what_is_open(bench: Bench) -> None:
    bench.backend.hold()
    futures = [bench.send(seed=seed) for seed in range(100)]
    assert not bench.pool.drain(0.01)
    with pytest.raises(Draining):
        bench.admit()
    bench.backend.gate.set()
    assert bench.pool.drain(20)
    assert all(future.done() for future in futures)
    assert requests(bench.pool) == {("full", "ok"): 100, ("none", "refused"): 1}


def test_closing_ends_everything_once(bench: Bench) -> None:
    bench.backend.hold()
    futures = [bench.send(seed=seed) for seed in range(10)]
    forgotten = bench.admit()
    bench.backend.wait_inside()
    bench.backend.gate.set()
    bench.pool.close()
    ended = requests(bench.pool)
    assert sum(ended.values()) == 11
    assert ended["full", "cancelled"] >= 1
    assert all(future.done() for future in futures)
    with pytest.raises(Cancelled):
        bench.pool.submit(forgotten, VqaInput(picture(), "what"))


def test_a_smaller_memory_budget_lets_running_rows_finish(bench: Bench, artifact: Artifact) -> None:
    bench.backend.hold()
    running = bench.send(seed=4)
    bench.backend.wait_inside()
    pinned = bench.send(Budget(variant="d3"), seed=5)
    waiting = bench.send(seed=6)
    stages = bench.pool._stages
    bench.pool.set_memory_budget(stages.total_bytes(1))
    assert [o.variant for o in bench.pool.offers("vqa") if o.resident] == ["d2", "d1"]
    with pytest.raises(NoVariantFits):
        bench.admit(Budget(variant="full"))
    bench.backend.gate.set()
    assert running.result(20).labels[0][0] == expected(artifact, "full", 4)
    assert pinned.result(20).labels[0][0] == expected(artifact, "d3", 5)
    assert waiting.result(20).variant == "d2"
    assert bench.send().result(20).variant == "d2"
    assert bench.pool.drain(20)
    bench.pool.close()
    assert not stages.can_evict(lambda: 0)


def test_captions_and_questions_share_the_loop(bench: Bench, artifact: Artifact) -> None:
    bench.backend.hold()
    futures: list[Future[Answer]] = []
    for seed in range(6):
        ticket = bench.pool.admit("caption", Budget(), bench.clock.time_s)
        futures.append(bench.pool.submit(ticket, CaptionInput(picture(seed), None)))
        futures.append(bench.send(seed=seed))
    bench.backend.gate.set()
    codec = artifact.text_codec()
    for seed in range(6):
        words = MODEL.caption(artifact.manifest.pattern("full"), picture(seed), 6)
        assert futures[2 * seed].result(20).text == codec.decode(words)
        assert futures[2 * seed + 1].result(20).labels[0][0] == expected(artifact, "full", seed)
    assert max(rows for stage, rows in bench.backend.calls if "decode" in stage) > 1


def test_work_is_accounted_to_its_variant(bench: Bench) -> None:
    def hook(stage: str, inputs: dict[str, Array]) -> None:
        bench.clock.time_s += 0.01

    bench.backend.hook = hook
    answer = bench.send(Budget(variant="d3")).result(20)
    assert answer.phases_s["stem"] == pytest.approx(0.01)
    assert answer.phases_s["blocks"] == pytest.approx(0.03)
    assert answer.phases_s["head"] == pytest.approx(0.01)
    registry = bench.pool.telemetry.registry
    labels = {"task": "vqa", "variant": "d3"}
    busy_s = registry.get_sample_value("otmv_engine_busy_seconds_total", labels)
    assert busy_s == pytest.approx(0.05)
    assert registry.get_sample_value("otmv_executed_blocks_total") == 3
    assert registry.get_sample_value("otmv_images_total", labels) == 1
