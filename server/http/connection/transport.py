"""A transport that lets a client read the last answer before the connection ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from server.http.connection.timer import Timer

LINGER_S = 10.0
_MOST_BYTES = 64 * 2**20


class PatientTransport:
    """Closes in peace: while a client still sends, its answer stays readable.

    Closing with unread bytes resets the connection, and the client never sees why. So a close while
    `unread` says that more may come ends our half only, and drops what arrives until the client has
    closed too, within limits of bytes and time. Reading stops while uvicorn's flow control or
    `hold_reading` wants it to.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        unread: Callable[[], bool],
    ) -> None:
        self._transport = transport
        self._unread = unread
        self._wants_pause = self._held = self._paused = False
        self._end = Timer(loop, transport.abort)
        self._dropped_bytes = 0
        self.lingers = False

    def write(self, data: bytes) -> None:
        """Send, unless the connection is being closed."""
        if not self.is_closing():
            self._transport.write(data)

    def is_closing(self) -> bool:
        """Return whether nothing is sent any more."""
        return self.lingers or self._transport.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what the transport knows of its connection."""
        return self._transport.get_extra_info(name, default)

    def pause_reading(self) -> None:
        """Stop reading for uvicorn's flow control."""
        self._wants_pause = True
        self._settle_reading()

    def resume_reading(self) -> None:
        """Read again, if it is not held."""
        self._wants_pause = False
        self._settle_reading()

    def hold_reading(self, held: bool) -> None:
        """Stop reading, or read again, whatever flow control says."""
        self._held = held
        self._settle_reading()

    def close(self) -> None:
        """Send what is written, then end: at once, or when the client has stopped sending."""
        if self.is_closing():
            return
        if self._unread():
            self.lingers = True
            self._settle_reading()
            self._transport.write_eof()
        else:
            self._transport.close()
        self._end.set(LINGER_S)

    def abort(self) -> None:
        """End at once; what is written may be lost."""
        self._transport.abort()

    def close_now(self) -> None:
        """End without waiting for the client; what is written is still sent."""
        self.lingers = False
        self._transport.close()
        self._end.set(LINGER_S)

    def drop(self, count: int) -> None:
        """Count bytes that came while lingering."""
        self._dropped_bytes += count
        if self._dropped_bytes > _MOST_BYTES:
            self._transport.abort()

    def lost(self) -> None:
        """Forget the connection, which has ended."""
        self._end.stop()

    def _settle_reading(self) -> None:
        wanted = (self._wants_pause or self._held) and not self.lingers
        if wanted == self._paused or self._transport.is_closing():
            return
        self._paused = wanted
        if wanted:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()
