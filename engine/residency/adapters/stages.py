"""Adapted stages: the form that runs, and which calls need it (ADR 0031)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from artifact.adapters.folder import Adapter
from artifact.adapters.record import AdapterRecord
from artifact.manifest import StageFile
from artifact.manifest.adapted import AdaptedForm
from engine.backends.arrays import AnyArray
from engine.backends.base import LoadedStage
from engine.errors import InferenceFailed
from engine.residency.adapters.tables import AdapterTables

LoadAdapted = Callable[[str, StageFile, Mapping[str, AnyArray]], tuple[LoadedStage, int]]
"""Loads and warms the adapted form of a stage, on these tables; returns also its bytes."""


@dataclass(frozen=True)
class RunningForm:
    """The form that runs. Replaced as a whole: the engine's thread reads it without a lock."""

    form: AdaptedForm
    tables: AdapterTables
    loaded: Mapping[str, LoadedStage] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    acts: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    """By stage, at which places an adapter has anything to do there."""


class AdaptedStages:
    """The adapted form in use, if adapters are loaded. `call` is for the engine's thread.

    Args:
        forms: of the artifact, the first with room is used.
        places: most adapters at once.
        make_tables: for a form.
        load: loads an adapted stage.
        lock: what stages of the artifact are loaded and dropped under.

    Attributes:
        running: the form that runs; None: there are no adapters.
        count: adapters whose tables are in memory.
    """

    def __init__(
        self,
        forms: Sequence[AdaptedForm],
        places: int,
        make_tables: Callable[[AdaptedForm], AdapterTables],
        load: LoadAdapted,
        lock: threading.RLock,
    ) -> None:
        self._forms = forms
        self._places = places
        self._make_tables = make_tables
        self._load = load
        self._lock = lock
        self.running: RunningForm | None = None
        self.count = 0

    def held_bytes(self, adapters: int | None = None) -> int:
        """Return the bytes of adapted stages, and the tables of that many adapters, or of all."""
        count = self.count if adapters is None else adapters
        stages = 0 if self.running is None else sum(self.running.sizes.values())
        return stages + self.adapter_bytes * count

    @property
    def adapter_bytes(self) -> int:
        """Bytes that each adapter takes in the form that runs; 0 without one."""
        return 0 if self.running is None else self.running.tables.adapter_bytes

    def run(
        self,
        stage: str,
        inputs: Mapping[str, AnyArray],
        into: Mapping[str, AnyArray] | None,
        plain: LoadedStage,
    ) -> dict[str, Any]:
        """Run one batch, each row with its adapter (see `LoadedStage.run`).

        Args:
            stage: name of the stage.
            inputs: the plain stage's, and `adapter`, int64 [B]: each row's place in the tables.
            into: arrays for outputs.
            plain: runs it if none of the adapters acts at this stage.

        Raises:
            InferenceFailed: the backend throws, or the form that they need is not loaded.
        """
        adapter = inputs["adapter"]
        assert isinstance(adapter, np.ndarray), "it is on the host, as orders are"
        adapted = self.call(stage, adapter)
        if adapted is not None:
            loaded, tables = adapted
            return loaded.run({**inputs, **tables}, into)
        return plain.run({n: array for n, array in inputs.items() if n != "adapter"}, into)

    def call(
        self, stage: str, adapter: NDArray[np.int64]
    ) -> tuple[LoadedStage, dict[str, AnyArray]] | None:
        """Return what runs a call of rows with these adapters; None: the plain stage does.

        Raises:
            InferenceFailed: the form that they need is not loaded.
        """
        if not adapter.any():
            return None
        running = self.running
        if running is None:
            raise InferenceFailed(stage, "the request's adapter is not loaded")
        acts = running.acts.get(stage)
        if acts is None or not acts[adapter].any():
            return None
        if stage not in running.loaded:
            raise InferenceFailed(stage, "its adapted form is not loaded")
        return running.loaded[stage], running.tables.of(stage)

    def form_for(self, records: Sequence[AdapterRecord]) -> AdaptedForm | str:
        """Return a form with room for all of these, or why there is none.

        The one that runs is kept while others than the last of these need it.
        """
        lacks = "the artifact was exported without room for adapters"
        kept = [self.form] if self.form is not None and len(records) > 1 else []
        for form in (*kept, *self._forms):
            missing = [problem for record in records if (problem := form.capacity.lacks(record))]
            if not missing:
                return form
            lacks = missing[0]
        return lacks

    def use(
        self, form: AdaptedForm, adapters: Mapping[int, Adapter], stages: Collection[str]
    ) -> None:
        """Let a form run; it is loaded beside the one that runs, and then takes its place.

        Args:
            form: of this artifact.
            adapters: by place, whose tables it gets.
            stages: plain stages that are loaded.

        Raises:
            LoadFailed: a stage of it cannot be loaded; nothing changes then.
        """
        with self._lock:
            made = RunningForm(form, self._make_tables(form))
            for place, adapter in adapters.items():
                made.tables.put(place, adapter)
            made = self._with_stages(made, stages)
            records = {place: adapter.record for place, adapter in adapters.items()}
            self.running = replace(made, acts=self._acts(made, records))

    def _with_stages(self, running: RunningForm, stages: Collection[str]) -> RunningForm:
        loaded, sizes = dict(running.loaded), dict(running.sizes)
        for stage in set(loaded) - set(stages):
            del loaded[stage], sizes[stage]
        for stage, record in running.form.stages.items():
            if stage in stages and stage not in loaded:
                found = self._load(stage, record, running.tables.of(stage))
                loaded[stage], sizes[stage] = found
        return replace(running, loaded=loaded, sizes=sizes)

    def _acts(
        self, running: RunningForm, records: Mapping[int, AdapterRecord]
    ) -> dict[str, NDArray[np.bool_]]:
        found = {}
        for stage in running.form.stages:
            acts = np.zeros(self._places + 1, np.bool_)
            for place, record in records.items():
                acts[place] = running.tables.acts_at(record, stage)
            found[stage] = acts
        return found

    @property
    def form(self) -> AdaptedForm | None:
        """The form that runs."""
        return None if self.running is None else self.running.form

    def put(self, place: int, adapter: Adapter) -> None:
        """Put an adapter into a free place of the form that runs."""
        with self._lock:
            running = self.running
            assert running is not None, "a form runs"
            running.tables.put(place, adapter)
            acts = {stage: at.copy() for stage, at in running.acts.items()}
            for stage, at in acts.items():
                at[place] = running.tables.acts_at(adapter.record, stage)
            self.running = replace(running, acts=acts)

    def clear(self, place: int, wait: bool = True) -> bool:
        """Empty a place that no row uses any more; tell whether that is done.

        Args:
            place: which.
            wait: for stages that are being loaded; else they come first, and nothing is done.
        """
        if not self._lock.acquire(blocking=wait):
            return False
        try:
            running = self.running
            if running is not None:
                acts = {stage: at.copy() for stage, at in running.acts.items()}
                for at in acts.values():
                    at[place] = False
                self.running = replace(running, acts=acts)
                running.tables.clear(place)
        finally:
            self._lock.release()
        return True

    def follow(self, stages: Collection[str], load: bool = True) -> None:
        """Drop adapted stages whose plain ones have gone, and load those of new ones.

        Args:
            stages: plain stages that are loaded.
            load: whether any may be loaded now.

        Raises:
            LoadFailed: one cannot be loaded.
        """
        with self._lock:
            if self.running is not None:
                there = stages if load else set(stages) & set(self.running.loaded)
                self.running = self._with_stages(self.running, there)

    def close(self) -> None:
        """Unload everything."""
        with self._lock:
            self.running = None
