"""Reading request bodies under three limits: bytes per request, bytes in memory, and time."""

from __future__ import annotations

import asyncio

from starlette.requests import Request

from server.errors import BodyTooLarge, BodyTooSlow, ClientLeft, MalformedBody, TooManyBodies

_RETRY_AFTER_S = 1.0


class Body:
    """A whole request body and its share of the memory limit, given back by `release`."""

    def __init__(self, reader: BodyReader) -> None:
        self.data: bytes | bytearray = b""
        self._reader = reader
        self._held_bytes = 0

    def hold(self, count: int) -> None:
        """Count further bytes against the limit of all bodies.

        Raises:
            TooManyBodies: the limit is reached.
        """
        self._reader.take(count)
        self._held_bytes += count

    def close(self) -> None:
        """Drop the data and give the memory back; may be called twice."""
        self._reader.give(self._held_bytes)
        self._held_bytes = 0
        self.data = b""


class BodyReader:
    """Reads bodies and counts those in memory. Used from the event loop only."""

    def __init__(self, max_body_bytes: int, max_total_bytes: int, timeout_s: float) -> None:
        self._max_body_bytes = max_body_bytes
        self._max_total_bytes = max_total_bytes
        self._timeout_s = timeout_s
        self.held_bytes = 0

    def take(self, count: int) -> None:
        """Count bytes in, or raise TooManyBodies."""
        if self.held_bytes + count > self._max_total_bytes:
            raise TooManyBodies(_RETRY_AFTER_S)
        self.held_bytes += count

    def give(self, count: int) -> None:
        """Count bytes out."""
        self.held_bytes -= count

    async def read(self, request: Request) -> Body:
        """Read the whole body, refusing at the first byte too many.

        Raises:
            BodyTooLarge: announced or actual size beyond the limit; the rest is not read.
            BodyTooSlow, TooManyBodies, ClientLeft: as named.
        """
        self._check_announced(request)
        body = Body(self)
        try:
            async with asyncio.timeout(self._timeout_s):
                body.data = await self._collect(request, body)
        except TimeoutError as error:
            body.close()
            raise BodyTooSlow(self._timeout_s) from error
        except BaseException:
            body.close()
            raise
        return body

    def _check_announced(self, request: Request) -> None:
        announced = request.headers.get("content-length")
        if announced is None:
            return
        if not (announced.isascii() and announced.isdecimal()):
            raise MalformedBody("Content-Length is not a number")
        if int(announced) > self._max_body_bytes:
            raise BodyTooLarge(self._max_body_bytes)

    async def _collect(self, request: Request, body: Body) -> bytearray:
        """Return the body, grown by the pieces that come: none of them is copied later."""
        data = bytearray()
        while True:
            message = await request.receive()
            if message["type"] == "http.disconnect":
                raise ClientLeft
            piece: bytes = message.get("body", b"")
            if len(data) + len(piece) > self._max_body_bytes:
                raise BodyTooLarge(self._max_body_bytes)
            body.hold(len(piece))
            data += piece
            if not message.get("more_body", False):
                return data
