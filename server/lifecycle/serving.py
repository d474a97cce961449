"""The server's one piece of state: the engine from loading to draining, and what feeds it."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Literal, TypeVar

from artifact.latency.machine import usable_cores
from engine.clock import Clock
from engine.errors import EngineStopped
from engine.telemetry import Telemetry
from pictures.errors import DecodeWorkerDied
from pictures.images import prepare_decoders
from server.access.shares import Shares, of_key
from server.answering.answerer import Answerer
from server.answering.times import FrontTimes
from server.configuration.api_key import ApiKey
from server.configuration.settings import Settings
from server.engine_pool import LOADER_THREAD, LoadingStopped, OpenPool, Pool
from server.errors import AnswerOverdue, StillDraining, StillLoading
from server.front.front import Front
from server.front.gate import Gate
from server.http.body import BodyReader
from server.lifecycle.adapters import Adapters
from server.lifecycle.memory_budget import MemoryBudget
from server.lifecycle.one_at_a_time import OneAtATime
from server.lifecycle.reloader import Reloader
from server.lifecycle.served_engines import ServedEngines
from server.observing.activity import LatestActivity
from server.pictures.decoder import Decoder, workers_for
from server.pictures.known_pictures import KnownPictures
from server.requests.budget import BudgetDefaults
from server.requests.json_scan import SLICE_BYTES
from server.requests.reader import RequestReader

State = Literal["loading", "ready", "draining", "failed"]
T = TypeVar("T")
_log = logging.getLogger("otmv.server")
_INTAKE_THREADS = 2
_PLACES = 2
"""In the front beside those that are decoded: one is read, one is written."""
_CLOSING_S = 1.0
_OPERATORS_CLOSING_S = 5.0
_WATCH_S = 0.25
"""How often the engine's thread is looked at: a fault that ends it may leave no other sign."""


