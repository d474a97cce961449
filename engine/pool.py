"""EnginePool: the façade the server talks to (docs/architecture.md)."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Literal

from artifact.store import Artifact
from engine.clock import Clock, SystemClock
from engine.config import EngineConfig
from engine.errors import (
    Cancelled,
    CapacityError,
    DeadlineError,
    DeadlineExpired,
    DeadlineUnattainable,
    Draining,
    EngineError,
    InferenceFailed,
    LoadFailed,
    NotReady,
    RequestError,
)
from engine.opening.auto import open_chosen
from engine.opening.open import OpenedEngine
from engine.requests.admission import Known, shed_reason
from engine.requests.answers import Job
from engine.requests.row_maker import PICTURES
from engine.residency.stages import Progress
from engine.rows.caption.row import CaptionRow
from engine.telemetry import NO_VARIANT, Telemetry
from engine.types import Answer, Budget, Input, Offer, Outcome, Task, Ticket
from engine.wiring import wire


class EnginePool:
    """One artifact, loaded and checked, answering requests within their budgets. Thread-safe.

    The life of a request: `admit` takes a place or refuses at once; `submit` hands over the
    decoded picture and returns a future; `cancel` ends it early. Each ends exactly once.
    """

    def __init__(
        self,
        artifact: Artifact,
        config: EngineConfig,
        opened: OpenedEngine,
        telemetry: Telemetry,
        clock: Clock,
    ) -> None:
        self.artifact = artifact
        self.telemetry = telemetry
        self.backend = opened.backend
        self._config = config
        self._clock = clock
        self._stages = opened.stages
        self._budget_lock = threading.Lock()
        parts = wire(artifact, config, opened, telemetry, clock, self._done)
        self._ledger, self._planner, self._admission = parts.ledger, parts.planner, parts.admission
        self._intake, self._maker, self._executor = parts.intake, parts.maker, parts.executor
        self._offered = {(m.task, m.variant): m.quality for m in opened.family.members.values()}
        if config.beside_bytes is None:
            self.show()
        self._executor.start()
        self.ready = True

    @classmethod
    def open(
        cls,
        artifact: Artifact,
        config: EngineConfig,
        telemetry: Telemetry | None = None,
        clock: Clock | None = None,
        on_progress: Progress | None = None,
    ) -> EnginePool:
        """Load and warm every stage, check golden parity and quality, measure times; blocking.

        `on_progress(what, share)` is called on this thread.

        Raises:
            LoadFailed, ParityFailed: nothing stays loaded then.
        """
        opened = open_chosen(artifact, config, on_progress or (lambda what, share: None))
        try:
            return cls(artifact, config, opened, telemetry or Telemetry(), clock or SystemClock())
        except LoadFailed:  # a device without memory for keys and values
            opened.stages.close()
            raise

    def successor(self, artifact: Artifact, on_progress: Progress | None = None) -> EnginePool:
        """Open another artifact as this one was, while this one answers; blocking (ADR 0026).

        Both are in memory then, and each may take the whole memory budget. They share one
        telemetry: counters count for both, gauges show this one until the other's `show`.

        Raises:
            LoadFailed, ParityFailed: nothing of it stays loaded then, and this one is as before.
        """
        beside = dataclasses.replace(
            self._config,
            memory_budget_bytes=self._stages.budget_bytes,
            beside_bytes=self._stages.workspace_bytes,
        )
        return EnginePool.open(artifact, beside, self.telemetry, self._clock, on_progress)

    def show(self) -> None:
        """Let the gauges show this engine."""
        self.telemetry.watch_queue(self._ledger.waiting, self._ledger.request_bytes)
        self.telemetry.watch_stages(self._stages.loaded_bytes)
        self.telemetry.watch_keys(self._stages.keys, self._stages.key_bytes)
        self.telemetry.watch_budget(lambda: self._stages.budget_bytes)
        self.telemetry.watch_offers(self._offered)

    def admit(
        self,
        task: Task,
        budget: Budget,
        arrived_s: float,
        decode_s: float = 0.0,
        rows: int = 1,
        tokens: int | None = None,
        reply_s: float = 0.0,
    ) -> Ticket:
        """Take a place for a request before its picture is decoded.

        Args:
            task: what is asked.
            budget: what it may cost.
            arrived_s: when its head arrived, on the pool's clock.
            decode_s: predicted time until `submit`.
            rows: rows of a batch it takes; a caption needs a slot for each, its beams.
            tokens: of its text (see `check_question`), or most of a caption's, if that is known.
            reply_s: predicted time from the engine's answer until the caller has it.

        Raises:
            RequestError, CapacityError, DeadlineUnattainable: the request has ended then.
        """
        try:
            if not self.ready:
                raise NotReady
            known = Known(arrived_s, decode_s, rows, tokens, reply_s)
            return self._admission.take(task, budget, known, self._clock.now_s())
        except RequestError:
            self.telemetry.ended(task, NO_VARIANT, "invalid")
            raise
        except (CapacityError, DeadlineUnattainable) as error:
            self.telemetry.ended(task, NO_VARIANT, "refused")
            self.telemetry.shed(shed_reason(error))
            raise

    def check_question(self, question: str) -> int:
        """Refuse a question or a statement the model cannot read; needs no ticket.

        Returns:
            Its tokens, [BOS] and [EOS] counted.

        Raises:
            TextError: it is empty, or has more tokens than the model reads.
        """
        return self._intake.check_question(question)

    def check_caption(self, max_new_tokens: int | None, num_beams: int) -> None:
        """Refuse a caption that cannot be written; needs no ticket.

        Raises:
            InvalidInput: naming the field that is wrong.
        """
        self._intake.check_caption(max_new_tokens, num_beams)

    def submit(
        self, ticket: Ticket, request: Input, on_text: Callable[[str], None] | None = None
    ) -> Future[Answer]:
        """Hand over an admitted request; the future holds the answer or a typed error.

        `on_text` hears a greedy caption piece by piece, on the engine's thread, and must not block;
        joined, the pieces are the answer's text.

        Raises:
            InvalidInput: the input is wrong; DeadlineExpired: it came too late; Cancelled: the
                ticket has ended. The request has ended then.
        """
        place = self._ledger.claim(ticket.id)
        now = self._clock.now_s()
        if place is None:
            raise Cancelled
        try:
            if place.expires_s <= now:
                raise DeadlineExpired(now - ticket.arrived_s)
            job = self._intake.job(place, request, now, on_text)
        except Exception as error:  # whatever it is, the request has ended, and its caller is told
            late = isinstance(error, DeadlineExpired)
            if self._ledger.end(ticket.id, "expired" if late else "invalid") is not None:
                self._ledger.told()
            self._ledger.free(place)
            raise
        self._executor.submit(job)
        if self._ledger.find(ticket.id) is None:  # cancelled meanwhile
            self._executor.cancel(ticket.id)
        return place.future

    def cancel(
        self, ticket: Ticket, outcome: Literal["cancelled", "invalid"] = "cancelled"
    ) -> None:
        """End a request early: its place is free at once, its rows stop within one step.

        `invalid` counts a request whose picture turned out to be unreadable. Does nothing once
        the request has ended.
        """
        self._end(ticket.id, outcome, Cancelled())
        self._executor.cancel(ticket.id)

    def offers(self, task: Task | None = None) -> list[Offer]:
        """Return every variant of a task, or of all tasks, as it can be served now."""
        tasks = self.artifact.manifest.tasks if task is None else (task,)
        return [offer for each in tasks for offer in self._planner.offers(each)]

    def set_memory_budget(self, budget_bytes: int | None) -> None:
        """Change the byte budget of loaded stages; running rows finish on keys that must go.

        Raises:
            LoadFailed: if no variant would be left, or a key cannot be loaded again.
        """
        with self._budget_lock:
            self._stages.set_budget(budget_bytes)
        self._executor.wake()

    def drain(self, timeout_s: float) -> bool:
        """Take nothing new and wait until all has ended; False if something is left."""
        return self._ledger.drain(timeout_s)

    def close(self) -> None:
        """Stop. What is still open ends as cancelled, with Draining."""
        self.ready = False
        for ticket_id in self._ledger.close():
            self._end(ticket_id, "cancelled", Draining())
        self._executor.close()
        self._stages.close()

    def _end(self, ticket_id: int, outcome: Outcome, error: EngineError) -> None:
        place = self._ledger.end(ticket_id, outcome)
        if place is not None:
            place.future.set_exception(error)
            if place.submitted:
                self._ledger.told()

    def _done(self, job: Job, now: float, error: EngineError | None) -> None:
        """Resolve a job that ran to its end; called on the executor's thread."""
        ticket = job.place.ticket
        if error is None and ticket.budget.on_miss == "reject" and now > ticket.deadline_s:
            error = DeadlineExpired(now - ticket.arrived_s)
        if error is None:
            try:
                answer = self._maker.make(job, now)
            except Exception as problem:  # an answer that cannot be read fails its own request
                error = InferenceFailed("answer", repr(problem))
        if error is not None:
            outcome: Outcome = "expired" if isinstance(error, DeadlineError) else "error"
            self._end(job.id, outcome, error)
            return
        place = self._ledger.end(job.id, "late" if answer.deadline_met is False else "ok")
        if place is None:
            return
        pictures = PICTURES if ticket.task == "reason" else 1
        self.telemetry.answered(
            ticket.task, answer.variant, now - ticket.arrived_s, answer.degraded, pictures
        )
        self.telemetry.phases(answer.phases_s)
        if isinstance(job.row, CaptionRow):
            first_token_s = job.worded_s - ticket.arrived_s
            self.telemetry.caption(answer.variant, job.row.decoded, first_token_s)
        if job.listener is not None and answer.text is not None:
            job.listener.end(answer.text)
        place.future.set_result(answer)
        self._ledger.told()
