"""Clients that have sent their last byte: some wait for the answer, others have left."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from server.http.connection.transport import PatientTransport

CAN_TELL = hasattr(socket, "TCP_INFO")
"""Whether this system tells the state of a connection."""
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_LOOK_AGAIN_S = 0.1
_CLOSED = 7


class LeftWatch:
    """Ends a half-closed connection if its client has left altogether.

    A client that has left resets the connection when something is sent to it, and one that waits
    does not. `100 Continue` may be sent before any answer (RFC 9110, section 15.2), but not to
    HTTP/1.0: `may_ask` says whether it may be now.
    """

    def __init__(
        self,
        transport: PatientTransport,
        loop: asyncio.AbstractEventLoop,
        may_ask: Callable[[], bool],
    ) -> None:
        self._transport = transport
        self._loop = loop
        self._may_ask = may_ask
        self._asked = False

    def look(self) -> None:
        """Look now, and again until the connection ends."""
        if self._transport.is_closing():
            return
        if not self._asked and self._may_ask():
            self._asked = True
            self._transport.write(_CONTINUE)
        if self._has_left():
            self._transport.abort()
        else:
            self._loop.call_later(_LOOK_AGAIN_S, self.look)

    def _has_left(self) -> bool:
        connection = self._transport.get_extra_info("socket")
        try:
            state = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)
        except OSError:
            return True
        return bool(state[0] == _CLOSED)
