"""Which engine takes requests, and how those before it end (ADR 0026)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from server.engine_pool import Pool

_SLICE_S = 1.0
"""How long one wait for an engine's last request blocks a thread."""


class _Held:
    """An engine, and how many requests are being handed to it."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.free = asyncio.Event()
        self.free.set()
        self._leases = 0

    @contextmanager
    def lease(self) -> Iterator[Pool]:
        self._leases += 1
        self.free.clear()
        try:
            yield self.pool
        finally:
            self._leases -= 1
            if not self._leases:
                self.free.set()


class Tenure:
    """The engine that takes requests, and those that only finish what they have.

    A request leases the engine it is handed to, until it is answered or streams. An engine that was
    replaced goes on taking what comes by a lease, and begins to refuse only when none is left: no
    request falls between two.
    Belongs to the event loop.
    """

    def __init__(self) -> None:
        self._held: _Held | None = None
        self._leaving: dict[asyncio.Task[None], _Held] = {}

    @property
    def pool(self) -> Pool | None:
        """The engine that takes requests; None before the first."""
        return None if self._held is None else self._held.pool

    @contextmanager
    def lease(self) -> Iterator[Pool]:
        """Hold the present engine; there must be one."""
        assert self._held is not None
        with self._held.lease() as pool:
            yield pool

    def begin(self, pool: Pool) -> None:
        """Let an engine take all requests from now on; the one before finishes, then closes."""
        before, self._held = self._held, _Held(pool)
        if before is not None:
            leaving = asyncio.ensure_future(_leave(before))
            self._leaving[leaving] = before
            leaving.add_done_callback(self._leaving.pop)

    async def alone(self) -> None:
        """Wait until every engine before the present one has closed."""
        while self._leaving:
            await asyncio.wait(self._leaving)

    async def drain(self, timeout_s: float) -> bool:
        """Refuse new requests and wait for the running ones; False if the time ran out."""
        if self._held is None:
            return True
        leaving = set(self._leaving)
        present = asyncio.ensure_future(asyncio.to_thread(self._held.pool.drain, timeout_s))
        await asyncio.wait({present, *leaving}, timeout=timeout_s)
        return await present and all(task.done() for task in leaving)

    async def close(self) -> None:
        """Stop every engine and free what it holds; what is still open ends."""
        held = [*self._leaving.values(), *([self._held] if self._held is not None else [])]
        for leaving in self._leaving:
            leaving.cancel()
        for each in held:
            await asyncio.to_thread(each.pool.close)


async def _leave(held: _Held) -> None:
    """Wait for what an engine still has to do, then close it."""
    await held.free.wait()
    while not await asyncio.to_thread(held.pool.drain, _SLICE_S):
        pass  # deadlines bound its requests
    await asyncio.to_thread(held.pool.close)
