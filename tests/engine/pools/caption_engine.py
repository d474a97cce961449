"""An engine on fakes with few slots for captions, and short words for using it."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

from artifact.store import Artifact
from engine.requests.request import Request
from engine.tasks.caption import CaptionInput
from engine.types import Answer, Budget
from tests.engine.artifacts.tiny_model import picture
from tests.engine.pools import inside
from tests.engine.pools.fake_engine import FakeEngine

SLOTS = 8


class CaptionEngine(FakeEngine):
    """A fake engine with eight slots for captions."""

    def __init__(self, artifact: Artifact, **config: object) -> None:
        super().__init__(artifact, **{"max_batch": 4, "caption_slots": SLOTS, **config})

    def caption(self, rows: int = 1, **budget: Any) -> Request:
        return self.pool.admit("caption", Budget(**budget), self.clock.time_s, rows=rows)

    def write(self, request: Request, beams: int = 1, seed: int = 0) -> Future[Answer]:
        return self.pool.submit(request, CaptionInput(picture(seed), None, beams))

    @property
    def free_slots(self) -> int:
        return inside.free_slots(self.pool)

    @property
    def taken_slots(self) -> int:
        return inside.taken_slots(self.pool)

    def settle(self) -> None:
        """Wait until the engine has let go of requests that left."""
        self.backend.gate.set()
        self.send().result(20)
