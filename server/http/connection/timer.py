"""One timer that is set again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Timer:
    """Calls one function once, a time after it was set last.

    It is set several times a request and hardly ever due. So a later time is only noted, and the
    loop's own timer, when it fires, is begun again for the rest.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, due: Callable[[], None]) -> None:
        self._loop = loop
        self._due = due
        self._due_s: float | None = None
        self._fires_s = 0.0
        self._handle: asyncio.TimerHandle | None = None

    def set(self, seconds: float | None) -> None:
        """Begin to count, from zero; None: not at all."""
        if seconds is None:
            self._due_s = None
            return
        self._due_s = self._loop.time() + seconds
        if self._handle is None or self._due_s < self._fires_s:
            self._begin(self._due_s)

    def stop(self) -> None:
        """Count no more, and let go of what the function belongs to."""
        self._due_s = None
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _begin(self, at_s: float) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._fires_s = at_s
        self._handle = self._loop.call_at(at_s, self._fire)

    def _fire(self) -> None:
        self._handle = None
        if self._due_s is None:
            return
        if self._due_s > self._loop.time():
            self._begin(self._due_s)
        else:
            self._due_s = None
            self._due()
