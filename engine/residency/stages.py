"""Which stages are loaded: residency under a byte budget, later keys go first (ADR 0014)."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from artifact.store import Artifact
from engine.backends.arrays import AnyArray, Memory
from engine.backends.base import Backend, LoadedStage
from engine.backends.stage_memory import places_for_outputs
from engine.errors import BudgetTooSmall
from engine.residency.adapters.stages import AdaptedStages
from engine.residency.adapters.tables import AdapterTables
from engine.residency.family import Family, Member
from engine.residency.loader import StageLoader
from engine.residency.memory import release_freed
from engine.residency.stage_bytes import StageBytes

Progress = Callable[[str, float], None]


class StageSet:
    """The loaded stages of one artifact on one backend.

    A stage's bytes are the growth of the process's resident set, and of what the backend holds
    outside it, while the stage is loaded and run (see `StageBytes`). The growth while every bucket
    is run at the largest batch is the stage's too, except where the backend keeps all activations
    in one arena: there it is the workspace, which every variant needs and eviction does not return
    (`found_bytes` of it are there before the first stage).
    What the library itself holds (code, threads) counts for no stage.

    `run` belongs to one thread; the rest may be called from any.

    Attributes:
        adapted: the stages that take adapters, if any adapter is loaded.
    """

    def __init__(
        self,
        artifact: Artifact,
        backend: Backend,
        family: Family,
        max_batch: int,
        budget_bytes: int | None = None,
        found_bytes: int = 0,
        adapter_places: int = 0,
    ) -> None:
        self._backend = backend
        self._family = family
        self._loader = StageLoader(artifact, backend, family, max_batch)
        self._budget_bytes = budget_bytes
        self._loaded: dict[str, LoadedStage] = {}
        self._residency = threading.RLock()
        self._resident_keys = 0
        self._least_keys = 1 + min(member.keys[-1] for member in family.members.values())
        self._shrunk = False
        used: dict[str, Iterable[str]] = {
            name: family.manifest.stages[name].initializers for name in family.stages
        }
        found_bytes = found_bytes if backend.shares_workspace else 0
        self._bytes = StageBytes(artifact.tensor_bytes(), used, found_bytes)
        config, memory = family.manifest.config, backend.memory
        self.adapted = AdaptedStages(
            family.manifest.adapted,
            adapter_places,
            lambda form: AdapterTables(form, config, memory, adapter_places),
            self._loader.load_adapted,
            self._residency,
        )

    @property
    def memory(self) -> Memory:
        """Where arrays that pass between its stages lie."""
        return self._backend.memory

    @property
    def keys(self) -> int:
        """Number of key blocks of the artifact."""
        return self._family.manifest.config.keys

    @property
    def resident_keys(self) -> int:
        """How many keys, from the first, are offered."""
        return self._resident_keys

    @property
    def loaded(self) -> tuple[str, ...]:
        """The stages that can run now."""
        return tuple(self._loaded)

    def of_key(self, key: int | None) -> tuple[str, ...]:
        """Return the stages of one key, or those every variant shares."""
        return tuple(s for s in self._family.stages if self._family.key_of_stage(s) == key)

    @property
    def workspace_bytes(self) -> int:
        """Return the bytes of the arena all stages share; 0 where each has its own."""
        return self._bytes.workspace

    def loaded_bytes(self) -> tuple[int, int]:
        """Return the bytes of (workspace, stems and heads, adapters; loaded key blocks)."""
        shared = [stage for stage in self.loaded if self._family.key_of_stage(stage) is None]
        keyed = [stage for stage in self.loaded if self._family.key_of_stage(stage) is not None]
        apart = self.workspace_bytes + self.adapted.held_bytes()
        return apart + self._bytes.of(shared), self._bytes.of(keyed)

    def key_bytes(self, key: int) -> int:
        """Return the bytes of one key block's loaded stages."""
        return self._bytes.of(stage for stage in self.of_key(key) if stage in self._loaded)

    @property
    def budget_bytes(self) -> int | None:
        """Return the byte budget; None without one."""
        return self._budget_bytes

    def bytes_of(self, stage: str) -> int:
        """Return a stage's bytes; of a key never loaded, an estimate."""
        return self._bytes.of((stage,))

    def load(self, on_progress: Progress) -> None:
        """Load shared stages, then keys in order while the budget lasts.

        Raises:
            LoadFailed: if a stage cannot be loaded; BudgetTooSmall: if no variant fits.
        """
        with self._residency:
            gc.collect()  # garbage freed later would hide a stage's growth
            self._loader.wake_library(min(self._family.stages, key=self.bytes_of))
            for stage in self.of_key(None):
                self._load_stage(stage, on_progress)
            self._load_keys(on_progress)
            if self._resident_keys < self._least_keys:
                raise self._refused(self._budget_bytes)

    def set_budget(self, budget_bytes: int | None) -> None:
        """Change the budget: offer fewer keys at once, or load the ones that fit now.

        Stages of keys no longer offered stay until `evict`, so that running rows can finish.

        Raises:
            BudgetTooSmall: if no variant would be left; nothing changes then.
            LoadFailed: if a stage that fits cannot be loaded; the budget has changed then.
        """
        with self._residency:
            fitting = self._fitting_keys(budget_bytes)
            if fitting < self._least_keys:
                raise self._refused(budget_bytes)
            self._budget_bytes = budget_bytes
            self._shrunk = False
            self._resident_keys = min(self._resident_keys, fitting)
            self._load_keys(lambda what, share: None)
            self._shrunk = self._surplus(self._resident_keys)

    def evict(self, keys_in_use: int) -> None:
        """Unload the stages of keys that are neither offered nor below `keys_in_use`.

        Does nothing while another thread loads; call again.
        """
        if not self._residency.acquire(blocking=False):
            return
        try:
            keep = max(self._resident_keys, keys_in_use, 1)
            for stage in self.loaded:
                if (self._family.key_of_stage(stage) or 0) >= keep:
                    del self._loaded[stage]
            self.adapted.follow(self.loaded, load=False)
            self._shrunk = self._surplus(self._resident_keys)
            release_freed()
        finally:
            self._residency.release()

    def can_evict(self, keys_in_use: Callable[[], int]) -> bool:
        """Tell whether `evict` would unload something; cheap unless the budget was lowered."""
        return self._shrunk and self._surplus(max(self._resident_keys, keys_in_use()))

    def _surplus(self, keys: int) -> bool:
        return any((self._family.key_of_stage(stage) or 0) >= keys for stage in self.loaded)

    def places(self, stage: str, inputs: Mapping[str, AnyArray]) -> dict[str, AnyArray]:
        """Return new arrays of the backend's memory for the outputs of a call that stay there."""
        return places_for_outputs(self._family.manifest, self._backend.memory, stage, inputs)

    def run(
        self, stage: str, inputs: Mapping[str, AnyArray], into: Mapping[str, AnyArray] | None = None
    ) -> dict[str, Any]:
        """Run one batch through a stage (see `LoadedStage.run`).

        `adapter`, int64 [B], may be among the inputs: each row's place in the adapters' tables. If
        none of them acts at this stage, the plain stage runs.

        Raises:
            InferenceFailed: if the backend throws.
        """
        if "adapter" in inputs:
            return self.adapted.run(stage, inputs, into, self._loaded[stage])
        return self._loaded[stage].run(inputs, into)

    def close(self) -> None:
        """Unload everything."""
        with self._residency:
            self.adapted.close()
            self._loaded.clear()
        release_freed()

    def variant_bytes(self, member: Member) -> int:
        """Return what one request for a variant needs: workspace, its stages, its own arrays."""
        return self.workspace_bytes + self._bytes.of(member.stages) + member.request_bytes

    def total_bytes(self, keys: int, adapters: int | None = None) -> int:
        """Return the bytes of all but later keys, with that many adapters, or with all."""
        groups: list[int | None] = [None, *range(keys)]
        stages = (stage for key in groups for stage in self.of_key(key))
        return self.workspace_bytes + self._bytes.of(stages) + self.adapted.held_bytes(adapters)

    def _fitting_keys(self, budget_bytes: int | None) -> int:
        if budget_bytes is None:
            return self.keys
        fitting = 0
        while fitting < self.keys and self.total_bytes(fitting + 1) <= budget_bytes:
            fitting += 1
        return fitting

    def _load_keys(self, on_progress: Progress) -> None:
        """Load further keys while the estimate fits; a key measured too large goes again."""
        while self._resident_keys < self._fitting_keys(self._budget_bytes):
            for stage in self.of_key(self._resident_keys):
                self._load_stage(stage, on_progress)
            self.adapted.follow(self.loaded)
            if self._fitting_keys(self._budget_bytes) <= self._resident_keys:
                self.evict(0)
                return
            self._resident_keys += 1

    def _load_stage(self, stage: str, on_progress: Progress) -> None:
        if stage in self._loaded:
            return
        on_progress(f"loading {stage}", len(self._loaded) / len(self._family.stages))
        self._loaded[stage], grown, warmed = self._loader.load(stage)
        if self._backend.shares_workspace:
            self._bytes.record(stage, grown, max(warmed - grown, 0))
        else:
            self._bytes.record(stage, warmed)

    def _refused(self, budget_bytes: int | None) -> BudgetTooSmall:
        needed_bytes = self.total_bytes(self._least_keys)
        return BudgetTooSmall(budget_bytes or 0, needed_bytes, self._least_keys)
