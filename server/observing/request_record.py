"""What is known of one request, for its log line and its spans."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request

from engine.types import OnMiss, Task
from server.answering.answerer import Finished
from server.observing.trace_context import TraceContext


@dataclass
class Facts:
    """Begun when a request arrives, filled in while it is served, read when it has ended.

    `arrived_s` is on the server's clock. `texts` are its questions or its statement, None until
    they have been read. `problem` is the last part of the type of the error it ended with.
    """

    request_id: str
    arrived_s: float
    trace: TraceContext | None = None
    api_key: str | None = None
    task: Task | None = None
    on_miss: OnMiss | None = None
    texts: tuple[str, ...] | None = None
    finished: Finished | None = None
    problem: str | None = None


def facts_of(request: Request) -> Facts:
    """Return what the outermost layer has begun to note of a request."""
    facts: Facts = request.scope["state"]["facts"]
    return facts
