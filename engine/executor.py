"""The one loop of a device: snapshot, decide, run a step, hand out (docs/architecture.md)."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable

import numpy as np

from engine.clock import Clock
from engine.errors import (
    BackendError,
    DeadlineExpired,
    DeadlineUnattainable,
    EngineError,
    InferenceFailed,
)
from engine.family import Family
from engine.jobs import Job
from engine.planner import Planner
from engine.prediction import Predictor
from engine.rows import gather, scatter
from engine.scheduler import Snapshot, decide
from engine.stages import StageSet
from engine.telemetry import Telemetry

_LOG = logging.getLogger(__name__)

Done = Callable[[Job, float, EngineError | None], None]


class Executor:
    """Runs jobs on one thread until closed; calls `on_done` there, once per job not cancelled."""

    def __init__(
        self,
        family: Family,
        stages: StageSet,
        planner: Planner,
        predictor: Predictor,
        max_batch: int,
        clock: Clock,
        telemetry: Telemetry,
        on_done: Done,
    ) -> None:
        self._family = family
        self._stages = stages
        self._planner = planner
        self._predictor = predictor
        self._max_batch = max_batch
        self._clock = clock
        self._telemetry = telemetry
        self._on_done = on_done
        self._jobs: dict[int, Job] = {}
        self._running: frozenset[int] = frozenset()
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._loop, name="otmv-engine", daemon=True)

    def start(self) -> None:
        """Start the loop."""
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Add a job."""
        with self._changed:
            self._jobs[job.id] = job
            self._changed.notify()

    def cancel(self, job_id: int) -> None:
        """Drop a job: before its next step, and without `on_done`."""
        with self._changed:
            job = self._jobs.pop(job_id, None)
            if job is not None and job_id not in self._running:
                self._flush(job)
            self._changed.notify()

    def wake(self) -> None:
        """Look again: the resident keys may have changed."""
        with self._changed:
            self._changed.notify()

    def close(self) -> None:
        """Stop after the step in progress; jobs left are dropped without `on_done`."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join()

    def _loop(self) -> None:
        while (work := self._next()) is not None:
            expired, batch = work
            try:
                self._round(expired, batch)
            except Exception as error:  # a fault of ours ends these requests, not the loop
                _LOG.exception("engine loop")
                for job in (*expired, *batch):
                    self._finish(job, self._clock.now_s(), InferenceFailed("engine", repr(error)))
            self._settle(batch)

    def _round(self, expired: list[Job], batch: list[Job]) -> None:
        for job in expired:
            now = self._clock.now_s()
            self._finish(job, now, DeadlineExpired(now - job.place.ticket.arrived_s))
        if batch and self._ready_to_run(batch):
            self._step(batch)
        if self._stages.can_evict(self._planner.keys_in_use):
            self._stages.evict(self._planner.keys_in_use())

    def _settle(self, batch: list[Job]) -> None:
        """End a round: count the work of rows that were cancelled while they ran."""
        with self._changed:
            self._running = frozenset()
            for job in batch:
                if job.id not in self._jobs:
                    self._flush(job)

    def _next(self) -> tuple[list[Job], list[Job]] | None:
        """Wait for something to do; None when closing."""
        with self._changed:
            while not self._closing:
                rows = tuple(job.view() for job in self._jobs.values())
                decision = decide(Snapshot(rows, self._max_batch), self._clock.now_s())
                if decision.run is not None or decision.expire:
                    chosen = decision.run.rows if decision.run is not None else ()
                    self._running = frozenset(chosen)
                    expired = [self._jobs[i] for i in decision.expire]
                    return expired, [self._jobs[i] for i in chosen]
                if self._stages.can_evict(self._planner.keys_in_use):
                    return [], []
                self._changed.wait()
        return None

    def _ready_to_run(self, batch: list[Job]) -> bool:
        """Make the variants of newcomers final; False if the decision must be made again."""
        newcomers = [job for job in batch if not job.planned]
        if not newcomers:
            return True
        now = self._clock.now_s()
        backlog = self._planner.backlog(now, self._running)
        stage = batch[0].row.step.stage
        again = False
        for job in newcomers:
            again |= not self._plan(job, now, backlog.before_s, len(batch))
            again |= job.row.step.stage != stage
        return not again

    def _plan(self, job: Job, now: float, before_s: Callable[[float], float], batch: int) -> bool:
        """Choose the variant at the first step; False if the row lost its deadline or its place."""
        place, ticket = job.place, job.place.ticket
        slack_s = ticket.deadline_s - now
        try:
            choice = self._planner.plan(
                ticket.task,
                ticket.budget,
                slack_s,
                0.0 if math.isinf(slack_s) else before_s(ticket.deadline_s),
                bucket=job.text_bucket,
                batch=batch,
                words=job.words,
                admitted=place.variant,
            )
        except DeadlineUnattainable as error:
            self._finish(job, now, error)
            return False
        if choice.variant != place.variant:
            self._family.change_variant(job.row, choice.variant)
            place.variant = choice.variant
        job.planned, job.degraded = True, choice.degraded
        job.predicted_s = choice.service_s
        bucket = job.text_bucket
        job.mean_s = self._predictor.mean_s(ticket.task, choice.variant, bucket, batch, job.words)
        newly_lost = choice.lost and not place.lost
        place.lost = choice.lost
        job.moved()
        return not newly_lost

    def _step(self, batch: list[Job]) -> None:
        """Run one step; a batch that throws is tried again row by row, once."""
        stage = batch[0].row.step.stage
        for job in batch:
            self._mark_started(job)
        if self._try(stage, batch) is not None:
            for job in batch:
                error = self._try(stage, [job])
                if error is not None:
                    _LOG.error("request %d failed at %s: %s", job.id, stage, error)
                    self._finish(job, self._clock.now_s(), error)

    def _mark_started(self, job: Job) -> None:
        if job.place.started:
            return
        now = self._clock.now_s()
        job.place.started = True
        job.started_s = now
        slack_s = job.place.ticket.deadline_s - now - job.predicted_s
        self._telemetry.started(now - job.submitted_s, None if math.isinf(slack_s) else slack_s)

    def _try(self, stage: str, batch: list[Job]) -> BackendError | None:
        """Run and take in one step; on an error the rows are as before."""
        rows = [job.row for job in batch]
        start_s = self._clock.now_s()
        try:
            outputs = self._stages.run(stage, gather(rows))
            scatter(rows, outputs)
        except BackendError as error:
            return error
        except Exception as error:  # whatever a batch does, the loop must go on
            _LOG.exception("step %s", stage)
            return InferenceFailed(stage, repr(error))
        now = self._clock.now_s()
        self._telemetry.step(len(batch))
        for index, job in enumerate(batch):
            job.spend(stage, now - start_s, len(batch))
            job.moved()
            if "logits" in outputs and not np.isfinite(outputs["logits"][index]).all():
                self._finish(job, now, InferenceFailed(stage, "the logits are not finite"))
            elif job.row.done:
                self._finish(job, now, None)
        return None

    def _finish(self, job: Job, now: float, error: EngineError | None) -> None:
        self._flush(job)
        with self._changed:
            known = self._jobs.pop(job.id, None) is not None
        if not known:
            return
        if job.place.started and not job.place.lost and not isinstance(error, BackendError):
            self._predictor.learn(job.row, now - job.started_s, job.mean_s, now)
            if error is None and job.predicted_s > 0:
                self._telemetry.prediction((now - job.started_s) / job.predicted_s)
        self._on_done(job, now, error)

    def _flush(self, job: Job) -> None:
        """Count a job's work, once."""
        ticket = job.place.ticket
        self._telemetry.work(ticket.task, job.place.variant, job.busy_s, job.blocks)
        job.busy_s, job.blocks = 0.0, 0
