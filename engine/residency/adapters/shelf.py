"""Which adapters are loaded, and who uses them: loading and dropping while requests run."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from artifact.adapters.errors import AdapterTooLarge, InvalidAdapter, UnsupportedAdapter
from artifact.adapters.folder import Adapter, check_base, read_adapter
from artifact.manifest.adapted import AdaptedForm
from artifact.store import Artifact
from engine.errors import (
    AdapterBudgetTooSmall,
    AdapterLoaded,
    TooManyAdapters,
    UnknownAdapter,
)
from engine.residency.adapters.lease import AdapterLease, LoadedAdapter
from engine.residency.stages import StageSet


class AdapterShelf:
    """The loaded adapters of one engine. Thread-safe.

    Loads and drops come one after the other. Taking and releasing a lease never waits for them.

    Args:
        artifact: their base.
        stages: of the artifact, which run them.
        places: most of them at once.
    """

    def __init__(self, artifact: Artifact, stages: StageSet, places: int) -> None:
        self._artifact = artifact
        self._stages = stages
        self._free = list(range(places, 0, -1))
        self._places = places
        self._named: dict[str, LoadedAdapter] = {}
        self._leaving: list[LoadedAdapter] = []
        self._users: Counter[int] = Counter()
        self._table = threading.Lock()
        self._change = threading.Lock()

    @property
    def loaded(self) -> Mapping[str, LoadedAdapter]:
        """Return those that requests may name, and how many hold each now."""
        with self._table:
            named = sorted(self._named.items())
            return {name: replace(a, users=self._users[a.place]) for name, a in named}

    def lease(self, name: str) -> AdapterLease:
        """Hold an adapter for a request.

        Raises:
            UnknownAdapter: there is none of that name.
        """
        with self._table:
            found = self._named.get(name)
            if found is None:
                raise UnknownAdapter(name, tuple(sorted(self._named)))
            self._users[found.place] += 1
        return AdapterLease(found, self._let_go)

    def _let_go(self, place: int) -> None:
        """Count a user less; the last one of a dropped adapter clears it away."""
        with self._table:
            self._users[place] -= 1
            leaving = any(each.place == place for each in self._leaving)
            last = leaving and not self._users[place]
        if last and self._change.acquire(blocking=False):  # else whoever changes things sweeps
            try:
                self._sweep(wait=False)
            finally:
                self._change.release()

    def load(self, folder: Path) -> LoadedAdapter:
        """Read an adapter and let requests name it; blocking.

        Raises:
            AdapterError, ArtifactError: it cannot be read, or is not for this artifact.
            AdapterLoaded: there is one of its name.
            TooManyAdapters, AdapterBudgetTooSmall: there is no room for it.
            LoadFailed: an adapted stage cannot be loaded.
        """
        adapter = self._read(folder)
        with self._change, self._swept():
            name = adapter.record.name
            if name in self._named:
                raise AdapterLoaded(name)
            if not self._free:
                raise TooManyAdapters(self._places)
            place = self._free.pop()
            try:
                self._put(folder, place, adapter)
            except BaseException:
                self._stages.adapted.clear(place)
                self._free.append(place)
                raise
            table_bytes = self._stages.adapted.adapter_bytes
            found = LoadedAdapter(adapter.record, adapter.hash, folder, place, table_bytes)
            with self._table:
                self._named[name] = found
            return found

    def drop(self, name: str) -> LoadedAdapter:
        """Let no new request name an adapter; those that use it finish with it.

        Raises:
            UnknownAdapter: there is none of that name.
        """
        with self._change:
            with self._table:
                found = self._named.pop(name, None)
                if found is None:
                    raise UnknownAdapter(name, tuple(sorted(self._named)))
                self._leaving.append(found)
            self._sweep()
            return found

    @contextmanager
    def _swept(self) -> Iterator[None]:
        """Clear away before, for the places, and after: a last user may have gone meanwhile."""
        self._sweep()
        try:
            yield
        finally:
            self._sweep()

    def _read(self, folder: Path) -> Adapter:
        adapter = read_adapter(folder)
        if adapter.record.name != folder.name:
            problem = f"it is called {adapter.record.name}, not as its folder"
            raise InvalidAdapter(folder, problem, "give the folder its name")
        check_base(folder, adapter.record, self._artifact)
        if adapter.record.heads:
            tasks = ", ".join(adapter.record.heads)
            problem = f"it has a head of its own for {tasks}, which only a merged model can serve"
            raise UnsupportedAdapter(folder, problem, "tune it without one")
        return adapter

    def _put(self, folder: Path, place: int, adapter: Adapter) -> None:
        """Write an adapter's tables, in a form with more room if that is needed."""
        adapted = self._stages.adapted
        live = [*self._named.values(), *self._leaving]
        form = adapted.form_for([*(each.record for each in live), adapter.record])
        if isinstance(form, str):
            raise AdapterTooLarge(folder, form, "export the artifact with more room")
        if form is not adapted.form:
            self._widen(form, live, place, adapter)
        else:
            self._check_budget(len(live) + 1)
            adapted.put(place, adapter)
        self._stages.adapted.count = len(live) + 1

    def _widen(
        self, form: AdaptedForm, live: list[LoadedAdapter], place: int, adapter: Adapter
    ) -> None:
        """Let a form with more room take the place of the one that runs."""
        again = {each.place: self._again(each) for each in live}
        adapted, before = self._stages.adapted, self._stages.adapted.running
        adapted.use(form, again | {place: adapter}, self._stages.loaded)
        try:
            self._check_budget(len(live) + 1)
        except AdapterBudgetTooSmall:
            adapted.running = before
            raise
        with self._table:
            for name, each in self._named.items():
                self._named[name] = replace(each, table_bytes=adapted.adapter_bytes)

    def _again(self, loaded: LoadedAdapter) -> Adapter:
        """Read an adapter that is loaded once more, for the tables of another form."""
        adapter = read_adapter(loaded.folder)
        if adapter.hash != loaded.hash:
            problem = f"it is not the {loaded.record.name} that is loaded any more"
            raise InvalidAdapter(loaded.folder, problem, "drop that one, and load both again")
        return adapter

    def _check_budget(self, adapters: int) -> None:
        budget = self._stages.budget_bytes
        needed = self._stages.total_bytes(self._stages.resident_keys, adapters)
        if budget is not None and needed > budget:
            raise AdapterBudgetTooSmall(budget, needed)

    def _sweep(self, wait: bool = True) -> None:
        """Clear away dropped adapters that nobody uses; under `_change`."""
        with self._table:
            gone = [each for each in self._leaving if not self._users[each.place]]
        for each in gone:
            if self._stages.adapted.clear(each.place, wait):
                with self._table:
                    self._leaving.remove(each)
                self._free.append(each.place)
        self._stages.adapted.count = len(self._named) + len(self._leaving)
