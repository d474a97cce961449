"""What a connection received, cut where a message may end."""

from __future__ import annotations

_BLANK_LINE = b"\r\n\r\n"


class Pieces:
    """Received bytes that the parser has not had, given out piece by piece.

    No piece reaches from one request into the next, so a request is parsed only when the connection
    wants it. A head and a chunked body end with a blank line; another body ends where its length
    says. A blank line within a body costs a cut and no more.
    """

    def __init__(self) -> None:
        self._data = b""
        self._at = 0
        self._before = b""

    def __len__(self) -> int:
        return len(self._data) - self._at

    def add(self, data: bytes) -> None:
        """Take received bytes."""
        self._data = self._data[self._at :] + data if len(self) else data
        self._at = 0

    def clear(self) -> None:
        """Drop everything."""
        self._data, self._at, self._before = b"", 0, b""

    def next(self, count: int | None) -> bytes:
        """Return the next `count` bytes; None: all up to the end of the first blank line.

        There may be fewer bytes, and no blank line: then it is all there is.
        """
        end = self._blank_line_end() if count is None else self._at + count
        piece = self._data[self._at : end]
        self._before = (self._before + piece[-3:])[-3:]
        self._at += len(piece)
        return piece

    @property
    def coming(self) -> bytes:
        """What waits, at most 64 kB of it."""
        return self._data[self._at : self._at + 2**16]

    def put_back(self, count: int) -> None:
        """Give out the last `count` bytes again."""
        self._at -= count
        self._before = b""

    def _blank_line_end(self) -> int:
        if self._before:
            seam = self._before + self._data[self._at : self._at + 3]
            found = seam.find(_BLANK_LINE)
            if found >= 0:
                return self._at + found + len(_BLANK_LINE) - len(self._before)
        found = self._data.find(_BLANK_LINE, self._at)
        return len(self._data) if found < 0 else found + len(_BLANK_LINE)
