"""The one loop of a device: snapshot, decide, apply (docs/scheduling.md)."""

from __future__ import annotations

import logging
import threading
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable
from itertools import takewhile

from engine.clock import Clock
from engine.elastic.decide import decide
from engine.elastic.rate import ArrivalRate
from engine.elastic.snapshot import Decision, RowView, Run, Snapshot, urgency
from engine.errors import BackendError, EngineError, InferenceFailed
from engine.loop.caption_rounds import Speaker
from engine.loop.stepper import Stepper
from engine.requests.answers import Job
from engine.requests.planner import Planner
from engine.requests.prediction import Predictor
from engine.requests.routes import WORD
from engine.requests.variants import Steering
from engine.residency.stages import StageSet
from engine.rows.caption.row import CaptionRow
from engine.telemetry import Telemetry

_LOG = logging.getLogger(__name__)

Done = Callable[[Job, float, EngineError | None], None]

PATIENCE_S = 30.0
"""What a request without a deadline is scheduled against, again and again until it is answered."""


class Executor:
    """Runs jobs on one thread until closed.

    There it calls `on_done` once for each job not cancelled, and before that `on_gone` once for
    every job, when nothing of it is left.
    """

    def __init__(
        self,
        stages: StageSet,
        stepper: Stepper,
        speaker: Speaker | None,
        steering: Steering,
        planner: Planner,
        predictor: Predictor,
        max_batch: int,
        clock: Clock,
        telemetry: Telemetry,
        on_done: Done,
        on_gone: Callable[[Job], None],
    ) -> None:
        self._stages = stages
        self._stepper = stepper
        self._speaker = speaker
        self._steering = steering
        self._planner = planner
        self._predictor = predictor
        self._max_batch = max_batch
        self._clock = clock
        self._telemetry = telemetry
        self._on_done = on_done
        self._on_gone = on_gone
        self._rate = ArrivalRate()
        self._jobs: dict[int, Job] = {}
        self._views: list[RowView] = []
        self._arrived: deque[Job] = deque()
        self._left: deque[int] = deque()
        self._woken = False
        self._closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._loop, name="otmv-engine", daemon=True)

    def start(self) -> None:
        """Start the loop."""
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Add a job."""
        with self._changed:
            self._arrived.append(job)
            self._changed.notify()

    def cancel(self, job_id: int) -> None:
        """Drop a job: before its next step, and without `on_done`."""
        with self._changed:
            self._left.append(job_id)
            self._changed.notify()

    def wake(self) -> None:
        """Look again: the resident keys may have changed."""
        with self._changed:
            self._woken = True
            self._changed.notify()

    def close(self) -> None:
        """Stop after the step in progress; jobs left are dropped without `on_done`."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join()

    def _loop(self) -> None:
        while self._take():
            decision = Decision(None)
            try:
                decision = decide(self._snapshot(), self._clock.now_s())
                self._apply(decision)
                if self._stages.can_evict(self._planner.keys_in_use):
                    self._stages.evict(self._planner.keys_in_use())
            except Exception as error:  # a fault of ours ends these requests, not the loop
                _LOG.exception("engine loop")
                for view in _touched(decision) or tuple(self._views):
                    if view.id in self._jobs:
                        self._finish(self._jobs[view.id], InferenceFailed("engine", repr(error)))

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
        for job in arrived:
            self._rate.add(self._clock.now_s())
            self._jobs[job.id] = job
            insort(self._views, job.view, key=urgency)
        for job_id in left:
            if job_id in self._jobs:
                self._remove(self._jobs[job_id])
        if woken:
            self._steering.route_again(
                [job for job in self._jobs.values() if not job.place.started]
            )
        return True

    @property
    def _interrupted(self) -> bool:
        return bool(self._arrived or self._left or self._woken or self._closing)

    def _snapshot(self) -> Snapshot:
        now = self._clock.now_s()
        overdue = takewhile(lambda view: view.deadline_s <= now, self._views)
        for view in [view for view in overdue if self._jobs[view.id].patient]:
            del self._views[bisect_left(self._views, urgency(view), key=urgency)]
            view.deadline_s = now + PATIENCE_S
            insort(self._views, view, key=urgency)
        correction = self._predictor.calls.high
        return Snapshot(
            self._views,
            self._max_batch,
            self._rate.hz(now),
            correction,
            self._predictor.spread.over(correction),
            crowded=self._planner.crowd(),
        )

    def _apply(self, decision: Decision) -> None:
        now = self._clock.now_s()
        for view in decision.expire:
            job = self._jobs[view.id]
            self._finish(job, self._steering.give_up(job, now))
        for view, route in decision.turn:
            self._steering.turn(self._jobs[view.id], route)
        for view in decision.final:
            job = self._jobs[view.id]
            self._stepper.leave(job)
            self._steering.settle(job, now, len(decision.final))
        if decision.run is not None:
            self._run(decision.run, now)

    def _run(self, run: Run, now: float) -> None:
        jobs = [self._jobs[view.id] for view in run.rows]
        starting = [job for job in jobs if not job.place.started]
        if starting and not self._start(starting, now, run.stage):
            return
        self._step(run.stage, jobs, run.steps)

    def _start(self, jobs: list[Job], now: float, stage: str) -> bool:
        """Let jobs begin; False if the decision must be made again."""
        refused = self._steering.plan(jobs, now)
        for job_id, error in refused.items():
            self._finish(self._jobs[job_id], error)
        if refused or any(job.view.route.calls[job.view.position][0] != stage for job in jobs):
            return False
        under_way = sum(view.position > 0 and not view.final for view in self._views)
        rows = sum(job.view.route.rows for job in jobs)
        batch = min(self._max_batch, rows + under_way)
        for job in jobs:
            self._steering.start(job, now, batch)
        return True

    def _step(self, stage: str, jobs: list[Job], steps: int) -> None:
        """Run steps until something happens, and hand out what has ended.

        Words come in rounds; while others wait too, the loop decides again within a round.
        """
        if stage == WORD[0] and self._speaker is not None:
            alone = len(jobs) == len(self._views)
            jobs, failed = self._speaker.run(jobs, lambda: self._interrupted or not alone)
        else:
            failed = self._stepper.run(stage, jobs, steps, lambda: self._interrupted)
        now = self._clock.now_s()
        for job in jobs:
            view = job.view
            if job.id in failed or job.done:
                self._finish(job, failed.get(job.id))
            elif job.trip is not None and view.route.passed[view.position]:
                self._predictor.learn(job.trip, now)
                job.trip = None

    def _finish(self, job: Job, error: EngineError | None) -> None:
        now = self._clock.now_s()
        self._remove(job)
        if job.trip is not None and not isinstance(error, BackendError):
            self._predictor.learn(job.trip, now)
        if error is None:
            self._steering.learn_length(job)
            if job.predicted_s > 0 and not job.place.lost:
                self._telemetry.prediction((now - job.started_s) / job.predicted_s)
        self._on_done(job, now, error)

    def _remove(self, job: Job) -> None:
        """Forget a job and count its work, once."""
        del self._jobs[job.id]
        del self._views[bisect_left(self._views, urgency(job.view), key=urgency)]
        self._stepper.leave(job)
        if isinstance(job.row, CaptionRow):
            job.row.leave()
        self._on_gone(job)
        ticket = job.place.ticket
        self._telemetry.work(ticket.task, job.place.variant, job.busy_s, job.blocks)


def _touched(decision: Decision) -> tuple[RowView, ...]:
    """Return the rows a decision is about."""
    ran = decision.run.rows if decision.run is not None else ()
    turned = tuple(view for view, _ in decision.turn)
    return (*decision.expire, *decision.final, *turned, *ran)
