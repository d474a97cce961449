"""Running one step of a batch: arrays in, arrays out, and which request failed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from artifact.stage import StageName
from engine.backends.arrays import AnyArray
from engine.clock import Clock
from engine.errors import BackendError, InferenceFailed
from engine.loop.faults import backend_error
from engine.requests.prediction import Predictor
from engine.requests.request import Request
from engine.residency.stages import StageSet
from engine.rows.part import RowPart
from engine.rows.row import gather, parts_of, scatter
from engine.rows.slots import Slots
from engine.telemetry import Telemetry

_LOG = logging.getLogger(__name__)


class Stepper:
    """Runs batches of requests through stages. Belongs to the engine's thread."""

    def __init__(
        self,
        stages: StageSet,
        slots: Slots,
        predictor: Predictor,
        clock: Clock,
        telemetry: Telemetry,
        max_batch: int,
    ) -> None:
        self._stages = stages
        self._max_batch = max_batch
        self._predictor = predictor
        self.slots = slots
        self._clock = clock
        self._telemetry = telemetry

    def run(
        self,
        stage: StageName,
        requests: Sequence[Request],
        steps: int,
        interrupted: Callable[[], bool],
    ) -> dict[int, BackendError]:
        """Run at most `steps` steps; return what ends a request, by id. The others have moved on.

        A batch that throws is tried again request by request, once, for the step that threw.
        """
        failed: dict[int, BackendError] = {}
        if stage.rides:
            error = self._ride(stage, requests, steps, interrupted)
        else:
            error = self._try(stage, requests)
        if error is not None:
            for request in requests:
                self.leave(request)
                error = self._try(stage, [request])
                if error is not None:
                    _LOG.error("request %d failed at %s: %s", request.id, stage, error)
                    failed[request.id] = error
        for request in requests if stage.answers else ():
            logits = request.row.logits
            finite = logits is not None and bool(np.isfinite(logits).all())
            if request.id not in failed and not finite:
                failed[request.id] = InferenceFailed(stage, "the logits are not finite")
        return failed

    def leave(self, request: Request) -> None:
        """Free the slots of a request that needs no further block in a batch."""
        for rider in request.row.riders:
            self.slots.release(rider)

    def _ride(
        self,
        stage: StageName,
        requests: Sequence[Request],
        steps: int,
        interrupted: Callable[[], bool],
    ) -> BackendError | None:
        """Run blocks on rows in their slots; on an error the rows are as after the step before."""
        took_s: list[float] = []

        def run(inputs: Mapping[str, AnyArray], into: Mapping[str, AnyArray]) -> None:
            start_s = self._clock.now_s()
            self._stages.run(stage, inputs, into)
            took_s.append(self._clock.now_s() - start_s)

        error = None
        try:
            batch = self.slots.seat([rider for request in requests for rider in request.row.riders])
            batch.ride(run, steps, interrupted)
        except Exception as problem:  # whatever a batch does, the loop must go on
            error = backend_error(problem, stage)
        self._count(stage, requests, took_s)
        return error

    def _try(self, stage: StageName, requests: Sequence[Request]) -> BackendError | None:
        """Run and take in one step; on an error the rows are as before."""
        parts = parts_of([request.row for request in requests])
        start_s = self._clock.now_s()
        try:
            scatter(*(self._called(stage, some) for some in self._batches(parts)))
        except Exception as problem:  # whatever a batch does, the loop must go on
            return backend_error(problem, stage)
        self._count(stage, requests, [self._clock.now_s() - start_s])
        return None

    def _batches(self, parts: Sequence[RowPart]) -> list[Sequence[RowPart]]:
        """Cut parts into batches; only rows that kept several stops have too many for one."""
        most = self._max_batch
        return [parts[start : start + most] for start in range(0, len(parts), most)]

    def _called(
        self, stage: StageName, parts: Sequence[RowPart]
    ) -> tuple[Sequence[RowPart], Mapping[str, AnyArray]]:
        inputs = gather(parts)
        return parts, self._stages.run(stage, inputs, self._stages.places(stage, inputs))

    def _count(
        self, stage: StageName, requests: Sequence[Request], took_s: Sequence[float]
    ) -> None:
        """Account for steps that were run, and move the requests on."""
        if not took_s:
            return
        weights = [1 if each.view.final else each.view.route.rows for each in requests]
        rows = sum(weights)
        expected_s, now = _expected_s(requests[0], rows), self._clock.now_s()
        for step_s in took_s:
            self._telemetry.step(rows)
            if expected_s > 0:
                self._predictor.times.add(step_s, expected_s, now)
        for request, weight in zip(requests, weights, strict=True):
            request.spend(stage, sum(took_s), weight / rows, weight * len(took_s))
            view = request.view
            if view.final:
                continue
            request.ran(expected_s * len(took_s), len(took_s))
            if request.elastic and view.route.at_stop[view.position]:
                request.row.bank()


def _expected_s(request: Request, rows: int) -> float:
    """Return the mean seconds of the call a request is at, in a batch of `rows` rows."""
    route = request.view.route
    fixed_s, row_s = route.head_line if request.view.final else route.lines[request.view.position]
    return fixed_s + row_s * rows
