"""On real ONNX Runtime: the memory budget moves while rows run, and the pool drains when full."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future

import pytest

from artifact.store import Artifact
from engine.errors import Draining, EngineError, LoadFailed, NoVariantFits
from engine.tasks.caption import CaptionInput
from engine.types import Answer, Budget
from tests.engine.answers.model_answers import QUESTIONS, check_alone, question
from tests.engine.artifacts.tiny_model import MODEL, Array, picture
from tests.engine.pools.request_counts import request_counts
from tests.engine.pools.watched_engine import WatchedEngine

WORDS = "what colour"
KEY_1 = {"block[1]", "block_image[1]", "block_decode[1]"}


@pytest.fixture
def watched(tiny: Artifact) -> Iterator[WatchedEngine]:
    made = WatchedEngine(tiny)
    yield made
    made.close()


def resident(watched: WatchedEngine) -> list[str]:
    return [offer.variant for offer in watched.pool.offers("vqa") if offer.resident]


def ask(watched: WatchedEngine, seed: int, budget: Budget | None = None) -> Future[Answer]:
    return watched.send(question(seed, WORDS), budget or Budget())[1]


def describe(watched: WatchedEngine, seed: int) -> Future[Answer]:
    return watched.send(CaptionInput(picture(seed), None), Budget())[1]


@pytest.mark.parametrize("when", ["block[0]", "block[1]", "block_image[1]", "block_decode[1]"])
def test_a_budget_shrunk_under_running_rows(
    watched: WatchedEngine, tiny: Artifact, when: str
) -> None:
    """Running rows finish on the keys that must go; then the keys go; growing brings them back."""
    one_key = watched.stages.total_bytes(1)
    later: list[Future[Answer]] = []
    loaded_then: list[set[str]] = []
    begun: set[int] = set()

    def during(stage: str, inputs: Mapping[str, Array]) -> None:
        watched.clock.time_s += 0.001
        if stage == when and not later:
            watched.pool.set_memory_budget(one_key)
            begun.update(number for seen in watched.steps for number in seen.ids)
            loaded_then.append(KEY_1 & set(watched.stages.loaded))
            later.extend([ask(watched, 20), describe(watched, 21)])
            with pytest.raises(NoVariantFits) as refused:
                ask(watched, 22, Budget(variant="full"))
            assert refused.value.nearest is not None

    watched.during = during
    watched.gate.clear()
    made = [*(question(s, WORDS) for s in range(3)), *(CaptionInput(picture(s)) for s in (3, 4, 5))]
    running = [watched.send(each, Budget()) for each in made]
    watched.gate.set()
    for seed, (request, future) in enumerate(running):
        answer = future.result(20)
        check_alone(tiny, MODEL, answer, seed, WORDS)
        assert answer.variant == "full" or request.id not in begun
    assert begun
    for seed, future in enumerate(later, start=20):
        answer = future.result(20)
        assert answer.variant == "d2"
        check_alone(tiny, MODEL, answer, seed, WORDS)
    assert loaded_then == [KEY_1]
    assert watched.pool.drain(20)
    assert resident(watched) == ["d2", "d1"]


def test_evicted_keys_are_unloaded_and_come_back(watched: WatchedEngine, tiny: Artifact) -> None:
    pool = watched.pool
    for round_ in range(3):
        pool.set_memory_budget(watched.stages.total_bytes(1))
        for seed in range(4):
            answer = ask(watched, seed).result(20)
            assert answer.variant == "d2"
            check_alone(tiny, MODEL, answer, seed, WORDS)
        with pytest.raises(NoVariantFits):
            ask(watched, 0, Budget(variant="d3"))
        assert not KEY_1 & set(watched.stages.loaded)
        pool.set_memory_budget(None)
        assert set(watched.stages.loaded) >= KEY_1
        answer = ask(watched, round_).result(20)
        assert answer.variant == "full"
        check_alone(tiny, MODEL, answer, round_, WORDS)


def test_coming_and_going_keys_do_not_use_up_the_budget(
    tiny: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every load is measured to have grown the process; the shared arena is still only one."""
    readings = itertools.count(step=1_000)
    monkeypatch.setattr("engine.residency.loader.resident_bytes", lambda: next(readings))
    watched = WatchedEngine(tiny)
    both_keys = watched.stages.total_bytes(2)
    for _ in range(20):
        watched.pool.set_memory_budget(watched.stages.total_bytes(1))
        watched.stages.evict(0)
        watched.pool.set_memory_budget(both_keys)
        assert resident(watched) == ["full", "d3", "d2", "d1"]
    assert watched.stages.total_bytes(2) == both_keys
    watched.close()


def test_keys_leave_without_further_traffic(
    watched: WatchedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(watched, 0).result(20)
    evicted, evict = threading.Event(), watched.stages.evict

    def noted(keys_in_use: int) -> None:
        evict(keys_in_use)
        evicted.set()

    monkeypatch.setattr(watched.stages, "evict", noted)
    watched.pool.set_memory_budget(watched.stages.total_bytes(1))
    assert evicted.wait(20)
    assert not KEY_1 & set(watched.stages.loaded)


def test_a_budget_too_small_for_anything_changes_nothing(
    watched: WatchedEngine, tiny: Artifact
) -> None:
    with pytest.raises(LoadFailed, match="not even the first key"):
        watched.pool.set_memory_budget(1)
    answer = ask(watched, 5).result(20)
    assert answer.variant == "full"
    check_alone(tiny, MODEL, answer, 5, WORDS)


def test_draining_with_a_hundred_rows_in_flight(tiny: Artifact) -> None:
    """All of them are under way when it starts; each is answered, right, and once."""
    watched = WatchedEngine(tiny, caption_slots=100)
    ends: list[int] = []
    sent: dict[int, tuple[str, Future[Answer]]] = {}
    drained: list[bool] = []
    started: set[int] = set()
    watched.before_step = lambda seen: started.update(seen.ids)
    watched.gate.clear()
    for seed in range(100):
        words = sorted(QUESTIONS)[seed % 2]
        made = question(seed, words) if seed % 3 else CaptionInput(picture(seed), None)
        _, future = watched.send(made, Budget(max_latency_ms=25_000))
        future.add_done_callback(lambda _, seed=seed: ends.append(seed))  # type: ignore[misc]
        sent[seed] = (words, future)
    draining = threading.Thread(target=lambda: drained.append(watched.pool.drain(60)))
    draining.start()
    while not isinstance(refusal(watched), Draining):
        pass
    watched.gate.set()
    draining.join(60)
    assert drained == [True]
    for seed, (words, future) in sent.items():
        check_alone(tiny, MODEL, future.result(20), seed, words)
    assert sorted(ends) == list(range(100))
    answered = {k: v for k, v in request_counts(watched.pool).items() if k[1] == "ok"}
    assert sum(answered.values()) == 100
    assert len(started) == 100
    watched.close()


def refusal(watched: WatchedEngine) -> EngineError | None:
    try:
        request = watched.pool.admit("vqa", Budget(), watched.clock.time_s)
    except EngineError as error:
        return error
    watched.pool.cancel(request)
    return None
