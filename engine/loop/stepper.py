"""Running one step of a batch: arrays in, arrays out, and what went wrong with whom."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from engine.backends.arrays import AnyArray
from engine.clock import Clock
from engine.errors import BackendError, InferenceFailed
from engine.requests.answers import Job
from engine.requests.prediction import Predictor
from engine.residency.stages import StageSet
from engine.rows.row import gather, scatter
from engine.rows.slots import Slots
from engine.telemetry import Telemetry

_LOG = logging.getLogger(__name__)


class Stepper:
    """Runs batches of jobs through stages. Belongs to the executor's thread."""

    def __init__(
        self,
        stages: StageSet,
        slots: Slots,
        predictor: Predictor,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._stages = stages
        self._predictor = predictor
        self._slots = slots
        self._clock = clock
        self._telemetry = telemetry

    def run(
        self, stage: str, jobs: Sequence[Job], steps: int, interrupted: Callable[[], bool]
    ) -> dict[int, BackendError]:
        """Run up to so many steps; return what ends which job (by id). The others have moved on.

        A batch that throws is tried again job by job, once, for the step that threw.
        """
        failed: dict[int, BackendError] = {}
        if stage.startswith("block["):
            error = self._ride(stage, jobs, steps, interrupted)
        else:
            error = self._try(stage, jobs)
        if error is not None:
            for job in jobs:
                self.leave(job)
                error = self._try(stage, [job])
                if error is not None:
                    _LOG.error("request %d failed at %s: %s", job.id, stage, error)
                    failed[job.id] = error
        for job in jobs:
            logits = job.row.logits
            if stage.startswith(("head[", "whole[")):
                finite = logits is not None and bool(np.isfinite(logits).all())
                if job.id not in failed and not finite:
                    failed[job.id] = InferenceFailed(stage, "the logits are not finite")
        return failed

    def leave(self, job: Job) -> None:
        """Free the slots of a job that needs no further block in a batch."""
        for rider in job.row.riders:
            self._slots.release(rider)

    def _ride(
        self, stage: str, jobs: Sequence[Job], steps: int, interrupted: Callable[[], bool]
    ) -> BackendError | None:
        """Run blocks on rows in their slots; on an error the rows are as after the step before."""
        took_s: list[float] = []

        def run(inputs: Mapping[str, AnyArray], into: Mapping[str, AnyArray]) -> None:
            start_s = self._clock.now_s()
            self._stages.run(stage, inputs, into)
            took_s.append(self._clock.now_s() - start_s)

        error = None
        try:
            batch = self._slots.seat([rider for job in jobs for rider in job.row.riders])
            batch.ride(run, steps, interrupted)
        except Exception as problem:  # whatever a batch does, the loop must go on
            error = typed(problem, stage)
        self._count(stage, jobs, took_s)
        return error

    def _try(self, stage: str, jobs: Sequence[Job]) -> BackendError | None:
        """Run and take in one step; on an error the rows are as before."""
        rows = [job.row for job in jobs]
        start_s = self._clock.now_s()
        try:
            inputs = gather(rows)
            scatter(rows, self._stages.run(stage, inputs, self._stages.places(stage, inputs)))
        except Exception as problem:  # whatever a batch does, the loop must go on
            return typed(problem, stage)
        self._count(stage, jobs, [self._clock.now_s() - start_s])
        return None

    def _count(self, stage: str, jobs: Sequence[Job], took_s: Sequence[float]) -> None:
        """Account for steps that were run, and move the jobs on."""
        if not took_s:
            return
        weights = [1 if job.view.final else job.view.route.rows for job in jobs]
        rows = sum(weights)
        expected_s = _expected_s(jobs[0], rows)
        for step_s in took_s:
            self._telemetry.step(rows)
            if expected_s > 0:
                self._predictor.spread.add(step_s / expected_s)
        for job, weight in zip(jobs, weights, strict=True):
            job.spend(stage, sum(took_s), weight / rows, weight * len(took_s))
            view = job.view
            if view.final:
                continue
            job.ran(sum(took_s), expected_s * len(took_s), len(took_s))
            if job.elastic and view.route.at_stop[view.position]:
                job.row.bank()


def _expected_s(job: Job, rows: int) -> float:
    """Return the mean seconds of the call a job is at, in a batch of so many rows."""
    route = job.view.route
    fixed_s, row_s = route.head_line if job.view.final else route.lines[job.view.position]
    return fixed_s + row_s * rows


def typed(problem: Exception, stage: str) -> BackendError:
    """Return what a step of a stage raised as an error of ours."""
    if isinstance(problem, BackendError):
        return problem
    _LOG.error("step %s", stage, exc_info=problem)
    return InferenceFailed(stage, repr(problem))
