"""Where a request's body ends, and the reading of one whose head offered an upgrade."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Self

import httptools

from server.errors import HeadTooLarge
from server.http.connection.heads import MOST_BYTES, MOST_LINES

Headers = Sequence[tuple[bytes, bytes]]
_FRAMING = (b"content-length", b"transfer-encoding")


class RequestBody:
    """How much of a body is still to come, by its head, and what comes beside it.

    `left_bytes` is None for a chunked body, which says itself where it ends.
    """

    def __init__(self, left_bytes: int | None = 0) -> None:
        self.left_bytes = left_bytes
        self._beside_bytes = 0

    @classmethod
    def of(cls, headers: Headers) -> Self:
        """Return the body that a head announces; the parser has checked its headers."""
        framing = {name: value for name, value in headers if name in _FRAMING}
        if b"transfer-encoding" in framing:
            return cls(None)
        return cls(int(framing.get(b"content-length", b"0")))

    def add(self, piece: bytes) -> None:
        """Count a piece before it is parsed.

        Raises:
            HeadTooLarge: what stands beside the body (sizes of chunks, their extensions, trailers)
                is larger than a head may be.
        """
        if self._beside_bytes > MOST_BYTES:
            raise HeadTooLarge(MOST_BYTES, MOST_LINES)
        self._beside_bytes += len(piece)

    def came(self, count: int) -> None:
        """Take note of `count` bytes of the body itself."""
        self._beside_bytes = 0
        if self.left_bytes is not None:
            self.left_bytes -= count


class BodyTaker(Protocol):
    """What hears of a body."""

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""

    def on_message_complete(self) -> None:
        """Take note of the body's end."""


class BodyOnly:
    """Reads the body of a request whose head has been parsed.

    llhttp takes the bytes behind a head with `Upgrade` for another protocol. This server upgrades
    to nothing, so they are the request's body: a new parser reads them behind a head that announces
    the same body.
    """

    def __init__(self, connection: BodyTaker) -> None:
        self.on_body = connection.on_body
        self.on_message_complete = connection.on_message_complete


def head_before_body(headers: Headers) -> bytes:
    """Return a head that announces the same body and nothing else."""
    framing = b"".join(b"%s: %s\r\n" % field for field in headers if field[0] in _FRAMING)
    return b"POST / HTTP/1.1\r\n" + framing + b"\r\n"


def new_parser(callbacks: object) -> httptools.HttpRequestParser:
    """Return a parser like uvicorn's, which reads on behind a request with `Connection: close`."""
    parser = httptools.HttpRequestParser(callbacks)
    parser.set_dangerous_leniencies(lenient_data_after_close=True)
    return parser
