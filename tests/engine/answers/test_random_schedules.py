"""Random schedules on real ONNX Runtime: what must hold whatever comes, and in whatever order.

Half of the schedules are played inside the engine's own stage calls, so that a seed gives the same
schedule again; in the other half another thread asks, cancels and resizes while the engine runs.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass

import pytest

from artifact.store import Artifact
from artifact.task import TaskName
from engine.errors import CapacityError, DeadlineError, EngineError, InferenceFailed, RequestError
from engine.requests.request import Request
from engine.tasks.caption import CaptionInput
from engine.tasks.reason import ReasonInput
from engine.types import Answer, Budget, Input
from tests.engine.answers.model_answers import QUESTIONS, check_alone, distance, question
from tests.engine.artifacts.forked_artifact import write_forked
from tests.engine.artifacts.reference_captions import words_alone
from tests.engine.artifacts.tiny_model import TRIO_MODEL, Array, picture
from tests.engine.pools import inside
from tests.engine.pools.caption_logits import free_slots, taken_slots
from tests.engine.pools.request_counts import request_counts
from tests.engine.pools.watched_engine import StepSeen, WatchedEngine

SURELY_LIVE_S = 5.0
"""A request that has as much time left is in time under any correction that can be learned."""


@dataclass
class SentRequest:
    request: Request
    seed: int
    words: str
    limit: int
    future: Future[Answer]
    memory_bytes: dict[str, int]
    beams: int = 1
    pieces: list[str] | None = None
    ends: int = 0
    cancelled_at: int | None = None


class RandomSchedule:
    """One schedule: asks, cancels, jumps of time, memory budgets and hiccups, from one seed."""

    def __init__(self, artifact: Artifact, seed: int) -> None:
        self.pick = pick = random.Random(seed)
        self.inside = seed % 2 == 0
        self.artifact = artifact
        self.grace_s = pick.choice((0.0, 0.02, 10.0))
        self.watched = WatchedEngine(
            artifact,
            max_batch=pick.randint(1, 8),
            queue_limit=pick.choice((5, 24, 64, 64)),
            grace_s=self.grace_s,
            default_latency_ms=pick.choice((None, 30_000.0)),
            caption_slots=pick.choice((None, None, 8, 12)),
        )
        self.slots = free_slots(self.watched)
        self.pool, self.clock = self.watched.pool, self.watched.clock
        self.watched.before_step, self.watched.during = self._before_step, self._during
        self.engine_pick = random.Random(-1 - seed)
        self.left = pick.randint(8, 20)
        self.offered = 0
        self.asked: dict[int, SentRequest] = {}
        self.wrong: list[str] = []

    def run(self) -> None:
        while self.left > 0:
            self._event()
            if self.inside:
                wait([asked.future for asked in list(self.asked.values())], 20)
        self._settle()
        kept = self.slots - free_slots(self.watched), taken_slots(self.watched)
        drained = self.pool.drain(20)
        self.watched.close()
        assert kept == (0, 0), f"{kept} slots of captions are kept for ever"
        assert drained, "a request waits for ever"
        assert not self.wrong, self.wrong

    def _settle(self) -> None:
        """Wait for all, and for one more: by then the engine has let go of all of them.

        Twice: an event inside the engine may have gone on asking.
        """
        for _ in range(2):
            wait([asked.future for asked in list(self.asked.values())], 20)
            self.offered += 1
            self.watched.send(question(0), Budget())[1].exception(20)

    def _event(self) -> None:
        self.left -= 1
        kind = self.pick.choice(("ask",) * 6 + ("cancel",) * 3 + ("grow",) * 2 + ("shrink",))
        if kind == "ask":
            for _ in range(self.pick.randint(1, 12)):
                self._ask()
        elif kind == "cancel" and self.asked:
            asked = self.pick.choice(list(self.asked.values()))
            self.pool.cancel(asked.request)
            if asked.cancelled_at is None:
                asked.cancelled_at = len(self.watched.steps)
        elif kind == "shrink":
            self.pool.set_memory_budget(self.watched.stages.total_bytes(1))
        elif kind == "grow":
            self.pool.set_memory_budget(None)

    def _ask(self) -> None:
        self.offered += 1
        pick = self.pick
        tasks = self.artifact.manifest.tasks
        task: TaskName = pick.choice(("vqa", "vqa", "vqa", "caption", "caption", tasks[-1]))
        seed, words = pick.randrange(10), pick.choice(sorted(QUESTIONS))
        memory = {o.variant: o.memory_bytes for o in self.pool.offers(task)}
        budget = Budget(
            max_latency_ms=pick.choice((None, None, 0.5, 4.0, 9.0, 20.0, 60.0, 500.0, 20_000.0)),
            max_memory_mb=pick.choice((None,) * 15 + (1e-6, memory["d2"] / 1e6)),
            min_quality=pick.choice((None,) * 7 + (0.7, 0.85)),
            variant=pick.choice((None,) * 12 + ("full", "d2", "d9")),
            on_miss=pick.choice(("degrade", "degrade", "reject")),
        )
        limit, beams = pick.choice((None, 1, 3, 100)), pick.choice((1, 1, 2, 3))
        pieces: list[str] | None = [] if pick.random() < 0.3 else None
        made: Input = question(seed, words)
        if task == "caption":
            made = CaptionInput(picture(seed), limit, beams)
        elif task == "reason":
            made = ReasonInput((picture(seed), picture(seed + 1)), words)
        try:
            rows = beams if task == "caption" else 1
            request = self.pool.admit(task, budget, self.clock.time_s, rows=rows)
            future = self.pool.submit(request, made, None if pieces is None else pieces.append)
        except (RequestError, CapacityError, DeadlineError):
            return
        told = pieces if task == "caption" else None
        asked = SentRequest(request, seed, words, limit or 6, future, memory, beams, told)
        self.asked[request.id] = asked
        future.add_done_callback(lambda _: setattr(asked, "ends", asked.ends + 1))

    def _during(self, stage: str, inputs: Mapping[str, Array]) -> None:
        """Inside a stage call: time passes, and in every second schedule things happen."""
        pick = self.engine_pick
        self.clock.time_s += pick.choice((0.0, 0.001, 0.001, 0.003))
        if pick.random() < 0.02:
            self.clock.time_s += pick.choice((0.01, 0.01, 0.1, 12.0))
        if self.inside and self.left > 0 and pick.random() < 0.3:
            self._event()
        # A statement that is tried again by itself is a batch of two.
        if pick.random() < 0.03 and len(next(iter(inputs.values()))) > 2:
            raise InferenceFailed(stage, "a hiccup of the whole batch")

    def _before_step(self, seen: StepSeen) -> None:
        """What must hold whenever a step begins. An exception here would only fail the rows."""
        say, steps = self.wrong.append, len(self.watched.steps)
        if len(set(seen.needs)) > 1 or seen.needs[0][0] != seen.stage:
            say(f"{seen.stage} ran rows that need {seen.needs}")
        if len(set(seen.ids)) < len(seen.ids):
            say("a row is in a step twice")
        asked = {number: self.asked.get(number) for number in seen.ids}
        # Another thread's cancel may come when the step is as good as begun.
        late = 0 if self.inside else 1
        for number, one in asked.items():
            if one and one.cancelled_at is not None and steps - 1 - one.cancelled_at > late:
                say(f"{number} was cancelled and still runs")
        known = inside.running(self.pool)
        if any(job.expires_s <= seen.now_s for job in known):
            say("a step began though a request's time was up")
        running = [job for job in known if job.id in asked]
        waits = [j.id for j in known if SURELY_LIVE_S < j.deadline_s - seen.now_s < 1e9]
        lost = all(job.deadline_s < seen.now_s for job in running)
        if waits and lost and not seen.stage.startswith("head"):
            say(f"best effort {seen.ids} ran while {waits} could be in time")

    def check(self) -> None:
        """What must hold once everything has ended."""
        assert sum(request_counts(self.pool).values()) == self.offered, "counted twice or never"
        for number, asked in self.asked.items():
            assert asked.ends == 1, "answered twice or never"
            error = asked.future.exception(0)
            if error is not None:
                assert isinstance(error, EngineError)
                assert not isinstance(error, InferenceFailed), "one hiccup may fail no request"
            else:
                self._check_answer(number, asked, asked.future.result(0))

    def _check_answer(self, number: int, asked: SentRequest, answer: Answer) -> None:
        budget, watched = asked.request.budget, self.watched
        assert budget.variant in (None, answer.variant)
        if budget.min_quality is not None:
            assert answer.quality is not None
            assert answer.quality >= budget.min_quality
        if budget.max_memory_mb is not None:
            assert asked.memory_bytes[answer.variant] <= budget.max_memory_mb * 1e6
        if budget.on_miss == "reject":
            assert answer.deadline_met is not False
        pattern = self.artifact.manifest.pattern(answer.variant)
        if answer.task == "caption":
            ran = watched.orders_of(number, "block_image[")
            assert ran[: len(answer.executed)] == answer.executed == pattern.executed
            limit = min(asked.limit, 6)
            words = words_alone(TRIO_MODEL, pattern, asked.seed, asked.beams, limit)
            assert answer.text == self.artifact.text_codec().decode(words)
            assert asked.pieces is None or "".join(asked.pieces) == answer.text
            return
        tokens = QUESTIONS[asked.words]
        if answer.task == "reason":
            pixels = picture(asked.seed), picture(asked.seed + 1)
            alone = TRIO_MODEL.reason(pattern, pixels, tokens)
        else:
            check_alone(self.artifact, TRIO_MODEL, answer, asked.seed, asked.words)
            alone = TRIO_MODEL.vqa(pattern, picture(asked.seed), tokens)
        assert distance(watched.logits[number], alone) <= 1e-5
        ran = watched.orders_of(number)  # it may have gone further and answered from a stop
        assert ran[: len(answer.executed)] == answer.executed
        deeper = [
            self.artifact.manifest.pattern(v.id).executed for v in self.artifact.manifest.variants
        ]
        assert any(ran == executed[: len(ran)] for executed in deeper)


@pytest.fixture(scope="module")
def forked(trio: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return write_forked(trio, tmp_path_factory.mktemp("forked") / "tiny")


@pytest.mark.parametrize("block", range(10))
def test_two_hundred_random_schedules(
    tiny: Artifact, trio: Artifact, forked: Artifact, block: int
) -> None:
    for seed in range(block * 20, block * 20 + 20):
        schedule = RandomSchedule((tiny, trio, forked, forked)[seed // 2 % 4], seed)
        try:
            schedule.run()
            schedule.check()
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error
