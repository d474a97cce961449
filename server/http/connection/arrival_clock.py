"""When bytes came that the event loop reads only now."""

from __future__ import annotations

import asyncio

from engine.clock import Clock


class ArrivalClock:
    """Stamps what is read with the earliest time at which it can have come.

    What arrives while the event loop runs callbacks waits in its socket until the loop polls again.
    So everything read after one poll came after the poll before it; if the loop had nothing to do
    in between, it slept, and the bytes came now. A loop that has worked without reading is not
    told from one that slept: then a stamp is late by what it worked.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._stamp_s: float | None = None
        self._polled_s = 0.0
        self._before_s: float | None = None
        self._watches = False

    def read_s(self, loop: asyncio.AbstractEventLoop) -> float:
        """Return when bytes that this turn of the loop reads came."""
        if self._stamp_s is None:
            self._polled_s = self._clock.now_s()
            self._stamp_s = self._polled_s if self._before_s is None else self._before_s
            if not self._watches:
                self._watches = True
                loop.call_soon(self._turn, loop)
        return self._stamp_s

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin a turn; look once more after a turn that has read something."""
        self._before_s = None
        self._watches = self._stamp_s is not None
        if self._watches:
            self._before_s, self._stamp_s = self._polled_s, None
            loop.call_soon(self._turn, loop)
