"""What routers scrape: right while requests run, and within one look after all were cancelled."""

from __future__ import annotations

import threading

import pytest

from artifact.store import Artifact
from engine.pool import EnginePool
from engine.types import Budget
from tests.engine.artifacts.tiny_model import Array
from tests.engine.pools import inside
from tests.engine.pools.fake_engine import FakeEngine

PLACES = 10


def gauges(pool: EnginePool) -> dict[str, float]:
    names = {
        "waiting": "queue_depth",
        "running": "running_requests",
        "taken": "utilization_ratio",
        "price": "marginal_points_per_second",
    }
    read = pool.telemetry.registry.get_sample_value
    return {short: read(f"otmv_{name}") or 0.0 for short, name in names.items()}


class Held:
    """An engine whose first step lasts until it is let go."""

    def __init__(self, artifact: Artifact) -> None:
        self.engine = FakeEngine(artifact, queue_limit=PLACES, max_batch=2)
        self.begun, self.let_go = threading.Event(), threading.Event()
        self.engine.backend.hook = self._wait

    def _wait(self, stage: str, inputs: dict[str, Array]) -> None:
        self.begun.set()
        self.let_go.wait(20)

    def close(self) -> None:
        self.let_go.set()
        self.engine.pool.close()


def test_they_are_right_while_requests_run_and_when_all_are_cancelled(tiny: Artifact) -> None:
    held = Held(tiny)
    try:
        pool, hurry = held.engine.pool, Budget(max_latency_ms=20.0)
        assert gauges(pool) == {"waiting": 0, "running": 0, "taken": 0, "price": 0}
        first = held.engine.send(hurry)
        assert held.begun.wait(20)
        for _ in range(6):
            held.engine.send(hurry)
        undecoded = held.engine.admit(hurry)
        busy = gauges(pool)
        assert (busy["waiting"], busy["running"]) == (7, 1)
        assert busy["taken"] == pytest.approx(8 / PLACES)
        assert busy["price"] > 0, "eight requests, and time for less"
        for request in inside.open_requests(pool):
            pool.cancel(request)
        assert gauges(pool) == {"waiting": 0, "running": 0, "taken": 0, "price": 0}
        assert undecoded.future.done()
        assert first.done()
    finally:
        held.close()


def test_requests_with_time_to_spare_have_no_price(tiny: Artifact) -> None:
    held = Held(tiny)
    try:
        held.engine.send(Budget(max_latency_ms=10_000.0))
        assert held.begun.wait(20)
        assert gauges(held.engine.pool)["running"] == 1
        assert gauges(held.engine.pool)["price"] == 0
    finally:
        held.close()
