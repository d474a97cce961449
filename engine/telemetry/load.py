"""What is under way, and what is loaded: gauges that are read when metrics are."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

from engine.telemetry.instruments import Instruments


class LoadInstruments:
    """What is under way, and what is loaded: gauges that are read when metrics are."""

    def __init__(self, made: Instruments) -> None:
        self._depth = made.gauge("queue_depth", "Requests admitted and not yet running.")
        self._open = made.gauge("open_requests", "Requests admitted and not yet ended.")
        self._running = made.gauge("running_requests", "Requests that have begun and not ended.")
        self._utilization = made.gauge(
            "utilization_ratio", "Share of the places for requests, or for captions, that is taken."
        )
        self._price = made.gauge(
            "marginal_points_per_second",
            "Points of quality (of 100) that a second of further work now would cost.",
        )
        self._slots = made.gauge("caption_slots_taken", "Slots of captions that are held.")
        self._silent = made.gauge(
            "engine_silent_seconds", "Time of the engine's present turn; 0 while it is idle."
        )
        self._resident = made.gauge(
            "resident_bytes", "Bytes of loaded stages (measured) and of open requests.", "kind"
        )
        self._key_block = made.gauge(
            "key_block_bytes", "Bytes of one key block's loaded stages (measured).", "key"
        )
        self._budget = made.gauge("memory_budget_bytes", "Memory budget; +Inf without one.")
        self._adapters = made.gauge("adapters", "Adapters that requests may name.")
        self._keys = 0

    def watch_open(self, count: Callable[[], float], slots: Callable[[], float]) -> None:
        """Read how many requests are open, and the slots they hold, whenever metrics are read."""
        self._open.set_function(count)
        self._slots.set_function(slots)

    def watch_load(
        self,
        running: Callable[[], float],
        utilization: Callable[[], float],
        price: Callable[[], float],
    ) -> None:
        """Read what routers choose a server by whenever metrics are read."""
        self._running.set_function(running)
        self._utilization.set_function(utilization)
        self._price.set_function(price)

    def watch_queue(self, depth: Callable[[], float], request_bytes: Callable[[], float]) -> None:
        """Read the queue's depth and the open requests' bytes whenever metrics are read."""
        self._depth.set_function(depth)
        self._resident.labels("requests").set_function(request_bytes)

    def watch_engine(self, silent_s: Callable[[], float]) -> None:
        """Read how long the engine's present turn has taken whenever metrics are read."""
        self._silent.set_function(silent_s)

    def watch_stages(self, loaded_bytes: Callable[[], tuple[int, int]]) -> None:
        """Read the bytes of (shared stages, key blocks) whenever metrics are read."""
        self._resident.labels("shared").set_function(lambda: loaded_bytes()[0])
        self._resident.labels("keys").set_function(lambda: loaded_bytes()[1])

    def watch_keys(self, keys: int, key_bytes: Callable[[int], int]) -> None:
        """Read the loaded bytes of each key block, 0 if it is not, whenever metrics are read."""
        for key in range(keys):
            self._key_block.labels(str(key)).set_function(partial(key_bytes, key))
        for key in range(keys, self._keys):
            self._key_block.remove(str(key))
        self._keys = keys

    def watch_budget(self, budget_bytes: Callable[[], int | None]) -> None:
        """Read the memory budget whenever metrics are read."""

        def read() -> float:
            budget = budget_bytes()
            return math.inf if budget is None else budget

        self._budget.set_function(read)

    def watch_adapters(self, count: Callable[[], float]) -> None:
        """Let the gauge show how many adapters are loaded."""
        self._adapters.set_function(count)
