"""Running one step of a batch: arrays in, arrays out, and what went wrong with whom."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from engine.clock import Clock
from engine.errors import BackendError, InferenceFailed
from engine.jobs import Job
from engine.prediction import Predictor
from engine.rows import Array, VqaRow, gather, scatter
from engine.slots import Slots
from engine.stages import StageSet
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

        A batch that throws is tried again row by row, once, for the step that threw.
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
            if stage.startswith("head") or job.row.done:
                finite = logits is not None and bool(np.isfinite(logits).all())
                if job.id not in failed and not finite:
                    failed[job.id] = InferenceFailed(stage, "the logits are not finite")
        return failed

    def leave(self, job: Job) -> None:
        """Free the slot of a job that needs no further block in a batch."""
        if isinstance(job.row, VqaRow):
            self._slots.release(job.row)

    def _ride(
        self, stage: str, jobs: Sequence[Job], steps: int, interrupted: Callable[[], bool]
    ) -> BackendError | None:
        """Run blocks on rows in their slots; on an error the rows are as after the step before."""
        took_s: list[float] = []

        def run(inputs: Mapping[str, Array], into: Mapping[str, Array]) -> None:
            start_s = self._clock.now_s()
            self._stages.run(stage, inputs, into)
            took_s.append(self._clock.now_s() - start_s)

        error = None
        try:
            batch = self._slots.seat([job.row for job in jobs if isinstance(job.row, VqaRow)])
            batch.ride(run, steps, interrupted)
        except Exception as problem:  # whatever a batch does, the loop must go on
            error = _typed(problem, stage)
        self._count(stage, jobs, took_s)
        return error

    def _try(self, stage: str, jobs: Sequence[Job]) -> BackendError | None:
        """Run and take in one step; on an error the rows are as before."""
        rows = [job.row for job in jobs]
        start_s = self._clock.now_s()
        try:
            scatter(rows, self._stages.run(stage, gather(rows)))
        except Exception as problem:  # whatever a batch does, the loop must go on
            return _typed(problem, stage)
        self._count(stage, jobs, [self._clock.now_s() - start_s])
        return None

    def _count(self, stage: str, jobs: Sequence[Job], took_s: Sequence[float]) -> None:
        """Account for steps that were run, and move the jobs on."""
        if not took_s:
            return
        expected_s = self._expected_s(jobs)
        for step_s in took_s:
            self._telemetry.step(len(jobs))
            if expected_s > 0:
                self._predictor.spread.add(step_s / expected_s)
        for job in jobs:
            self._account(job, stage, took_s, expected_s, len(jobs))

    def _expected_s(self, jobs: Sequence[Job]) -> float:
        """Return the mean seconds of the call these jobs are at."""
        view = jobs[0].view
        call = view.route.head_call if view.final else view.route.calls[view.position]
        fixed_s, row_s = self._predictor.line(*call) if call is not None else (0.0, 0.0)
        return fixed_s + row_s * len(jobs)

    def _account(
        self, job: Job, stage: str, took_s: Sequence[float], expected_s: float, rows: int
    ) -> None:
        job.spend(stage, sum(took_s), rows, len(took_s))
        view, trip = job.view, job.trip
        if view.final:
            return
        if trip is not None:
            trip.spent_s += sum(took_s)
            trip.expected_s += expected_s * len(took_s)
        job.moved(len(took_s))
        if isinstance(job.row, VqaRow) and job.elastic and view.route.at_stop[view.position]:
            job.row.bank()


def _typed(problem: Exception, stage: str) -> BackendError:
    """Return what a step raised as an error of ours."""
    if isinstance(problem, BackendError):
        return problem
    _LOG.error("step %s", stage, exc_info=problem)
    return InferenceFailed(stage, repr(problem))
