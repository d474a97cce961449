"""uvicorn's HTTP protocol with what it lacks: limits on what arrives, problems as JSON."""

from __future__ import annotations

import asyncio
from typing import Any

import httptools
from starlette.exceptions import HTTPException
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from server.errors import FrontBusy, HeadTooSlow, ServerError, TooManyConnections, TooManyHeads
from server.front.front import VISIT
from server.http.connection.awaits import Awaits
from server.http.connection.half_closed import CAN_TELL, LeftWatch
from server.http.connection.heads import MOST_BYTES, HeadSize
from server.http.connection.limits import ConnectionLimits
from server.http.connection.pieces import Pieces
from server.http.connection.refusal import busy_refusal, reason, refusal
from server.http.connection.request_body import BodyOnly, RequestBody, head_before_body, new_parser
from server.http.connection.timer import Timer
from server.http.connection.transport import PatientTransport
from server.http.middleware import ARRIVED

_PIECES_A_TURN = 64
_MOST_DROPPED_BYTES = 2**20
_REFUSED_AT_ONCE = 8
"""Connections too many that stay until their client has read why."""


class LimitedProtocol(HttpToolsProtocol):
    """One connection. A request must arrive within limits, whether a route reads it or not.

    It is parsed when most of the answer before it has been read; until then one read waits.
    """

    transport: PatientTransport  # type: ignore[assignment]

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        limits: ConnectionLimits,
    ) -> None:
        super().__init__(config, server_state, app_state)
        self._limits = limits
        self._pieces, self._head, self._body = Pieces(), HeadSize(), RequestBody()
        self._awaits = Awaits.REQUEST
        self._first_byte_s = 0.0
        self._counted_bytes = 0
        self._refused = self._half_closed = self._upgrade_ignored = self._turned_away = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request; refuse if there are too many connections."""
        self._late = Timer(self.loop, self._too_slow)
        self._unread = Timer(self.loop, transport.abort)
        patient = PatientTransport(transport, self.loop, self._may_still_send)
        super().connection_made(patient)  # type: ignore[arg-type]
        self._late.set(self._limits.head_timeout_s)
        excess = len(self.connections) - self._limits.most_connections
        if excess > 0:
            self._refuse(TooManyConnections(self._limits.most_connections))
        if excess > _REFUSED_AT_ONCE:
            patient.close_now()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._late.stop()
        self._unread.stop()
        self._limits.turns.leave(self._parse)
        self._pieces.clear()
        self._head = HeadSize()
        self._count()
        self.transport.lost()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes, and parse them if their turn has come."""
        if self.transport.is_closing():
            self.transport.drop(len(data))
            return
        if not self._pieces:
            self._first_byte_s = self._limits.arrivals.read_s(self.loop)
        self._pieces.add(data)
        if not self._limits.turns.take(self.loop, self._parse):
            self.transport.hold_reading(len(self._pieces) > MOST_BYTES)
            self._count()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Return whether a client that sends nothing more is still to be answered.

        In the middle of an answer it is taken to have left: nothing can be sent to find that out.
        """
        answer_due = self._awaits is Awaits.ANSWER and not self.cycle.response_started
        due = (answer_due or bool(self._pieces)) and not self.transport.is_closing()
        self._half_closed = due and CAN_TELL
        if self._half_closed:
            LeftWatch(self.transport, self.loop, self._may_ask).look()
        return self._half_closed

    def pause_writing(self) -> None:
        """Give a client that does not read its answer some time, and no more."""
        super().pause_writing()
        self._unread.set(self._limits.body_timeout_s)

    def resume_writing(self) -> None:
        """Go on with what waits, now that the client has read."""
        self._unread.stop()
        super().resume_writing()
        self.loop.call_soon(self._parse)

    def shutdown(self) -> None:
        """End as soon as no answer is due."""
        super().shutdown()
        if self.transport.lingers:
            self.transport.close_now()

    def on_message_begin(self) -> None:
        """Wait for the rest of the head."""
        super().on_message_begin()
        self.scope["state"][ARRIVED] = self._first_byte_s
        self._await(Awaits.HEADERS, self._limits.head_timeout_s)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; what follows a chunked body is none."""
        if self._awaits is Awaits.HEADERS:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Wait for the body; its route does so too, if it wants it."""
        is_old = self.parser.get_http_version() == "1.0"
        if self.parser.get_method() == b"CONNECT":
            raise HTTPException(501, "This server is no proxy.")
        if not is_old and sum(name == b"host" for name, _ in self.headers) != 1:
            raise HTTPException(400, "A request has exactly one header Host.")
        self.expect_100_continue = self.expect_100_continue and not is_old
        self._body = RequestBody.of(self.headers)
        self._await(Awaits.BODY, self._limits.body_timeout_s)
        if not self._knock():
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Hand a part of the body on; if the answer is out, drop it, up to a limit."""
        self._body.came(len(body))
        if self._turned_away:
            return
        if self.cycle.response_complete:
            self.transport.drop(len(body))
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Wait for the answer, or for the next request if the answer is out."""
        if self.parser.should_upgrade():
            return  # only the head is complete
        if not self._turned_away:
            super().on_message_complete()
        if self._upgrade_ignored:
            self._upgrade_ignored = False
            self.parser = new_parser(self)
        if self._turned_away:
            self._turned_away = False
            self._await_next()
            return
        self._await(Awaits.ANSWER)
        if self.cycle.response_complete:
            self._await_next()

    def on_response_complete(self) -> None:
        """Begin with the next request, or wait for it."""
        super().on_response_complete()
        self._unset_keepalive_if_required()  # any byte would reset uvicorn's own
        if self._awaits is Awaits.ANSWER and not self.transport.is_closing():
            self._await_next()
            self.loop.call_soon(self._parse)

    def _knock(self) -> bool:
        """Ask whether a request may go on; answer it if not. Returns whether it was turned away."""
        if self._limits.admission is None or self.parser.get_method() != b"POST":
            return False
        address = self.client[0] if self.client else ""
        left_bytes = self._body.left_bytes
        whole = left_bytes is not None and left_bytes <= len(self._pieces)
        try:
            self.scope["state"][VISIT] = self._limits.admission.knock(
                self.url,
                self.headers,
                address,
                self.scope["state"][ARRIVED],
                self._pieces.coming,
                whole=whole,
            )
        except FrontBusy as error:
            self._turn_away(error)
            return True
        return False

    def _turn_away(self, error: FrontBusy) -> None:
        """Answer a request without parsing it; keep the connection if its body is small."""
        left_bytes = self._body.left_bytes
        small = left_bytes is not None and left_bytes <= _MOST_DROPPED_BYTES
        keep = small and self.parser.should_keep_alive() and not self.expect_100_continue
        path, telemetry = self.url.decode("latin-1"), self._limits.telemetry
        self.transport.write(busy_refusal(error, self.headers, path, telemetry, keep_alive=keep))
        self.server_state.total_requests += 1
        self._turned_away = True
        if not keep:
            self._refused = True
            self._late.stop()
            self._pieces.clear()
            self.transport.close()

    def _parse(self) -> None:
        """Parse up to the end of a request, as much as one turn of the event loop may take."""
        for _ in range(_PIECES_A_TURN):
            if not self._pieces or not self._wants_more():
                break
            self._parse_piece()
        else:
            self.loop.call_soon(self._parse)
        self._count()
        if not self.transport.is_closing():
            self.transport.hold_reading(bool(self._pieces))
            if self._half_closed and not self._pieces and self._awaits is not Awaits.ANSWER:
                self.transport.close_now()

    def _wants_more(self) -> bool:
        if self.transport.is_closing() or self._awaits is Awaits.ANSWER:
            return False
        return self._awaits is not Awaits.REQUEST or not self.flow.write_paused

    def _parse_piece(self) -> None:
        counted = self._body if self._awaits is Awaits.BODY else self._head
        piece = self._pieces.next(counted.left_bytes)
        try:
            counted.add(piece)
            self._feed(piece)
        except ServerError as error:
            self._refuse(error)
        except httptools.HttpParserError as error:
            self._refuse(reason(error))

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._pieces.put_back(len(data) - upgrade.args[0])
            self._upgrade_ignored = True
            self.parser = new_parser(BodyOnly(self))
            self._feed(head_before_body(self.headers))

    def _count(self) -> None:
        before, self._counted_bytes = self._counted_bytes, self._head.size_bytes + len(self._pieces)
        if not self._limits.waiting.change(before, self._counted_bytes):
            self._refuse(TooManyHeads())
            self._count()

    def _may_still_send(self) -> bool:
        unfinished = self._awaits in (Awaits.HEADERS, Awaits.BODY)
        return self._refused or unfinished or bool(self._pieces)

    def _await(self, what: Awaits, seconds: float | None = None) -> None:
        self._awaits = what
        self._late.set(seconds)

    def _await_next(self) -> None:
        self._head = HeadSize()
        self._await(Awaits.REQUEST, self.timeout_keep_alive)

    def _too_slow(self) -> None:
        if self._pieces and self._wants_more():  # it came in time, and waits for its turn
            self._late.set(self._limits.head_timeout_s)
        elif self._awaits is Awaits.BODY and self.flow.read_paused:  # its route wants no more yet
            self._late.set(self._limits.body_timeout_s)
        elif self._awaits is Awaits.HEADERS:
            self._refuse(HeadTooSlow(self._limits.head_timeout_s))
        else:
            self.transport.close_now()

    def _may_ask(self) -> bool:
        is_new = self.scope is not None and self.scope["http_version"] == "1.1"
        return is_new and self._awaits is Awaits.ANSWER and not self.cycle.response_started

    def _refuse(self, error: Exception) -> None:
        """Answer without a route, and close; where a route answers, let it finish, and close."""
        self._pieces.clear()
        if self._refused or self.transport.is_closing():
            return
        if self._awaits is Awaits.ANSWER:
            self.cycle.keep_alive = False
            return
        self._refused = True
        self._late.stop()
        of_this = self._awaits is Awaits.BODY and not self._turned_away
        if of_this and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if not self._turned_away and not (of_this and self.cycle.response_started):
            self.transport.write(refusal(error, self._limits.telemetry))
        self.transport.close()
