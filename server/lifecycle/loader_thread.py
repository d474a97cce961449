"""Loading in a thread that does not hold up the end of the process."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from server.engine_pool import LOADER_THREAD

T = TypeVar("T")
_log = logging.getLogger("otmv.server")


async def in_loader_thread(work: Callable[[], T], discard: Callable[[T], None]) -> T:
    """Run `work` in a thread of its own; `discard` gets a result that nothing waits for any more.

    Raises:
        Exception: whatever `work` raised.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()

    def succeed(result: T) -> None:
        if outcome.cancelled():
            discard(result)
        else:
            outcome.set_result(result)

    def fail(error: Exception) -> None:
        if not outcome.cancelled():
            outcome.set_exception(error)

    def run() -> None:
        settle: Callable[[], None]
        try:
            settle = partial(succeed, work())
        except Exception as error:  # raised again where the outcome is awaited
            settle = partial(fail, error)
        try:
            loop.call_soon_threadsafe(settle)
        except RuntimeError:  # the loop has closed since
            _log.info("stopped while loading")

    threading.Thread(target=run, name=LOADER_THREAD, daemon=True).start()
    return await outcome
