"""uvicorn's HTTP protocol with what it lacks: limits on slow clients, problems as JSON."""

from __future__ import annotations

import asyncio
import logging
import secrets
import sys
from http import HTTPStatus
from typing import cast

from starlette.exceptions import HTTPException
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from engine.telemetry import Telemetry
from server.configuration.settings import Settings
from server.errors import HeadTooSlow, TooManyConnections
from server.errors.problem_json import problem_response
from server.errors.statuses import classify
from server.http.closed_transport import ForgivingTransport

_log = logging.getLogger("otmv.server")
_AFTER_BODY_S = 5.0
"""The route refuses a slow body itself: only what it does not read comes to this limit."""


class LimitedProtocol(HttpToolsProtocol):
    """One connection. A request must arrive within limits, whether a route reads it or not.

    uvicorn has no such limits: a client that sends a byte now and then could stay connected for
    ever, in the head of a request or in the rest of a body that was refused unread.
    """

    head_timeout_s: float
    body_timeout_s: float
    most_connections: int
    telemetry: Telemetry
    _due: asyncio.TimerHandle | None = None
    _in_head = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request; refuse if there are too many connections."""
        super().connection_made(cast("asyncio.Transport", ForgivingTransport(transport)))
        if len(self.connections) > self.most_connections:
            self._refuse(TooManyConnections(self.most_connections))
        else:
            self._expect_within(self.head_timeout_s)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._expect_nothing()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Wait for the rest of the head."""
        super().on_message_begin()
        self._in_head = True
        self._expect_within(self.head_timeout_s)

    def on_headers_complete(self) -> None:
        """Wait for the body; its route does so too, if it wants it."""
        self._in_head = False
        self._expect_within(self.body_timeout_s + _AFTER_BODY_S)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Wait for nothing; between requests uvicorn's keep-alive limit holds."""
        self._expect_nothing()
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP, and close.

        Called while the parser's error is handled, which may be one of our own callbacks'.
        """
        error = sys.exc_info()[1]
        cause = error.__context__ if error is not None else None
        self._refuse(cause if isinstance(cause, MemoryError) else HTTPException(400, msg))

    def _expect_within(self, seconds: float) -> None:
        self._expect_nothing()
        self._due = self.loop.call_later(seconds, self._too_slow, seconds)

    def _expect_nothing(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _too_slow(self, seconds: float) -> None:
        answering = self._in_head and self.cycle is not None and not self.cycle.response_complete
        if answering or self.flow.read_paused:  # the request before comes first
            self._expect_within(seconds)
        elif self._in_head:
            self._refuse(HeadTooSlow(seconds))
        else:
            self.transport.close()

    def _refuse(self, error: Exception) -> None:
        """Answer without a route, and close."""
        request_id = secrets.token_hex(8)
        ours = isinstance(error, MemoryError)
        _log.log(logging.ERROR if ours else logging.DEBUG, "request %s: %r", request_id, error)
        response = problem_response(error, request_id, "")
        self.telemetry.responded(response.status_code, classify(error).slug)
        phrase = HTTPStatus(response.status_code).phrase
        head = f"HTTP/1.1 {response.status_code} {phrase}\r\nconnection: close\r\n".encode()
        fields = [*response.raw_headers, (b"x-request-id", request_id.encode())]
        head += b"".join(name + b": " + value + b"\r\n" for name, value in fields)
        self.transport.write(head + b"\r\n" + bytes(response.body))
        self.transport.close()


def limited(
    settings: Settings, most_connections: int, telemetry: Telemetry
) -> type[LimitedProtocol]:
    """Return the protocol with these limits; what it refuses is counted."""

    class Limited(LimitedProtocol):
        head_timeout_s = settings.head_timeout_s
        body_timeout_s = settings.body_timeout_s

    Limited.most_connections, Limited.telemetry = most_connections, telemetry
    return Limited
