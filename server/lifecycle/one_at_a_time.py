"""What operators ask for is done one at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from server.errors import ServerError

T = TypeVar("T")


class OneAtATime:
    """Runs a reload, or a change of the memory budget, but never two of them side by side.

    Once started, it goes on if its caller leaves. Belongs to the event loop.
    """

    def __init__(self) -> None:
        self._running: asyncio.Task[Any] | None = None
        self._refusal: Callable[[], ServerError] = ServerError

    def check_free(self) -> None:
        """Raise the refusal that belongs to what runs now, if anything does."""
        if self._running is not None and not self._running.done():
            raise self._refusal()

    def start(
        self, work: Coroutine[Any, Any, T], refusal: Callable[[], ServerError]
    ) -> asyncio.Task[T]:
        """Begin what `check_free` has let through.

        `refusal` makes the error of calls that come before the end.
        """
        running = asyncio.ensure_future(work)
        running.add_done_callback(_take_exception)
        self._running, self._refusal = running, refusal
        return running

    async def wait_for_end(self, timeout_s: float) -> None:
        """Wait until nothing runs any more, or until the time is over."""
        if self._running is not None:
            await asyncio.wait({self._running}, timeout=timeout_s)


def _take_exception(task: asyncio.Task[Any]) -> None:
    """Mark a failure as seen: it was logged, and its caller may have left."""
    if not task.cancelled():
        task.exception()
