"""Which stages are loaded: residency under a byte budget, later keys evicted first (design §4)."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Mapping

from artifact.store import Artifact
from engine.backends.base import Array, Backend, LoadedStage
from engine.errors import LoadFailed
from engine.family import Family
from engine.memory import release_freed, resident_bytes
from engine.probe import buckets_of, stage_inputs

Progress = Callable[[str, float], None]


class StageSet:
    """The loaded stages of one artifact on one backend.

    A stage's bytes are the growth of the process's resident set while it is loaded and run once
    at the largest batch and bucket, and at least the bytes of its weights: the allocator may
    serve a stage from pages freed before it. What the library itself holds (code, thread pool)
    belongs to no stage. Stages of keys never loaded have an estimate: what the same kind of stage
    of an earlier key measured, or their weights.

    `run` belongs to one thread; the rest may be called from any.
    """

    def __init__(
        self,
        artifact: Artifact,
        backend: Backend,
        family: Family,
        max_batch: int,
        budget_bytes: int | None = None,
    ) -> None:
        self._artifact = artifact
        self._backend = backend
        self._family = family
        self._max_batch = max_batch
        self._budget_bytes = budget_bytes
        self._loaded: dict[str, LoadedStage] = {}
        self._measured: dict[str, int] = {}
        self._residency = threading.RLock()
        self._resident_keys = 0
        self._shrunk = False
        sizes = artifact.tensor_bytes()
        self._weights = {
            stage: sum(sizes[name] for name in family.manifest.stages[stage].initializers)
            for stage in family.stages
        }

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

    def loaded_bytes(self) -> tuple[int, int]:
        """Return the bytes of loaded stages: (stems and heads, key blocks)."""
        shared = keys = 0
        for stage in self.loaded:
            if self._family.key_of_stage(stage) is None:
                shared += self.bytes_of(stage)
            else:
                keys += self.bytes_of(stage)
        return shared, keys

    def bytes_of(self, stage: str) -> int:
        """Return a stage's measured bytes, or its estimate if it was never loaded."""
        if stage in self._measured:
            return self._measured[stage]
        kind = stage.partition("[")[0]
        like = [n for s, n in self._measured.items() if s.partition("[")[0] == kind]
        return max(self._weights[stage], max(like, default=0))

    def load(self, on_progress: Progress) -> None:
        """Load shared stages, then keys in order while the budget lasts.

        Raises:
            LoadFailed: if a stage cannot be loaded, or not even the first key fits.
        """
        with self._residency:
            gc.collect()  # garbage freed later would hide a stage's growth
            self._wake_library()
            for stage in self.of_key(None):
                self._load_stage(stage, on_progress)
            self._load_keys(on_progress)
            if self._resident_keys == 0:
                self._refuse(self._budget_bytes or 0)

    def set_budget(self, budget_bytes: int | None) -> None:
        """Change the budget: offer fewer keys at once, or load the ones that fit now.

        Stages of keys no longer offered stay until `evict`, so that running rows can finish.

        Raises:
            LoadFailed: if not even the first key fits; nothing changes then.
        """
        with self._residency:
            fitting = self._fitting_keys(budget_bytes)
            if fitting == 0:
                self._refuse(budget_bytes or 0)
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
            self._shrunk = self._surplus(self._resident_keys)
            release_freed()
        finally:
            self._residency.release()

    def can_evict(self, keys_in_use: Callable[[], int]) -> bool:
        """Tell whether `evict` would unload something; cheap unless the budget was lowered."""
        return self._shrunk and self._surplus(max(self._resident_keys, keys_in_use()))

    def _surplus(self, keys: int) -> bool:
        return any((self._family.key_of_stage(stage) or 0) >= keys for stage in self.loaded)

    def run(self, stage: str, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Run one batch through a stage.

        Raises:
            InferenceFailed: if the backend throws.
        """
        return self._loaded[stage].run(inputs)

    def close(self) -> None:
        """Unload everything."""
        with self._residency:
            self._loaded.clear()
        release_freed()

    def total_bytes(self, keys: int) -> int:
        """Return the bytes of the shared stages and the first `keys` keys."""
        groups: list[int | None] = [None, *range(keys)]
        return sum(self.bytes_of(stage) for key in groups for stage in self.of_key(key))

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
            if self._fitting_keys(self._budget_bytes) <= self._resident_keys:
                self.evict(0)
                return
            self._resident_keys += 1

    def _wake_library(self) -> None:
        """Load and drop the smallest stage, so that the library's own memory is no stage's."""
        stage = min(self._family.stages, key=lambda name: self._weights[name])
        spec = self._family.manifest.stages[stage]
        loaded = self._backend.load(stage, self._artifact.path(spec.file), spec)
        bucket = buckets_of(self._family, stage)[0]
        loaded.run(stage_inputs(self._family.manifest, stage, bucket, 1))

    def _load_stage(self, stage: str, on_progress: Progress) -> None:
        if stage in self._loaded:
            return
        on_progress(f"loading {stage}", len(self._loaded) / len(self._family.stages))
        release_freed()
        before = resident_bytes()
        spec = self._family.manifest.stages[stage]
        loaded = self._backend.load(stage, self._artifact.path(spec.file), spec)
        for bucket in buckets_of(self._family, stage):
            for batch in (1, self._max_batch):
                loaded.run(stage_inputs(self._family.manifest, stage, bucket, batch))
        release_freed()
        grown = resident_bytes() - before
        self._measured[stage] = max(grown, self._weights[stage], self._measured.get(stage, 0))
        self._loaded[stage] = loaded

    def _refuse(self, budget_bytes: int) -> None:
        need = self.total_bytes(1)
        problem = f"{budget_bytes / 1e6:.1f} MB hold not even the first key"
        fix = f"it needs {need / 1e6:.1f} MB"
        raise LoadFailed("memory budget", problem, fix)