class Serving:
    """Holds the pool, the decoder and the limits; created per app, used from its event loop."""

    def __init__(
        self, settings: Settings, open_pool: OpenPool, telemetry: Telemetry, clock: Clock
    ) -> None:
        self.settings = settings
        self.telemetry = telemetry
        self.clock = clock
        self._reader = _request_reader(None, settings)
        self._readers = {
            name: _request_reader(key, settings) for name, key in settings.keys.items()
        }
        self.bodies = BodyReader(
            settings.max_body_bytes, settings.max_bodies_bytes, settings.body_timeout_s
        )
        workers = settings.decode_workers or workers_for(usable_cores())
        self.decoder = Decoder(
            workers, settings.max_pixels, clock, settings.decode_timeout_s, settings.decode_memory
        )
        known = KnownPictures(settings.picture_cache, telemetry)
        self.shares = Shares(settings.keys)
        self.front = Front(
            Gate(_PLACES + workers, settings.queue_limit),
            clock,
            telemetry,
            _default_latency_s(settings),
            lambda: self.state == "ready",
        )
        self.answerer = Answerer(self.decoder, known, FrontTimes(), self.front, telemetry, clock)
        self.engines = ServedEngines()
        self._one_at_a_time = OneAtATime()
        self.reloader = Reloader(settings, self.engines, self._one_at_a_time, telemetry, clock)
        self.memory_budget = MemoryBudget(settings.reload, self._one_at_a_time)
        self.adapters = Adapters(settings.reload, settings.adapters, self._one_at_a_time)
        self.activity = LatestActivity(telemetry.registry, clock)
        self.failure: Exception | None = None
        self.phase, self.done_share = "starting", 0.0
        self._open_pool = open_pool
        self._draining = False
        self._loader: threading.Thread | None = None
        self._settled = asyncio.Event()
        self._parsers = ThreadPoolExecutor(_INTAKE_THREADS, thread_name_prefix="intake")
        telemetry.watch_intake(lambda: self.bodies.held_bytes, lambda: self.decoder.pictures)
        telemetry.watch_ready(lambda: self.state == "ready")

    @property
    def state(self) -> State:
        """Where the server is between loading and draining."""
        if self._draining:
            return "draining"
        pool = self.engines.pool
        if self.failure is not None or (pool is not None and pool.stopped):
            return "failed"
        if pool is not None and self._hangs(pool):
            return "failed"
        return "ready" if pool is not None and pool.ready else "loading"

    def pool(self) -> Pool:
        """Return the engine if it takes requests now.

        Raises:
            StillLoading, StillDraining: as named; AnswerOverdue: it hangs.
        """
        if self._draining:
            raise StillDraining
        pool = self.engines.pool
        if pool is not None and pool.stopped:
            raise StillLoading("stopped by a fault")
        if pool is not None and self._hangs(pool):
            raise AnswerOverdue
        if pool is None or not pool.ready:
            raise StillLoading("loading failed" if self.failure else self.phase)
        return pool

    def _hangs(self, pool: Pool) -> bool:
        return pool.silent_s > self.settings.hang_timeout_s

    async def engine_stopped(self) -> None:
        """Wait until a fault has ended the engine that takes requests; then this has failed."""
        # A thread that is killed may signal nothing, so it is looked at.
        while (pool := self.engines.pool) is None or not pool.stopped:  # noqa: ASYNC110
            await asyncio.sleep(_WATCH_S)
        self.failure = EngineStopped()

    def reader_for(self, api_key: str | None) -> RequestReader:
        """Return the reader with the default budgets of an API key, by its name; None: no key."""
        return self._reader if api_key is None else self._readers[api_key]

    def start_loading(self) -> None:
        """Open the engine in a thread of its own, so that liveness answers while it loads."""
        loop = asyncio.get_running_loop()
        prepare_decoders()
        try:
            self.decoder.start()
        except OSError as error:
            self.fail(OSError(f"no process that decodes pictures can be started: {error}"))
            return

        def load() -> None:
            try:
                self.decoder.calibrate()
                outcome: Pool | Exception = self._opened()
            except LoadingStopped:
                return
            except Exception as error:  # reported through /readyz and the exit code
                outcome = error
            try:
                asyncio.run_coroutine_threadsafe(self._settle(outcome), loop)
            except RuntimeError:  # the loop closed while loading
                _log.info("stopped while loading")

        self._loader = threading.Thread(target=load, name=LOADER_THREAD, daemon=True)
        self._loader.start()

    def _opened(self) -> Pool:
        """Open the engine, and load the adapters of the operator's folder."""
        pool = self._open_pool(self._progress)
        self.adapters.load_all(pool)
        return pool

    def fail(self, error: Exception) -> None:
        """Take no requests ever, for a reason that came before loading."""
        self.failure = error
        self._settled.set()

    async def settled(self) -> None:
        """Wait until loading has succeeded or failed."""
        await self._settled.wait()

    async def parse(self, size_bytes: int, read: Callable[..., T], *arguments: object) -> T:
        """Run a parsing function: at once on a short body, off the event loop on a long one."""
        if size_bytes <= SLICE_BYTES:
            return read(*arguments)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._parsers, read, *arguments)

    async def drain(self) -> bool:
        """Turn unready, refuse new requests, and wait for the running ones.

        Returns whether all of them finished in time.
        """
        self._draining = True
        self.reloader.stop()
        await asyncio.sleep(self.settings.drain_delay_s)
        finished = await self.engines.drain(self.settings.drain_timeout_s)
        self.decoder.close()
        return finished

    async def close(self) -> None:
        """Stop every thread and free the engine."""
        self._draining = True
        self.decoder.close()
        self._parsers.shutdown(wait=False, cancel_futures=True)
        self.reloader.stop()
        await self._one_at_a_time.wait_for_end(_OPERATORS_CLOSING_S)
        await self.engines.close()
        if self._loader is not None:
            await asyncio.to_thread(self._loader.join, _CLOSING_S)

    def _progress(self, phase: str, share: float) -> None:
        if self._draining:
            raise LoadingStopped
        self.phase, self.done_share = phase, share

    async def _settle(self, outcome: Pool | Exception) -> None:
        """Take an engine into service, once pictures can be decoded; or note why there is none."""
        if isinstance(outcome, Exception):
            self.failure = outcome
        else:
            with suppress(DecodeWorkerDied, TimeoutError):  # decoding starts another
                async with asyncio.timeout(self.settings.decode_timeout_s):
                    await self.decoder.ready()
            self.engines.serve(outcome)
            self.telemetry.serving(outcome.artifact.manifest.name, outcome.artifact.hash)
        self._settled.set()


def _default_latency_s(settings: Settings) -> dict[Hashable, float]:
    """Return the latency budget of each share whose requests name none; None: of all others."""
    found: dict[Hashable, float] = {None: settings.default_max_latency_ms / 1e3}
    for name, key in settings.keys.items():
        if key.default_max_latency_ms is not None:
            found[of_key(name)] = key.default_max_latency_ms / 1e3
    return found


def _request_reader(key: ApiKey | None, settings: Settings) -> RequestReader:
    """Return the reader of requests that come with a key, or without any."""
    if key is None:
        return RequestReader(settings.max_pixels, BudgetDefaults(settings.default_on_miss))
    on_miss = key.default_on_miss or settings.default_on_miss
    defaults = BudgetDefaults(on_miss, key.default_max_latency_ms)
    return RequestReader(settings.max_pixels, defaults, key.default_adapter)
