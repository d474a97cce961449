"""Running one step of a batch: arrays in, arrays out, and what went wrong with whom."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from engine.clock import Clock
from engine.errors import BackendError, InferenceFailed
from engine.jobs import Job
from engine.prediction import Predictor
from engine.rows import VqaRow, gather, scatter
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

    def run(self, stage: str, jobs: Sequence[Job]) -> dict[int, BackendError]:
        """Run one step; return what ends which job (by id). The others have moved on.

        A batch that throws is tried again row by row, once.
        """
        failed: dict[int, BackendError] = {}
        if self._try(stage, jobs, riding=stage.startswith("block[")) is not None:
            for job in jobs:
                self.leave(job)
                error = self._try(stage, [job], riding=False)
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

    def _try(self, stage: str, jobs: Sequence[Job], riding: bool) -> BackendError | None:
        """Run and take in one step; on an error the rows are as before."""
        start_s = self._clock.now_s()
        try:
            if riding:
                self._ride(stage, jobs)
            else:
                rows = [job.row for job in jobs]
                scatter(rows, self._stages.run(stage, gather(rows)))
        except BackendError as error:
            return error
        except Exception as error:  # whatever a batch does, the loop must go on
            _LOG.exception("step %s", stage)
            return InferenceFailed(stage, repr(error))
        elapsed_s = self._clock.now_s() - start_s
        self._telemetry.step(len(jobs))
        expected_s = self._expected_s(jobs)
        if expected_s > 0:
            self._predictor.spread.add(elapsed_s / expected_s)
        for job in jobs:
            self._account(job, stage, elapsed_s, expected_s, len(jobs))
        return None

    def _expected_s(self, jobs: Sequence[Job]) -> float:
        """Return the mean seconds of the call these jobs are at."""
        view = jobs[0].view
        call = view.route.head_call if view.final else view.route.calls[view.position]
        fixed_s, row_s = self._predictor.line(*call) if call is not None else (0.0, 0.0)
        return fixed_s + row_s * len(jobs)

    def _ride(self, stage: str, jobs: Sequence[Job]) -> None:
        """Run a block on rows in their slots."""
        batch = self._slots.seat([job.row for job in jobs if isinstance(job.row, VqaRow)])
        self._stages.run(stage, batch.inputs(), batch.into())
        batch.absorb()

    def _account(
        self, job: Job, stage: str, elapsed_s: float, expected_s: float, rows: int
    ) -> None:
        job.spend(stage, elapsed_s, rows)
        view, trip = job.view, job.trip
        if view.final:
            return
        if trip is not None:
            trip.spent_s += elapsed_s
            trip.expected_s += expected_s
        job.moved()
        if isinstance(job.row, VqaRow) and job.elastic and view.route.at_stop[view.position]:
            job.row.bank()
