"""Answers of lower variants are run again at the deepest one while the engine is idle."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping

import pytest

from artifact.store import Artifact
from engine.errors import InferenceFailed
from engine.loop.idle.audit import Audit
from engine.requests.audit_sample import AuditSample
from engine.tasks.caption import CaptionInput
from engine.tasks.reason import ReasonInput
from engine.tasks.vqa import VqaInput
from engine.types import Answer, Budget, Input, MadeBy
from tests.engine.artifacts.tiny_model import Array, picture
from tests.engine.pools import inside
from tests.engine.pools.watched_engine import WatchedEngine

UNTIL_S = 20


@pytest.fixture(autouse=True)
def no_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing has to be quiet before idle work begins, so that no test waits for that."""
    monkeypatch.setattr("engine.loop.idle.idle_time._QUIET_S", 0.001)


class Audited:
    """An engine that runs every answer of a lower variant again; waits for what is counted."""

    def __init__(self, artifact: Artifact) -> None:
        self.engine = WatchedEngine(artifact, audit_share=1.0)
        self.telemetry = self.engine.pool.telemetry
        self._counted = threading.Semaphore(0)
        count = self.telemetry.audited

        def audited(made_by: MadeBy, agrees: bool) -> None:
            count(made_by, agrees)
            self._counted.release()

        self.telemetry.audited = audited  # type: ignore[method-assign]

    def ask(self, made: Input, variant: str) -> Answer:
        return self.engine.send(made, Budget(variant=variant))[1].result(UNTIL_S)

    def wait(self, answers: int) -> None:
        for _ in range(answers):
            assert self._counted.acquire(timeout=UNTIL_S)

    @property
    def idle(self) -> bool:
        return inside.parts(self.engine.pool).requests.idle

    def counts(self) -> dict[tuple[str, str, bool], int]:
        """Return how many were compared, by task, variant and whether they agree."""
        found = {}
        for metric in self.telemetry.registry.collect():
            for sample in metric.samples if metric.name == "otmv_audited_answers" else ():
                labels = sample.labels
                if sample.name.endswith("_total") and sample.value:
                    key = labels["task"], labels["variant"], labels["agrees"] == "true"
                    found[key] = int(sample.value)
        return found

    def others(self) -> dict[tuple[str, str], float]:
        """Return every other count of the engine's."""
        return {
            (sample.name, str(sample.labels)): sample.value
            for metric in self.telemetry.registry.collect()
            for sample in metric.samples
            if metric.name.startswith("otmv_") and metric.name != "otmv_audited_answers"
        }


@pytest.fixture
def audited(trio: Artifact) -> Iterator[Audited]:
    made = Audited(trio)
    yield made
    made.engine.close()


def inputs(count: int) -> list[Input]:
    made: list[Input] = []
    for seed in range(count):
        made += [
            VqaInput(picture(seed), "what colour is red"),
            ReasonInput((picture(seed), picture(seed + 50)), "is red"),
            CaptionInput(picture(seed)),
        ]
    return made


def said(answer: Answer) -> str:
    return answer.text if answer.text is not None else answer.labels[0][0]


def by_hand(engine: Audited, asked: list[Input], variants: tuple[str, ...]) -> dict[object, int]:
    """Ask every variant, and the deepest, and count which say the same."""
    found: dict[object, int] = {}
    for made in asked:
        deepest = said(engine.ask(made, "full"))
        for variant in variants:
            key = made.task, variant, said(engine.ask(made, variant)) == deepest
            found[key] = found.get(key, 0) + 1
    return found


def test_what_is_counted_is_what_asking_the_deepest_variant_gives(audited: Audited) -> None:
    asked = inputs(4)
    expected = by_hand(audited, asked, ("d1", "d3"))
    audited.wait(2 * len(asked))
    assert audited.counts() == expected
    assert {agrees for _, _, agrees in expected} == {True, False}, "else the test shows nothing"
    assert {task for task, _, _ in expected} == {"vqa", "reason", "caption"}


def test_audited_runs_are_no_requests(audited: Audited) -> None:
    answered, go_on = threading.Event(), threading.Event()

    def hold(stage: str, arrays: Mapping[str, Array]) -> None:
        if audited.idle:
            answered.set()
            assert go_on.wait(UNTIL_S)

    audited.engine.during = hold
    audited.ask(inputs(1)[0], "d2")
    assert answered.wait(UNTIL_S)
    before = audited.others()
    go_on.set()
    audited.wait(1)
    assert audited.others() == before


def test_who_comes_between_two_calls_of_an_audit_changes_nothing(audited: Audited) -> None:
    asked = inputs(2)
    expected = by_hand(audited, asked, ("d1",))
    audited.wait(len(asked))
    newcomers = []
    sent = iter(range(100, 10_000))

    def send(stage: str, arrays: Mapping[str, Array]) -> None:
        if audited.idle and len(newcomers) < 20:
            made = CaptionInput(picture(next(sent)))
            newcomers.append((made, audited.engine.send(made, Budget(variant="full"))[1]))

    audited.engine.during = send
    for made in asked:
        audited.ask(made, "d1")
    audited.wait(len(asked))
    audited.engine.calm()
    assert len(newcomers) > 10
    assert audited.counts() == {key: 2 * count for key, count in expected.items()}
    for made, future in newcomers[::7]:
        assert said(future.result(UNTIL_S)) == said(audited.ask(made, "full"))
    assert inside.taken_slots(audited.engine.pool) == 0


def test_a_call_that_fails_costs_one_comparison(
    audited: Audited, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "engine.loop.idle")
    failed = threading.Event()

    def fail(stage: str, arrays: Mapping[str, Array]) -> None:
        if audited.idle and not failed.is_set():
            failed.set()
            raise InferenceFailed(stage, "once")

    audited.engine.during = fail
    for made in inputs(2)[::3]:
        audited.ask(made, "d1")
    audited.wait(1)
    assert failed.is_set()
    assert sum(audited.counts().values()) == 1
    assert "audit of a vqa answer" in caplog.text


def test_without_the_deepest_variant_nothing_is_compared(audited: Audited) -> None:
    pool, given = audited.engine.pool, inputs(1)[0]
    audit = inside.idle_works(pool)[1]
    assert isinstance(audit, Audit)
    again = audit._again
    assert again(given) is not None
    pool.set_memory_budget(inside.stages(pool).total_bytes(1))
    assert again(given) is None
    request, future = audited.engine.send(given, Budget(variant="d1"))
    sample = AuditSample(1.0, "full")
    sample.offer(request, future.result(UNTIL_S))
    audit = Audit(sample, again, audited.telemetry)
    assert audit.wanted()
    assert audit.piece()
    assert not audit.wanted()
    assert audited.counts() == {}


def test_without_a_share_nothing_is_kept(watched: WatchedEngine) -> None:
    watched.send(inputs(1)[0], Budget(variant="d1"))[1].result(UNTIL_S)
    assert len(inside.idle_works(watched.pool)) == 1
    names = [
        sample.name
        for metric in watched.pool.telemetry.registry.collect()
        for sample in metric.samples
    ]
    assert "otmv_audited_answers_total" not in names


def test_counts_begin_at_zero_for_every_lower_variant(audited: Audited) -> None:
    read = audited.telemetry.registry.get_sample_value
    for variant, value in (("d1", 0.0), ("d3", 0.0), ("full", None)):
        for agrees in ("true", "false"):
            labels = {"task": "reason", "variant": variant, "agrees": agrees}
            assert read("otmv_audited_answers_total", labels) == value
