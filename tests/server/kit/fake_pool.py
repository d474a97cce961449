"""A pool without an engine: follows the façade, answers from a rule, misbehaves on demand."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from artifact.errors import EmptyQuestion, QuestionTooLong
from artifact.store import Artifact
from artifact.task import TASKS, TaskName
from engine.clock import Clock, SystemClock
from engine.errors import (
    Draining,
    InvalidInput,
    LoadFailed,
    NoVariantFits,
    QueueFull,
    UnknownVariant,
)
from engine.requests.request import Request
from engine.residency.adapters.lease import LoadedAdapter
from engine.tasks.caption import CaptionInput
from engine.tasks.embed import EmbedImageInput, EmbedTextInput
from engine.tasks.vqa import VqaInput
from engine.types import Answer, Budget, Degraded, Input, Offer, Outcome
from server.engine_pool import OnText, Progress
from tests.server.kit.fake_adapters import FakeAdapters
from tests.server.kit.fake_artifact import OFFERS, fake_artifact, offer
from tests.server.kit.fake_memory import FakeMemory

LABELS = (("red", 0.75), ("blue", 0.2), ("two", 0.05))
SCORES = (0.875, 0.125)
"""Of the first labels of a task that has its own."""
MAX_BEAMS = 4


@dataclass
class FakePool:
    """Answers at once unless `hold` is set; then `release()` answers what waits.

    A caption's text comes in `pieces`, the first `early` of them before it is held or fails.
    """

    artifact: Artifact = field(default_factory=fake_artifact)
    clock: Clock = field(default_factory=SystemClock)
    limit: int = 64
    hold: bool = False
    pieces: tuple[str, ...] = ("a", " red", " circle")
    early: int = 0
    admit_error: Exception | None = None
    answer_error: Exception | None = None
    degraded_because: Degraded | None = None
    ready: bool = True
    stopped: bool = False
    silent_s: float = 0.0
    grace_s: float = math.inf
    draining: bool = False
    closed: bool = False
    shown: bool = False
    next: Callable[[Artifact, Progress], FakePool] | None = None
    memory: FakeMemory = field(default_factory=FakeMemory)
    shelf: FakeAdapters = field(default_factory=FakeAdapters)
    admitted: list[Request] = field(default_factory=list)
    decode_s: list[float] = field(default_factory=list)
    cancelled: list[tuple[Request, str]] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    outside: list[int] = field(default_factory=list)
    seen: list[Input] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.Condition()
        self._open: dict[int, Callable[[], None] | None] = {}

    def admit(
        self,
        task: TaskName,
        budget: Budget,
        arrived_s: float,
        decode_s: float = 0.0,
        rows: int = 1,
        tokens: int | None = None,
        reply_s: float = 0.0,
        adapter: str | None = None,
        outside: int = 0,
    ) -> Request:
        self.shelf.check(adapter)
        with self._lock:
            self._check_open()
            chosen = self._choose(budget)
            deadline_s = arrived_s + (budget.max_latency_ms or 30_000.0) / 1e3
            admitted = Request(
                id=len(self.admitted),
                task=TASKS[task],
                budget=budget,
                arrived_s=arrived_s,
                deadline_s=deadline_s,
                expires_s=deadline_s + self.grace_s,
                reply_s=reply_s,
                request_bytes=0,
                beams=rows,
                bucket=0,
                predicted_s=chosen.predicted_s,
                variant=chosen.variant,
                least=chosen.variant,
                keys=1,
                lost=False,
            )
            self.admitted.append(admitted)
            self.decode_s.append(decode_s)
            self.rows.append(rows)
            self.outside.append(outside)
            self._open[admitted.id] = None
            return admitted

    def _check_open(self) -> None:
        if self.draining:
            raise Draining
        if self.admit_error is not None:
            raise self.admit_error
        if len(self._open) >= self.limit:
            raise QueueFull(self.limit, 2.5)

    def check_question(self, question: str) -> int:
        if not question.strip():
            raise EmptyQuestion
        limit = self.artifact.manifest.text.max_question_tokens
        if len(question.split()) + 2 > limit:
            raise QuestionTooLong(len(question.split()) + 2, limit)
        return len(question.split()) + 2

    def check_caption(self, max_new_tokens: int | None, num_beams: int) -> None:
        if num_beams > MAX_BEAMS:
            raise InvalidInput("num_beams", f"this engine runs at most {MAX_BEAMS} beams")

    def submit(
        self, request: Request, given: Input, on_text: OnText | None = None
    ) -> Future[Answer]:
        side_px = self.artifact.manifest.config.image_size
        shown = given.pixels
        pictures = () if shown is None else shown if isinstance(shown, tuple) else (shown,)
        for pixels in pictures:
            assert pixels.shape == (side_px, side_px, 3)
            assert pixels.dtype == np.uint8
        future: Future[Answer] = Future()
        self.seen.append(given)
        tell = on_text or (lambda piece: None)
        for piece in self.pieces[: self.early]:
            tell(piece)

        def finish() -> None:
            if self.answer_error is not None:
                future.set_exception(self.answer_error)
                return
            for piece in self.pieces[self.early :]:
                tell(piece)
            future.set_result(self._answer(request, given))

        with self._lock:
            if self.hold:
                self._open[request.id] = finish
                self._lock.notify_all()
                return future
        finish()
        self._close(request.id)
        return future

    def cancel(self, request: Request, outcome: Outcome = "cancelled") -> None:
        self.cancelled.append((request, outcome))
        self._close(request.id)

    def release(self) -> None:
        """Answer everything that waits."""
        with self._lock:
            waiting = [(key, finish) for key, finish in self._open.items() if finish is not None]
            self.hold = False
        for key, finish in waiting:
            finish()
            self._close(key)

    def wait_for(self, condition: Callable[[FakePool], bool], timeout_s: float = 5.0) -> bool:
        """Block until `condition` holds; checked whenever something changes here."""
        with self._lock:
            return self._lock.wait_for(lambda: condition(self), timeout_s)

    @property
    def waiting(self) -> int:
        return sum(finish is not None for finish in self._open.values())

    @property
    def open_places(self) -> int:
        return len(self._open)

    def offers(self, task: TaskName | None = None) -> list[Offer]:
        made = (offer(name, depth, 0.9, task or "vqa") for name, depth in (("full", 4), ("d2", 2)))
        return [replace(each, resident=len(each.keys) <= self.memory.keys) for each in made]

    @property
    def memory_budget_bytes(self) -> int | None:
        return self.memory.budget_bytes

    @property
    def resident_bytes(self) -> int:
        return self.memory.resident_bytes

    def set_memory_budget(self, budget_bytes: int | None) -> None:
        self.memory.set_budget(budget_bytes)

    def successor(self, artifact: Artifact, on_progress: Progress) -> FakePool:
        on_progress("warming", 0.5)
        if self.next is None:
            raise LoadFailed("block[0]", "not a graph", "export the artifact again")
        return self.next(artifact, on_progress)

    def show(self) -> None:
        self.shown = True

    def adapters(self) -> Mapping[str, LoadedAdapter]:
        return self.shelf.loaded

    def load_adapter(self, folder: Path) -> LoadedAdapter:
        return self.shelf.load(folder)

    def drop_adapter(self, name: str) -> LoadedAdapter:
        return self.shelf.drop(name)

    def drain(self, timeout_s: float) -> bool:
        with self._lock:
            self.draining = True
            self._lock.notify_all()
            return self._lock.wait_for(lambda: not self._open, timeout_s)

    def close(self) -> None:
        self.closed = True

    def _close(self, key: int) -> None:
        with self._lock:
            self._open.pop(key, None)
            self._lock.notify_all()

    def _choose(self, budget: Budget) -> Offer:
        if budget.variant is not None and budget.variant not in OFFERS:
            raise UnknownVariant(budget.variant, tuple(OFFERS))
        allowed = [
            entry
            for entry in OFFERS.values()
            if budget.variant in (None, entry.variant)
            and (budget.min_quality is None or (entry.quality or 0) >= budget.min_quality)
            and (budget.max_memory_mb is None or entry.memory_bytes <= budget.max_memory_mb * 1e6)
        ]
        if not allowed:
            raise NoVariantFits(("min_quality or max_memory_mb",), OFFERS["d2"])
        return allowed[0]

    def _vectors(self, given: Input, variant: str) -> dict[str, NDArray[np.float32]]:
        """Return vectors that follow from what was asked, of the variant and those below it."""
        if not isinstance(given, EmbedImageInput | EmbedTextInput):
            return {}
        asked = given.text if isinstance(given, EmbedTextInput) else str(given.pixels.sum())
        drawn = np.random.default_rng([*asked.encode()]).standard_normal((2, 4))
        of_length_1 = (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)
        passed = ("d2", "full") if variant == "full" else ("d2",)
        kept = passed if given.every_stop else passed[-1:]
        return dict(zip(kept, of_length_1, strict=False))

    def _answer(self, request: Request, given: Input) -> Answer:
        chosen = OFFERS[request.variant]
        own = tuple(zip(request.task.labels or (), SCORES, strict=False))
        labels = LABELS[: given.top_k] if isinstance(given, VqaInput) else own
        is_caption = isinstance(given, CaptionInput)
        return Answer(
            task=request.task.name,
            variant=chosen.variant,
            executed=chosen.executed,
            bits=chosen.bits,
            executed_blocks=len(chosen.executed),
            quality=chosen.quality,
            predicted_s=chosen.predicted_s,
            deadline_met=True,
            degraded_because=self.degraded_because,
            labels=() if is_caption else labels,
            text="".join(self.pieces) if is_caption else None,
            text_tokens=len(self.pieces) if is_caption else 0,
            cut_off=is_caption and len(self.pieces) == given.max_new_tokens,
            vectors=self._vectors(given, chosen.variant),
            phases_s={"queue": 0.001, "stem": 0.002, "blocks": 0.003, "head": 0.0005},
        )
