"""The one loop of a device: snapshot, decide, apply (docs/scheduling.md)."""

from __future__ import annotations

import logging
import threading
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile

from artifact.stage import stage_name
from engine.clock import Clock
from engine.elastic.course import WORD
from engine.elastic.decide import decide
from engine.elastic.rate import ArrivalRate
from engine.elastic.snapshot import Decision, RowView, Run, Snapshot, urgency
from engine.errors import BackendError, EngineError, InferenceFailed
from engine.loop.caption_rounds import CaptionRounds
from engine.loop.stepper import Stepper
from engine.requests.open_requests import OpenRequests
from engine.requests.prediction import Predictor
from engine.requests.request import PATIENCE_S, Request
from engine.requests.variants import VariantSetter
from engine.residency.stages import StageSet
from engine.telemetry import Telemetry

_LOG = logging.getLogger(__name__)

Done = Callable[[Request, float, EngineError | None], None]


@dataclass(frozen=True)
class LoopParts:
    """What the loop works with; `captions` is None where no task writes."""

    stages: StageSet
    stepper: Stepper
    captions: CaptionRounds | None
    variants: VariantSetter
    requests: OpenRequests
    predictor: Predictor
    clock: Clock
    telemetry: Telemetry


class Executor:
    """Runs requests on one thread until closed.

    It calls `on_gone` for every request when nothing of it is left, then `on_done` if it was not
    cancelled.
    """

    def __init__(
        self, parts: LoopParts, max_batch: int, on_done: Done, on_gone: Callable[[Request], None]
    ) -> None:
        self.parts = parts
        self._max_batch = max_batch
        self._on_done = on_done
        self._on_gone = on_gone
        self._rate = ArrivalRate()
        self._requests: dict[int, Request] = {}
        self._views: list[RowView] = []
        self._arrived: deque[Request] = deque()
        self._left: deque[int] = deque()
        self._woken = False
        self._closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._loop, name="otmv-engine", daemon=True)

    def start(self) -> None:
        """Start the loop."""
        self._thread.start()

    def submit(self, request: Request) -> None:
        """Add a request."""
        with self._changed:
            self._arrived.append(request)
            self._changed.notify()

    def cancel(self, request_id: int) -> None:
        """Drop a request: before its next step, and without `on_done`."""
        with self._changed:
            self._left.append(request_id)
            self._changed.notify()

    def wake(self) -> None:
        """Look again: the resident keys may have changed."""
        with self._changed:
            self._woken = True
            self._changed.notify()

    def close(self) -> None:
        """Stop after the step in progress; requests left are dropped without `on_done`."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join()

    def _loop(self) -> None:
        while self._take():
            decision = Decision(None)
            try:
                decision = decide(self._snapshot(), self.parts.clock.now_s())
                self._apply(decision)
                if self.parts.stages.can_evict(self.parts.requests.keys):
                    self.parts.stages.evict(self.parts.requests.keys())
            except Exception as error:  # a fault of ours ends these requests, not the loop
                _LOG.exception("engine loop")
                for view in _touched(decision) or tuple(self._views):
                    if view.id in self._requests:
                        self._finish(
                            self._requests[view.id], InferenceFailed("engine", repr(error))
                        )

    def _take(self) -> bool:
        """Take in what has happened; sleep while there is nothing to do. False: closing."""
        with self._changed:
            while not (self._interrupted or self._views):
                self._changed.wait()
            if self._closing:
                return False
            arrived, self._arrived = self._arrived, deque()
            left, self._left = self._left, deque()
            woken, self._woken = self._woken, False
        for request in arrived:
            self._rate.add(self.parts.clock.now_s())
            self._requests[request.id] = request
            insort(self._views, request.view, key=urgency)
        for request_id in left:
            if request_id in self._requests:
                self._remove(self._requests[request_id])
        if woken:
            self.parts.variants.route_again(
                [request for request in self._requests.values() if not request.started]
            )
        return True

    @property
    def _interrupted(self) -> bool:
        return bool(self._arrived or self._left or self._woken or self._closing)

    def _snapshot(self) -> Snapshot:
        now = self.parts.clock.now_s()
        overdue = takewhile(lambda view: view.deadline_s <= now, self._views)
        for view in [view for view in overdue if not self._requests[view.id].has_deadline]:
            del self._views[bisect_left(self._views, urgency(view), key=urgency)]
            view.deadline_s = now + PATIENCE_S
            insort(self._views, view, key=urgency)
        correction = self.parts.predictor.calls.high
        return Snapshot(
            self._views,
            self._max_batch,
            self._rate.hz(now),
            correction,
            self.parts.predictor.spread.over(correction),
            crowded=self.parts.requests.crowd,
        )

    def _apply(self, decision: Decision) -> None:
        now = self.parts.clock.now_s()
        for view in decision.expire:
            request = self._requests[view.id]
            self._finish(request, self.parts.variants.give_up(request, now))
        for view, route in decision.turn:
            self.parts.variants.turn(self._requests[view.id], route)
        for view in decision.final:
            request = self._requests[view.id]
            self.parts.stepper.leave(request)
            self.parts.variants.settle(request, now, len(decision.final))
        if decision.run is not None:
            self._run(decision.run, now)

    def _run(self, run: Run, now: float) -> None:
        requests = [self._requests[view.id] for view in run.rows]
        starting = [request for request in requests if not request.started]
        if starting and not self._start(starting, now, run.stage):
            return
        self._step(run.stage, requests, run.steps)

    def _start(self, requests: list[Request], now: float, stage: str) -> bool:
        """Let requests begin; False if the decision must be made again."""
        refused = self.parts.variants.plan(requests, now)
        for request_id, error in refused.items():
            self._finish(self._requests[request_id], error)
        if refused or any(
            request.view.route.calls[request.view.position][0] != stage for request in requests
        ):
            return False
        under_way = sum(view.position > 0 and not view.final for view in self._views)
        rows = sum(request.view.route.rows for request in requests)
        batch = min(self._max_batch, rows + under_way)
        for request in requests:
            self.parts.variants.start(request, now, batch)
        return True

    def _step(self, stage: str, requests: list[Request], steps: int) -> None:
        """Run steps until something happens, and hand out what has ended.

        Words come in rounds; while others wait too, the loop decides again within a round.
        """
        if stage == WORD[0] and self.parts.captions is not None:
            alone = len(requests) == len(self._views)
            requests, failed = self.parts.captions.run(
                requests, lambda: self._interrupted or not alone
            )
        else:
            failed = self.parts.stepper.run(
                stage_name(stage), requests, steps, lambda: self._interrupted
            )
        now = self.parts.clock.now_s()
        for request in requests:
            view = request.view
            if request.id in failed or request.row.done:
                self._finish(request, failed.get(request.id))
            elif view.route.passed[view.position]:
                self._learn(request, now)

    def _finish(self, request: Request, error: EngineError | None) -> None:
        now = self.parts.clock.now_s()
        self._remove(request)
        if not isinstance(error, BackendError):
            self._learn(request, now)
        if error is None:
            self.parts.variants.learn_length(request)
            if request.answer_s > 0 and not request.lost:
                self.parts.telemetry.prediction((now - request.started_s) / request.answer_s)
        self._on_done(request, now, error)

    def _learn(self, request: Request, now: float) -> None:
        way = request.end_way()
        if way is not None:
            self.parts.predictor.learn(way, now)

    def _remove(self, request: Request) -> None:
        """Forget a request and count its work, once."""
        del self._requests[request.id]
        del self._views[bisect_left(self._views, urgency(request.view), key=urgency)]
        self.parts.stepper.leave(request)
        request.row.leave()
        self._on_gone(request)
        task, variant = request.task.name, request.variant
        self.parts.telemetry.work(task, variant, request.busy_s, request.blocks)


def _touched(decision: Decision) -> tuple[RowView, ...]:
    """Return the rows a decision is about."""
    ran = decision.run.rows if decision.run is not None else ()
    turned = tuple(view for view, _ in decision.turn)
    return (*decision.expire, *decision.final, *turned, *ran)
