"""A pool that refuses its first requests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from engine.errors import QueueFull
from engine.requests.request import Request
from tests.server.kit.fake_pool import FakePool


@dataclass
class BusyPool(FakePool):
    """Refuses as many requests as there are `waits_s`, each with the wait it asks for."""

    waits_s: list[float] = field(default_factory=list)

    def admit(self, *arguments: Any, **named: Any) -> Request:
        if self.waits_s:
            raise QueueFull(self.limit, self.waits_s.pop(0))
        return super().admit(*arguments, **named)
