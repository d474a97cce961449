"""What is known of one request, for its log line and its spans."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request

from artifact.task import TaskName
from engine.types import OnMiss
from server.answering.work import WorkResult
from server.observing.trace_context import TraceContext


@dataclass
class RequestRecord:
    """Made when a request arrives, filled in while it is served, read when it has ended.

    `arrived_s` is on the server's clock. `texts` are its questions or its statement, None until
    they have been read. `problem` is the last part of the type of the error it ended with.
    `when_over` is called when its answer is written, or will not be, with the time.
    """

    request_id: str
    arrived_s: float
    trace: TraceContext | None = None
    api_key: str | None = None
    task: TaskName | None = None
    on_miss: OnMiss | None = None
    texts: tuple[str, ...] | None = None
    result: WorkResult | None = None
    problem: str | None = None
    when_over: Callable[[float], None] | None = None

    def end(self, now: float) -> None:
        """Say that it is over; forget who was told, so that no cycle waits to be collected."""
        when_over, self.when_over = self.when_over, None
        if when_over is not None:
            when_over(now)


def record_of(request: Request) -> RequestRecord:
    """Return the record that the outermost middleware made of a request."""
    record: RequestRecord = request.scope["state"]["record"]
    return record
