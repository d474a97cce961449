"""Loading and dropping adapters while requests run (ADR 0031)."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from artifact.adapters.errors import AdapterError
from artifact.adapters.folder import RECORD_NAME
from artifact.errors import ArtifactError
from engine.errors import AdapterNotLoaded, LoadFailed, UnknownAdapter
from engine.residency.adapters.lease import LoadedAdapter
from server.engine_pool import Pool
from server.errors import (
    AdapterNotThere,
    AdapterRefused,
    AdaptersChanging,
    AdaptersFixed,
)
from server.lifecycle.loader_thread import in_loader_thread
from server.lifecycle.one_at_a_time import OneAtATime

_log = logging.getLogger("otmv.server")

_REFUSED = (AdapterError, ArtifactError, AdapterNotLoaded, LoadFailed, OSError)


class Adapters:
    """Loads adapters of one folder, one at a time. Belongs to the event loop.

    Args:
        allowed: whether operators may change them.
        folder: of the operator's adapters, each in a folder of its name; None: there are none.
        one_at_a_time: keeps reloads and changes of the memory budget apart from this.
    """

    def __init__(self, allowed: bool, folder: Path | None, one_at_a_time: OneAtATime) -> None:
        self._allowed = allowed
        self._folder = folder
        self._one_at_a_time = one_at_a_time

    def check_allowed(self) -> None:
        """Raise AdaptersFixed unless the operator has allowed changes."""
        if not self._allowed or self._folder is None:
            raise AdaptersFixed

    def load_all(self, pool: Pool) -> None:
        """Load every adapter of the folder; one that cannot be loaded is logged and left out.

        Called in the thread that has opened the engine, before the server is ready.
        """
        if self._folder is None:
            return
        try:
            found = sorted(each.parent for each in self._folder.glob(f"*/{RECORD_NAME}"))
        except OSError as error:
            _log.error("the folder of adapters cannot be read: %s", error)
            return
        for folder in found:
            try:
                pool.load_adapter(folder)
            except _REFUSED as error:
                _log.error("an adapter is left out: %s", error)
        if found:
            _log.info("%d adapters are loaded", len(pool.adapters()))

    async def load(self, pool: Pool, name: str) -> LoadedAdapter:
        """Load the adapter in the folder of that name. It goes on if its caller leaves.

        Raises:
            AdaptersFixed, AdaptersChanging, ReloadRunning, MemoryBudgetChanging: not begun.
            AdapterNotThere, AdapterRefused, AdapterNotLoaded: why it is not loaded.
        """
        self.check_allowed()
        assert self._folder is not None
        self._one_at_a_time.check_free()
        work = self._load(pool, self._folder / name, name)
        return await asyncio.shield(self._one_at_a_time.start(work, AdaptersChanging))

    async def _load(self, pool: Pool, folder: Path, name: str) -> LoadedAdapter:
        def load() -> LoadedAdapter:
            if not folder.is_dir():
                raise AdapterNotThere(f"no adapter {name} lies in the folder of adapters")
            return pool.load_adapter(folder)

        try:
            found = await in_loader_thread(load, discard=lambda loaded: None)
        except (AdapterError, ArtifactError, LoadFailed, OSError) as error:
            _log.error("adapter %s is not loaded: %s", name, error)
            raise AdapterRefused(error) from error
        _log.info("adapter %s is loaded (%d bytes)", name, found.table_bytes)
        return found

    async def drop(self, pool: Pool, name: str) -> None:
        """Let no new request name an adapter; those that have it finish with it.

        Raises:
            AdaptersFixed, AdaptersChanging, ReloadRunning, MemoryBudgetChanging: not begun.
            AdapterNotThere: none of that name is loaded.
        """
        self.check_allowed()
        self._one_at_a_time.check_free()
        work = self._drop(pool, name)
        await asyncio.shield(self._one_at_a_time.start(work, AdaptersChanging))

    async def _drop(self, pool: Pool, name: str) -> None:
        try:
            await in_loader_thread(lambda: pool.drop_adapter(name), discard=lambda dropped: None)
        except UnknownAdapter as error:
            raise AdapterNotThere(str(error)) from error
        _log.info("adapter %s is dropped", name)
