"""Which engine takes requests, and how the engines before it end (ADR 0026)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from server.engine_pool import Pool

_SLICE_S = 1.0
"""How long one wait for an engine's last request blocks a thread."""


class _LeasedEngine:
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


class ServedEngines:
    """The engine that takes requests, and the engines that only finish what they have.

    A request leases the engine it is handed to, until it is answered or streams. An engine that was
    replaced takes requests that hold a lease, and begins to refuse only when no lease is left: no
    request is refused because of a reload.
    Belongs to the event loop.
    """

    def __init__(self) -> None:
        self._present: _LeasedEngine | None = None
        self._leaving: dict[asyncio.Task[None], _LeasedEngine] = {}

    @property
    def pool(self) -> Pool | None:
        """The engine that takes requests; None before the first."""
        return None if self._present is None else self._present.pool

    @contextmanager
    def lease(self) -> Iterator[Pool]:
        """Hold the present engine; there must be one."""
        assert self._present is not None
        with self._present.lease() as pool:
            yield pool

    def serve(self, pool: Pool) -> None:
        """Let an engine take all requests from now on; the one before finishes, then closes."""
        before, self._present = self._present, _LeasedEngine(pool)
        if before is not None:
            leaving = asyncio.ensure_future(_leave(before))
            self._leaving[leaving] = before
            leaving.add_done_callback(self._leaving.pop)

    async def wait_for_others(self) -> None:
        """Wait until every engine before the present one has closed."""
        while self._leaving:
            await asyncio.wait(self._leaving)

    async def drain(self, timeout_s: float) -> bool:
        """Refuse new requests and wait for the running ones; False if the time ran out."""
        if self._present is None:
            return True
        leaving = set(self._leaving)
        present = asyncio.ensure_future(asyncio.to_thread(self._present.pool.drain, timeout_s))
        await asyncio.wait({present, *leaving}, timeout=timeout_s)
        return await present and all(task.done() for task in leaving)

    async def close(self) -> None:
        """Stop every engine and free what it holds; what is still open ends."""
        present = [] if self._present is None else [self._present]
        engines = [*self._leaving.values(), *present]
        for leaving in self._leaving:
            leaving.cancel()
        for engine in engines:
            await asyncio.to_thread(engine.pool.close)


async def _leave(engine: _LeasedEngine) -> None:
    """Wait for what an engine still has to do, then close it."""
    await engine.free.wait()
    while not await asyncio.to_thread(engine.pool.drain, _SLICE_S):
        pass  # deadlines bound its requests
    await asyncio.to_thread(engine.pool.close)
