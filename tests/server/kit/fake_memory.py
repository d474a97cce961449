"""The memory of a fake engine: two key blocks under a budget, and the gauges that tell of them."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from engine.errors import BudgetTooSmall
from engine.telemetry import Telemetry

SHARED_BYTES = 5_000_000
KEY_BYTES = 10_000_000
KEYS = 2


@dataclass
class FakeMemory:
    """Holds as many key blocks as fit, and at least one.

    `error` is raised by a change that fits. `go` holds up a change until it is set; `begun` is set
    when one begins.
    """

    budget_bytes: int | None = None
    keys: int = KEYS
    error: Exception | None = None
    begun: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.go.set()

    def set_budget(self, budget_bytes: int | None) -> None:
        self.begun.set()
        assert self.go.wait(10)
        room = SHARED_BYTES + KEYS * KEY_BYTES if budget_bytes is None else budget_bytes
        fitting = min(KEYS, (room - SHARED_BYTES) // KEY_BYTES)
        if fitting < 1:
            raise BudgetTooSmall(room, SHARED_BYTES + KEY_BYTES, keys=1)
        self.budget_bytes = budget_bytes
        if self.error is not None:
            raise self.error
        self.keys = fitting

    @property
    def resident_bytes(self) -> int:
        return SHARED_BYTES + self.keys * KEY_BYTES

    def watch(self, telemetry: Telemetry) -> None:
        """Let gauges show this memory, as an engine does."""
        telemetry.watch_budget(lambda: self.budget_bytes)
        telemetry.watch_stages(lambda: (SHARED_BYTES, self.keys * KEY_BYTES))
        telemetry.watch_keys(KEYS, lambda key: KEY_BYTES if key < self.keys else 0)
