"""How large the heads of requests may be, one and all together."""

from __future__ import annotations

from server.errors import HeadTooLarge

MOST_BYTES = 64 * 2**10
MOST_LINES = 256
MOST_WAITING_BYTES = 64 * 2**20


class HeadSize:
    """The size of the head that one connection receives; stray bytes before it count too.

    `left_bytes` is None: no head says how long it is.
    """

    left_bytes = None

    def __init__(self) -> None:
        self.size_bytes = 0
        self._lines = 0

    def add(self, piece: bytes) -> None:
        """Count a piece before it is parsed.

        Raises:
            HeadTooLarge: it has too many bytes or lines.
        """
        self.size_bytes += len(piece)
        self._lines += piece.count(b"\n")
        if self.size_bytes > MOST_BYTES or self._lines > MOST_LINES:
            raise HeadTooLarge(MOST_BYTES, MOST_LINES)


class WaitingBytes:
    """Bytes of all connections: heads until they are answered, and what waits to be parsed."""

    def __init__(self, most_bytes: int = MOST_WAITING_BYTES) -> None:
        self._most_bytes = most_bytes
        self.held_bytes = 0

    def change(self, before: int, now: int) -> bool:
        """Count one connection's bytes, of which there were `before`.

        Returns whether they may stay: no more than before, or not too many in all.
        """
        self.held_bytes += now - before
        return now <= before or self.held_bytes <= self._most_bytes
