"""An adapter in its place, and a request's hold on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from artifact.adapters.record import AdapterRecord
from artifact.task import TaskName


@dataclass(frozen=True)
class LoadedAdapter:
    """An adapter in its place, as it was when asked.

    Attributes:
        record: what it is.
        hash: SHA-256 of its record.
        folder: where it was read.
        place: its row in every table; never 0.
        table_bytes: what it takes of memory.
        users: requests that hold it.
    """

    record: AdapterRecord
    hash: str
    folder: Path
    place: int
    table_bytes: int = 0
    users: int = 0


class AdapterLease:
    """A request's hold on an adapter: its tables stay until it is released.

    Args:
        adapter: which.
        let_go: called once, when it is released.
    """

    def __init__(self, adapter: LoadedAdapter, let_go: Callable[[int], None]) -> None:
        self.adapter = adapter
        self._let_go: Callable[[int], None] | None = let_go

    @property
    def name(self) -> str:
        """Name of the adapter."""
        return self.adapter.record.name

    def place_for(self, task: TaskName) -> int:
        """Return its row in the tables; 0 for a task that it was not tuned for."""
        return self.adapter.place if task in self.adapter.record.tasks else 0

    def release(self) -> None:
        """Let go; again does nothing."""
        let_go, self._let_go = self._let_go, None
        if let_go is not None:
            let_go(self.adapter.place)
