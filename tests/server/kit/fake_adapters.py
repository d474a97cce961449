"""Adapters of a fake engine: read and checked as by the real one, and put nowhere."""

from __future__ import annotations

from pathlib import Path

from artifact.adapters.folder import read_adapter
from engine.errors import AdapterLoaded, TooManyAdapters, UnknownAdapter
from engine.residency.adapters.lease import LoadedAdapter

PLACES = 2


class FakeAdapters:
    """Has two places."""

    def __init__(self) -> None:
        self.loaded: dict[str, LoadedAdapter] = {}
        self.asked: list[str | None] = []

    def load(self, folder: Path) -> LoadedAdapter:
        adapter = read_adapter(folder)
        if adapter.record.name in self.loaded:
            raise AdapterLoaded(adapter.record.name)
        if len(self.loaded) == PLACES:
            raise TooManyAdapters(PLACES)
        found = LoadedAdapter(adapter.record, adapter.hash, folder, 1, adapter.size_bytes)
        self.loaded[adapter.record.name] = found
        return found

    def drop(self, name: str) -> LoadedAdapter:
        if name not in self.loaded:
            raise UnknownAdapter(name, tuple(self.loaded))
        return self.loaded.pop(name)

    def check(self, name: str | None) -> None:
        """Refuse a name that is not loaded."""
        self.asked.append(name)
        if name is not None and name not in self.loaded:
            raise UnknownAdapter(name, tuple(self.loaded))
