"""One timer that is set again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Timer:
    """Calls one function once, a time after it was set last."""

    def __init__(self, loop: asyncio.AbstractEventLoop, due: Callable[[], None]) -> None:
        self._loop = loop
        self._due = due
        self._handle: asyncio.TimerHandle | None = None

    def set(self, seconds: float | None) -> None:
        """Begin to count, from zero; None: not at all."""
        self.stop()
        if seconds is not None:
            self._handle = self._loop.call_later(seconds, self._due)

    def stop(self) -> None:
        """Count no more."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
