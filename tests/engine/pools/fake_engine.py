"""An engine on a fake backend and clock, and short words for using it."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path

from artifact.store import Artifact
from engine.config import EngineConfig
from engine.requests.request import Request
from engine.tasks.vqa import VqaInput
from engine.types import Answer, Budget
from tests.engine.artifacts.tiny_model import MODEL, Array, picture
from tests.engine.pools.fake_backend import fake_pool


class FakeEngine:
    """An open pool whose steps take no time unless told to; its profile says `step_s` for each."""

    def __init__(self, artifact: Artifact, step_s: float = 0.001, **config: object) -> None:
        settings = EngineConfig(**{"cache_dir": Path("unused"), **config})  # type: ignore[arg-type]
        self.pool, self.backend, self.clock = fake_pool(artifact, MODEL, settings, step_s)

    def admit(
        self, budget: Budget | None = None, arrived_s: float | None = None, outside: int = 0
    ) -> Request:
        arrived_s = self.clock.time_s if arrived_s is None else arrived_s
        return self.pool.admit("vqa", budget or Budget(), arrived_s, outside=outside)

    def send(self, budget: Budget | None = None, seed: int = 0, outside: int = 0) -> Future[Answer]:
        request = VqaInput(picture(seed), "what colour", top_k=1)
        return self.pool.submit(self.admit(budget, outside=outside), request)

    def tick(self, step_s: float) -> None:
        """Let every step take `step_s`."""

        def hook(stage: str, inputs: dict[str, Array]) -> None:
            self.clock.time_s += step_s

        self.backend.hook = hook
