"""How requests end: each once, with an answer or an error, counted and measured."""

from __future__ import annotations

from concurrent.futures import InvalidStateError

from engine.errors import DeadlineError, DeadlineExpired, EngineError, InferenceFailed
from engine.requests.answers import AnswerMaker
from engine.requests.audit_sample import AuditSample
from engine.requests.open_requests import OpenRequests
from engine.requests.request import Request
from engine.telemetry import Telemetry
from engine.types import Answer, Outcome


class Endings:
    """Resolves the futures of requests. Thread-safe."""

    def __init__(
        self,
        requests: OpenRequests,
        answer_maker: AnswerMaker,
        sample: AuditSample,
        telemetry: Telemetry,
    ) -> None:
        self._requests = requests
        self._answer_maker = answer_maker
        self._sample = sample
        self._telemetry = telemetry

    def end(self, request: Request, outcome: Outcome, error: Exception) -> None:
        """End a request with an error; does nothing if it has ended."""
        ended = True  # its caller hears also if the counting throws
        try:
            ended = self._requests.end(request, outcome)
        finally:
            if ended:
                self._tell(request, error)

    def fail(self, request: Request, error: EngineError) -> None:
        """End a request that a fault has met, also where the fault met it while it ended."""
        try:
            self._requests.end(request, "error")
        finally:
            self._tell(request, error)

    def done(self, request: Request, now: float, error: EngineError | None) -> None:
        """End a request that ran to its end: with its answer, or why it has none.

        Raises:
            Exception: whatever an instrument raises; `fail` is to follow then.
        """
        if error is None and request.budget.on_miss == "reject" and now > request.due_s:
            error = DeadlineExpired(now - request.arrived_s)
        if error is None:
            try:
                answer = self._answer_maker.make(request, now)
            except Exception as problem:  # an answer that cannot be read fails its own request
                error = InferenceFailed("answer", repr(problem))
        if error is not None:
            self.end(request, "expired" if isinstance(error, DeadlineError) else "error", error)
            return
        outcome: Outcome = "late" if answer.deadline_met is False else "ok"
        if not self._requests.end(request, outcome):
            return
        try:
            self._measure(request, answer, now)
            if request.stream is not None and answer.text is not None:
                request.stream.end(answer.text)
        finally:
            self._tell(request, answer)
        if request.adapter is None:  # the deepest variant would be run without it
            self._sample.offer(request, answer)

    def _tell(self, request: Request, what: Answer | Exception) -> None:
        """Resolve the future of a request that has ended, unless that was done."""
        try:
            if isinstance(what, Exception):
                request.future.set_exception(what)
            else:
                request.future.set_result(what)
        except InvalidStateError:  # another thread was first
            pass
        self._requests.answered(request)

    def _measure(self, request: Request, answer: Answer, now: float) -> None:
        """Let the instruments see an answer."""
        task, caption = request.task, request.row.caption
        self._telemetry.answered(
            task.name, answer.variant, now - request.arrived_s, answer.degraded, task.pictures
        )
        self._telemetry.phases(answer.phases_s)
        if answer.adapter is not None:
            self._telemetry.adapted(answer.adapter)
        if caption is not None:
            first_token_s = request.first_word_s - request.arrived_s
            self._telemetry.caption(answer.variant, caption.decoded, first_token_s)
