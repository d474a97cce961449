"""The one loop of a device: snapshot, decide, apply (docs/scheduling.md)."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from artifact.stage import stage_name
from engine.clock import Clock
from engine.elastic.course import WORD
from engine.elastic.decide import decide
from engine.elastic.rate import ArrivalRate
from engine.elastic.snapshot import Decision, Run, Snapshot
from engine.errors import BackendError, EngineError, EngineStopped, InferenceFailed
from engine.loop.caption_rounds import CaptionRounds
from engine.loop.idle.idle_time import IdleTime, IdleWork
from engine.loop.inbox import Inbox
from engine.loop.last_step import LastStep
from engine.loop.stepper import Stepper
from engine.loop.taken_in import TakenIn
from engine.requests.endings import Endings
from engine.requests.open_requests import OpenRequests
from engine.requests.prediction import Predictor
from engine.requests.request import Request
from engine.requests.variants import VariantSetter
from engine.residency.stages import StageSet
from engine.telemetry import Telemetry

_LOG = logging.getLogger(__name__)

ENGINE_THREAD = "otmv-engine"
_LAST_STEP_S = 10.0
_MOST_FAULTS = 16
"""Turns in a row that may throw and meet no request: then the loop itself is broken."""


@dataclass(frozen=True)
class LoopParts:
    """What the loop works with; `captions` is None where no task writes."""

    stages: StageSet
    stepper: Stepper
    captions: CaptionRounds | None
    variants: VariantSetter
    requests: OpenRequests
    endings: Endings
    predictor: Predictor
    clock: Clock
    telemetry: Telemetry


class Executor:
    """Runs requests on one thread until closed, and what can wait while there are none.

    It frees every request's slots when nothing of it is left, then ends it if it was not cancelled.
    A fault ends the requests it meets. One that meets the guard itself ends the thread, and every
    request: see `stopped`.
    """

    def __init__(
        self,
        parts: LoopParts,
        max_batch: int,
        late_worth: float = 0.0,
        idle_works: Sequence[IdleWork] = (),
    ) -> None:
        self.parts = parts
        self.taken_in = TakenIn()
        self.inbox = Inbox()
        self._idle_time = IdleTime(self.inbox, parts.requests, idle_works, parts.clock)
        self._max_batch = max_batch
        self._late_worth = late_worth
        self._rate = ArrivalRate()
        self._faults = 0
        self._last_step = LastStep(0.0)
        self._turn_began_s: float | None = None
        self._thread = threading.Thread(target=self._loop, name=ENGINE_THREAD, daemon=True)

    def start(self) -> None:
        """Start the loop."""
        self._thread.start()

    @property
    def stopped(self) -> bool:
        """Whether a fault has ended the thread."""
        return self.inbox.stopped or not (self.inbox.closing or self._thread.is_alive())

    @property
    def silent_s(self) -> float:
        """How long the turn under way has taken, seconds; 0 while there is nothing to do.

        A piece of idle work counts while a request waits for its end.
        """
        began_s = self._turn_began_s  # read once: another thread writes it
        if began_s is None:
            return self._idle_time.silent_s
        return self.parts.clock.now_s() - began_s

    def submit(self, request: Request) -> None:
        """Add a request.

        Raises:
            EngineStopped: nothing runs any more.
        """
        self.inbox.add(request)

    def cancel(self, request_id: int) -> None:
        """Drop a request before its next step; its caller has been told."""
        self.inbox.cancel(request_id)

    def wake(self) -> None:
        """Look again: the resident keys may have changed."""
        self.inbox.wake()

    def close(self) -> bool:
        """Stop after the step in progress; requests left are dropped, their callers were told.

        Returns whether the thread has ended: a step that never ends keeps it.
        """
        self.inbox.close()
        if self._thread.is_alive():
            self._thread.join(_LAST_STEP_S)
        return not self._thread.is_alive()

    def _loop(self) -> None:
        try:
            while self._turn():
                pass
        except BaseException as error:  # whatever ends this thread, every caller hears
            self._stop(error)

    def _turn(self) -> bool:
        """Take in, decide and apply once; a fault ends the requests it meets. False: closing."""
        decision = Decision(None)
        try:
            if not self._take():
                return False
            decision = decide(self._snapshot(), self.parts.clock.now_s())
            self._apply(decision)
            if self.parts.stages.can_evict(self.parts.requests.keys):
                self.parts.stages.evict(self.parts.requests.keys())
            self._faults = 0
        except Exception as error:  # a fault of ours ends these requests, not the loop
            self._recover(decision, error)
        finally:
            self._turn_began_s = None
        return True

    def _recover(self, decision: Decision, error: Exception) -> None:
        """End the requests of a decision that was not carried through; without one, all.

        Raises:
            Exception: nothing can be ended or mended any more.
        """
        _LOG.error("engine loop", exc_info=error)
        self.taken_in.mend()
        met = self.taken_in.of(decision.rows)
        if self.parts.captions is not None and decision.run and decision.run.stage == WORD[0]:
            met += self.taken_in.of(each.view for each in self.parts.captions.drop())
        met = met or list(self.taken_in.requests.values())
        for request in met:
            self._fail(request, error)
        self._faults = 0 if met else self._faults + 1
        if self._faults > _MOST_FAULTS:
            raise error

    def _stop(self, error: BaseException) -> None:
        """End every request, also one not taken in yet: the thread ends, and nothing runs."""
        self.inbox.stop()
        _LOG.critical("the engine has stopped", exc_info=error)
        for request in self.parts.requests.close():
            try:
                self.parts.requests.free(request)
                self.parts.endings.fail(request, EngineStopped())
            except Exception:  # the others hear too
                _LOG.exception("request %d: its end", request.id)

    def _take(self) -> bool:
        """Take in what has happened; sleep while there is nothing to do. False: closing."""
        inbox = self.inbox
        if not self.taken_in.views:
            self._idle_time.wait()
        self._turn_began_s = self.parts.clock.now_s()
        if inbox.closing:
            return False
        woken = inbox.was_woken()
        while inbox.arrived:
            self._guarded(self._take_in, inbox.arrived[0])
            inbox.arrived.popleft()
        while inbox.left:
            gone = self.taken_in.requests.get(inbox.left[0])
            if gone is not None:
                self._guarded(self._drop, gone)
            inbox.left.popleft()
        if woken:
            for request in list(self.taken_in.requests.values()):
                self._guarded(self._route_again, request)
        return True

    def _guarded(self, do: Callable[[Request], None], request: Request) -> None:
        """Do something with one request; if that throws, the request ends, and nothing else."""
        try:
            do(request)
        except Exception as error:  # a fault of ours
            self._fail(request, error)

    def _take_in(self, request: Request) -> None:
        if request.future.done():  # it was cancelled, or a fault has met it, before it came here
            self._drop(request)
            return
        self._rate.add(self.parts.clock.now_s())
        self.taken_in.add(request)

    def _route_again(self, request: Request) -> None:
        if not request.started:
            self.parts.variants.route_again([request])

    def _snapshot(self) -> Snapshot:
        now = self.parts.clock.now_s()
        self.taken_in.prolong(now)
        chances = self.parts.predictor.times.chances
        return Snapshot(
            self.taken_in.views,
            self._max_batch,
            self._rate.hz(now),
            chances.level,
            chances,
            self._late_worth,
            crowded=self.parts.requests.crowd,
        )

    def _apply(self, decision: Decision) -> None:
        now = self.parts.clock.now_s()
        for view in decision.expire:
            request = self.taken_in.requests[view.id]
            self._finish(request, self.parts.variants.give_up(request, now))
        for view, route in decision.turn:
            self.parts.variants.turn(self.taken_in.requests[view.id], route)
        gave_way = {view.id for view in decision.gave_way}
        for view in decision.final:
            request = self.taken_in.requests[view.id]
            self.parts.stepper.leave(request)
            if request.elastic:
                together = min(len(decision.final), self._max_batch)
                request.on_time_chance = self._last_step.on_time_chance(request, together)
            self.parts.variants.settle(request, now, len(decision.final), view.id in gave_way)
        if decision.run is not None:
            self._run(decision.run, now)

    def _run(self, run: Run, now: float) -> None:
        requests = [self.taken_in.requests[view.id] for view in run.rows]
        starting = [request for request in requests if not request.started]
        if starting and not self._start(starting, now, run.stage):
            return
        if run.stage != WORD[0] and not run.rows[0].final:
            self._last_step = LastStep.of(run, now, self.parts.predictor.times.chances)
        self._step(run.stage, requests, run.steps)

    def _start(self, requests: list[Request], now: float, stage: str) -> bool:
        """Let requests begin; False if the decision must be made again."""
        refused = self.parts.variants.plan(requests, now)
        for request_id, error in refused.items():
            self._finish(self.taken_in.requests[request_id], error)
        if refused or any(
            request.view.route.calls[request.view.position][0] != stage for request in requests
        ):
            return False
        under_way = sum(view.position > 0 and not view.final for view in self.taken_in.views)
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
            alone = len(requests) == len(self.taken_in.views)
            requests, failed = self.parts.captions.run(
                requests, lambda: self.inbox.filled or not alone
            )
        else:
            failed = self.parts.stepper.run(
                stage_name(stage), requests, steps, lambda: self.inbox.filled
            )
        now = self.parts.clock.now_s()
        for request in requests:
            view = request.view
            if request.awaits_first_word and request.text_begun:
                self._first_word(request, now)
            if request.id in failed or request.row.done:
                self._finish(request, failed.get(request.id))
            elif view.route.passed[view.position]:
                self._learn(request, now)

    def _first_word(self, request: Request, now: float) -> None:
        """Schedule a request by its answer's deadline from now on."""
        self._learn(request, now)
        self.parts.variants.first_word(request, now)
        self.taken_in.first_word_came(request, now)

    def _finish(self, request: Request, error: EngineError | None) -> None:
        """End a request, with its answer or why it has none; if that throws, as a fault of ours."""
        try:
            now = self.parts.clock.now_s()
            self._drop(request)
            if not isinstance(error, BackendError):
                self._learn(request, now)
            if request.on_time_chance is not None and not isinstance(error, BackendError):
                met = error is None and now <= request.deadline_s
                self.parts.telemetry.came_true(request.on_time_chance, met)
            if error is None:
                self.parts.variants.learn_length(request)
                if request.answer_s > 0 and not request.lost:
                    ratio = (now - request.started_s) / request.answer_s
                    self.parts.telemetry.prediction(ratio)
            self.parts.endings.done(request, now, error)
        except Exception as problem:  # its caller hears all the same
            self._fail(request, problem)

    def _fail(self, request: Request, problem: Exception) -> None:
        """End a request that a fault has met, as far as it has not ended.

        Raises:
            Exception: it cannot let go of what it holds; its caller has heard then.
        """
        _LOG.error("request %d: a fault ends it", request.id, exc_info=problem)
        error = problem
        if not isinstance(error, EngineError):
            error = InferenceFailed("engine", repr(problem))
        try:
            self._forget(request)
        finally:
            self.parts.endings.fail(request, error)

    def _learn(self, request: Request, now: float) -> None:
        way = request.end_way()
        if way is not None:
            self.parts.predictor.learn(way, now)

    def _drop(self, request: Request) -> None:
        """Let go of a request and count its work."""
        self._forget(request)
        self.parts.telemetry.work(*request.labels, request.busy_s, request.blocks)

    def _forget(self, request: Request) -> None:
        """Give back all that a request holds; again does nothing."""
        self.taken_in.remove(request)
        self.parts.stepper.leave(request)
        request.row.leave()
        self.parts.requests.free(request)
