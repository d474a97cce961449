"""A new artifact takes the place of the present one while requests are answered (ADR 0026)."""

from __future__ import annotations

import asyncio
import logging
import threading
from dataclasses import dataclass
from pathlib import Path

from artifact.errors import ArtifactError
from artifact.store import Artifact, open_artifact
from engine.clock import Clock
from engine.errors import BackendError
from engine.telemetry import Telemetry
from server.configuration.settings import Settings
from server.engine_pool import LoadingStopped, Pool
from server.errors import (
    ArtifactOutside,
    ArtifactRefused,
    ReloadOff,
    ReloadRunning,
    StillDraining,
    StillLoading,
)
from server.lifecycle.loader_thread import in_loader_thread
from server.lifecycle.one_at_a_time import OneAtATime
from server.lifecycle.served_engines import ServedEngines

_log = logging.getLogger("otmv.server")


@dataclass(frozen=True)
class Reloaded:
    """What was served before, what is now, and the seconds until it was."""

    before: Artifact
    after: Artifact
    seconds: float


class Reloader:
    """Opens one artifact at a time beside the present one, and swaps. Belongs to the event loop."""

    def __init__(
        self,
        settings: Settings,
        engines: ServedEngines,
        one_at_a_time: OneAtATime,
        telemetry: Telemetry,
        clock: Clock,
    ) -> None:
        self._allowed = settings.reload
        self._own = self._path = settings.artifact
        self._root = settings.artifacts_root or settings.artifact.absolute().parent
        self._engines = engines
        self._one_at_a_time = one_at_a_time
        self._telemetry = telemetry
        self._clock = clock
        self._stopping = asyncio.Event()

    def check_allowed(self) -> None:
        """Raise ReloadOff unless the operator has allowed reloads."""
        if not self._allowed:
            raise ReloadOff

    async def reload(self, artifact: str | None = None) -> Reloaded:
        """Verify, load, check and warm an artifact, then give it all requests that come.

        Without `artifact` the folder served now is read again. The reload goes on if its caller
        leaves. On any error the present artifact is served as before.

        Raises:
            ReloadOff, StillLoading, StillDraining, ArtifactOutside: not begun.
            ReloadRunning, MemoryBudgetChanging: not begun either.
            ArtifactRefused: it failed a check.
        """
        self.check_allowed()
        if self._stopping.is_set():
            raise StillDraining
        present = self._engines.pool
        if present is None:
            raise StillLoading("the first artifact is loading")
        self._one_at_a_time.check_free()
        path = self._path if artifact is None else Path(artifact)
        work = self._counted(path, self._folder(path), present)
        running = self._one_at_a_time.start(work, ReloadRunning)
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
        if not running.done():
            raise StillDraining
        return running.result()

    def stop(self) -> None:
        """Give up the reload that runs; begin no other."""
        self._stopping.set()

    def _folder(self, path: Path) -> Path:
        """Return where a path's links lead now: below the root, unless it is the operator's own."""
        try:
            folder = path.resolve()
        except (OSError, RuntimeError) as error:  # links in a circle
            raise ArtifactOutside(path, self._root) from error
        below = path.is_absolute() and self._root.resolve() in folder.parents
        if not below and path != self._own:
            raise ArtifactOutside(path, self._root)
        return folder

    async def _counted(self, path: Path, folder: Path, present: Pool) -> Reloaded:
        served = present.artifact.manifest.name
        try:
            done = await self._reload(path, folder, present)
        except LoadingStopped:
            self._telemetry.reloaded("stopped")
            raise StillDraining from None
        except (ArtifactError, BackendError, OSError) as error:
            self._telemetry.reloaded("refused")
            _log.error("%s cannot be served, %s still is: %s", path, served, error)
            raise ArtifactRefused(error, served) from error
        except Exception:
            self._telemetry.reloaded("error")
            _log.error("the reload of %s failed, %s is still served", path, served)
            raise
        self._telemetry.reloaded("ok")
        _log.info("%s (%s) is served after %.1f s", path, done.after.short_hash, done.seconds)
        return done

    async def _reload(self, path: Path, folder: Path, present: Pool) -> Reloaded:
        started_s = self._clock.now_s()
        await self._engines.wait_for_others()  # never three of them in memory
        _log.info("loading %s beside %s", path, present.artifact.root)
        pool = await in_loader_thread(lambda: self._open(folder, present), discard=_close_engine)
        if self._stopping.is_set():
            await asyncio.to_thread(pool.close)
            raise LoadingStopped
        self._path = path
        self._engines.serve(pool)
        pool.show()
        self._telemetry.serving(pool.artifact.manifest.name, pool.artifact.hash)
        return Reloaded(present.artifact, pool.artifact, self._clock.now_s() - started_s)

    def _open(self, folder: Path, present: Pool) -> Pool:
        """Open an artifact; called in a thread. Links may move while it is served: it has none."""
        self._progress("verifying", 0.0)
        return present.successor(open_artifact(folder), self._progress)

    def _progress(self, phase: str, share: float) -> None:
        _log.debug("reload: %s (%.0f %%)", phase, share * 100)
        if self._stopping.is_set():
            raise LoadingStopped


def _close_engine(pool: Pool) -> None:
    """Close an engine that is not needed any more, off the event loop."""
    threading.Thread(target=pool.close, name="drop-engine", daemon=True).start()
