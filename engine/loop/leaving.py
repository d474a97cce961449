"""How requests leave the loop: whatever throws meanwhile, each caller hears once."""

from __future__ import annotations

import logging

from engine.errors import BackendError, EngineError, EngineStopped, InferenceFailed
from engine.loop.parts import LoopParts
from engine.loop.taken_in import TakenIn
from engine.requests.request import Request

_LOG = logging.getLogger(__name__)


class Leaving:
    """Lets requests go and ends them. Belongs to the engine's thread."""

    def __init__(self, parts: LoopParts, taken_in: TakenIn) -> None:
        self._parts = parts
        self._taken_in = taken_in

    def finish(self, request: Request, error: EngineError | None) -> None:
        """End a request, with its answer or why it has none; if that throws, as a fault of ours."""
        try:
            self._end(request, error)
        except Exception as problem:  # its caller hears all the same
            self.fail(request, problem)

    def drop(self, request: Request) -> None:
        """Let go of a request whose caller has been told, and count its work."""
        self._forget(request)
        self._parts.telemetry.work(*request.labels, request.busy_s, request.blocks)

    def fail(self, request: Request, problem: Exception) -> None:
        """End a request that a fault has met, as far as it has not ended.

        Raises:
            Exception: it cannot let go of what it holds; its caller has heard then.
        """
        _LOG.error("request %d: a fault ends it", request.id, exc_info=problem)
        known = isinstance(problem, EngineError)
        error = problem if known else InferenceFailed("engine", repr(problem))
        try:
            self._forget(request)
        finally:
            self._parts.endings.fail(request, error)

    def fail_all(self) -> None:
        """End every open request, also those that have not been taken in: nothing runs any more."""
        for request in self._parts.requests.close():
            try:
                self._parts.requests.free(request)
                self._parts.endings.fail(request, EngineStopped())
            except Exception:  # the others hear too
                _LOG.exception("request %d: its end", request.id)

    def learn(self, request: Request, now: float) -> None:
        """Learn how long a way to a first answer took."""
        way = request.end_way()
        if way is not None:
            self._parts.predictor.learn(way, now)

    def _end(self, request: Request, error: EngineError | None) -> None:
        now = self._parts.clock.now_s()
        self.drop(request)
        if not isinstance(error, BackendError):
            self.learn(request, now)
        if error is None:
            self._parts.variants.learn_length(request)
            if request.answer_s > 0 and not request.lost:
                self._parts.telemetry.prediction((now - request.started_s) / request.answer_s)
        self._parts.endings.done(request, now, error)

    def _forget(self, request: Request) -> None:
        """Give back all that a request holds; again does nothing."""
        self._taken_in.remove(request)
        self._parts.stepper.leave(request)
        request.row.leave()
        self._parts.requests.free(request)
