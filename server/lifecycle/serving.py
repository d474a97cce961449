"""The server's one piece of state: the engine from loading to draining, and what feeds it."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, TypeVar

from engine.clock import Clock
from engine.quantiles import quantile
from engine.telemetry import Telemetry
from server.access.keys import ApiKey
from server.configuration.settings import Settings
from server.engine_pool import LOADER, LoadingStopped, OpenPool, Pool
from server.errors import StillDraining, StillLoading
from server.http.body import BodyStore
from server.lifecycle.reloader import Reloader
from server.lifecycle.served_engines import Tenure
from server.pictures.decoder import Decoder
from server.pictures.images import prepare_decoders
from server.requests.reader import Intake

State = Literal["loading", "ready", "draining", "failed"]
T = TypeVar("T")
_log = logging.getLogger("otmv.server")
_INTAKE_THREADS = 2
_CLOSING_S = 1.0
_RECENT_S = 2.0
_WIRE_S = 5e-4
"""What the event loop and the socket take after that."""


class Handover:
    """How long an answer takes from the engine to the wire: a high quantile of recent ones.

    Those of two seconds ago are forgotten: they tell of a load that may be gone.
    """

    def __init__(self) -> None:
        self._recent: deque[tuple[float, float]] = deque(maxlen=128)
        self._since = 0
        self._predicted_s = 0.0

    def add(self, seconds: float, now: float) -> None:
        """Take one."""
        self._recent.append((now, seconds))
        self._since += 1
        if self._since >= 16:
            self._learn(now)

    def predicted_s(self, now: float) -> float:
        """Return how long the next one will take."""
        if self._recent and now - self._recent[0][0] > _RECENT_S:
            self._learn(now)
        return self._predicted_s

    def _learn(self, now: float) -> None:
        while self._recent and now - self._recent[0][0] > _RECENT_S:
            self._recent.popleft()
        times_s = [seconds for _, seconds in self._recent]
        self._predicted_s = quantile(times_s, 0.95) + _WIRE_S if times_s else 0.0
        self._since = 0


class Serving:
    """Holds the pool, the decoder and the limits; created per app, used from its event loop."""

    def __init__(
        self, settings: Settings, open_pool: OpenPool, telemetry: Telemetry, clock: Clock
    ) -> None:
        self.settings = settings
        self.telemetry = telemetry
        self.clock = clock
        self.intake = Intake(settings.max_pixels, settings.default_on_miss)
        self._intakes = {name: _intake_of(key, settings) for name, key in settings.keys.items()}
        self.bodies = BodyStore(
            settings.max_body_bytes, settings.max_bodies_bytes, settings.body_timeout_s
        )
        self.decoder = Decoder(settings.decode_threads, settings.max_pixels, clock)
        self.handover = Handover()
        self.tenure = Tenure()
        self.reloader = Reloader(settings, self.tenure, telemetry, clock)
        self.failure: Exception | None = None
        self.phase, self.done_share = "starting", 0.0
        self._open_pool = open_pool
        self._draining = False
        self._loader: threading.Thread | None = None
        self._settled = asyncio.Event()
        self._parsers = ThreadPoolExecutor(_INTAKE_THREADS, thread_name_prefix="intake")
        telemetry.watch_ready(lambda: self.state == "ready")

    @property
    def state(self) -> State:
        """Where the server is between loading and draining."""
        if self._draining:
            return "draining"
        if self.failure is not None:
            return "failed"
        pool = self.tenure.pool
        return "ready" if pool is not None and pool.ready else "loading"

    def pool(self) -> Pool:
        """Return the engine if it takes requests now.

        Raises:
            StillLoading, StillDraining: as named.
        """
        if self._draining:
            raise StillDraining
        pool = self.tenure.pool
        if pool is None or not pool.ready:
            raise StillLoading("loading failed" if self.failure else self.phase)
        return pool

    def intake_of(self, api_key: str | None) -> Intake:
        """Return the intake with an API key's default budgets; None: without any key."""
        return self.intake if api_key is None else self._intakes[api_key]

    def start_loading(self) -> None:
        """Open the engine in a thread of its own, so that liveness answers meanwhile."""
        loop = asyncio.get_running_loop()
        prepare_decoders()

        def load() -> None:
            try:
                self.decoder.calibrate()
                outcome: Pool | Exception = self._open_pool(self._progress)
            except LoadingStopped:
                return
            except Exception as error:  # reported through /readyz and the exit code
                outcome = error
            try:
                loop.call_soon_threadsafe(self._settle, outcome)
            except RuntimeError:  # the loop closed while loading
                _log.info("stopped while loading")

        self._loader = threading.Thread(target=load, name=LOADER, daemon=True)
        self._loader.start()

    async def settled(self) -> None:
        """Wait until loading has succeeded or failed."""
        await self._settled.wait()

    async def parse(self, read: Callable[..., T], *arguments: object) -> T:
        """Run a parsing function off the event loop."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._parsers, read, *arguments)

    async def drain(self) -> bool:
        """Turn unready, refuse new requests, and wait for the running ones.

        Returns whether all of them finished in time.
        """
        self._draining = True
        self.reloader.stop()
        await asyncio.sleep(self.settings.drain_delay_s)
        return await self.tenure.drain(self.settings.drain_timeout_s)

    async def close(self) -> None:
        """Stop every thread and free the engine."""
        self._draining = True
        self.decoder.close()
        self._parsers.shutdown(wait=False, cancel_futures=True)
        await self.reloader.close()
        await self.tenure.close()
        if self._loader is not None:
            await asyncio.to_thread(self._loader.join, _CLOSING_S)

    def _progress(self, phase: str, share: float) -> None:
        if self._draining:
            raise LoadingStopped
        self.phase, self.done_share = phase, share

    def _settle(self, outcome: Pool | Exception) -> None:
        if isinstance(outcome, Exception):
            self.failure = outcome
        else:
            self.tenure.begin(outcome)
            self.telemetry.serving(outcome.artifact.manifest.name, outcome.artifact.hash)
        self._settled.set()


def _intake_of(key: ApiKey, settings: Settings) -> Intake:
    on_miss = key.default_on_miss or settings.default_on_miss
    return Intake(settings.max_pixels, on_miss, key.default_max_latency_ms)
