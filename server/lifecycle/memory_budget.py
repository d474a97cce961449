"""Another memory budget, while requests run."""

from __future__ import annotations

import asyncio
import logging
import math

from engine.errors import BudgetTooSmall, LoadFailed
from server.engine_pool import Pool
from server.errors import MemoryBudgetChanging, MemoryBudgetFixed, MemoryBudgetTooSmall
from server.lifecycle.loader_thread import in_loader_thread
from server.lifecycle.one_at_a_time import OneAtATime

BYTES_PER_MB = 10**6
_log = logging.getLogger("otmv.server")


class MemoryBudget:
    """Changes how many bytes the engine's loaded stages may take. Belongs to the event loop."""

    def __init__(self, allowed: bool, one_at_a_time: OneAtATime) -> None:
        self._allowed = allowed
        self._one_at_a_time = one_at_a_time

    def check_allowed(self) -> None:
        """Raise MemoryBudgetFixed unless the operator has allowed changes."""
        if not self._allowed:
            raise MemoryBudgetFixed

    async def change(self, pool: Pool, budget_mb: float | None) -> None:
        """Give an engine a memory budget, 10^6 bytes; None: no limit.

        Variants that need more are not offered from now on; requests that run finish. Key
        blocks that fit again are loaded first. The change goes on if its caller leaves.

        Raises:
            MemoryBudgetFixed, MemoryBudgetChanging, ReloadRunning: not begun.
            MemoryBudgetTooSmall: no variant would be left; nothing has changed.
            LoadFailed: the budget holds now, but a stage that fits could not be loaded.
        """
        self.check_allowed()
        self._one_at_a_time.check_free()
        work = self._change(pool, budget_mb)
        await asyncio.shield(self._one_at_a_time.start(work, MemoryBudgetChanging))

    async def _change(self, pool: Pool, budget_mb: float | None) -> None:
        budget_bytes = None if budget_mb is None else round(budget_mb * BYTES_PER_MB)
        try:
            await in_loader_thread(
                lambda: pool.set_memory_budget(budget_bytes), discard=lambda nothing: None
            )
        except BudgetTooSmall as error:
            smallest_mb = math.ceil(error.needed_bytes / 1e3) / 1e3  # three digits are shown
            raise MemoryBudgetTooSmall(budget_mb or 0.0, smallest_mb) from error
        except LoadFailed as error:
            _log.error("the memory budget was changed, but not all of it is used: %s", error)
            raise
        shown = "no limit" if budget_mb is None else f"{budget_mb:g} MB"
        _log.info("memory budget: %s", shown)
