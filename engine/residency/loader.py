"""Loading one stage, and measuring by how much the process grows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from artifact.manifest import StageFile
from artifact.store import Artifact
from engine.backends.arrays import AnyArray
from engine.backends.base import Backend, LoadedStage
from engine.residency.family import Family
from engine.residency.memory import release_freed, resident_bytes
from engine.residency.probe import buckets_of, largest_batch, stage_call


class StageLoader:
    """Loads stages of one artifact on one backend, and runs each at the sizes it will be called at.

    Args:
        artifact: whose stages they are.
        backend: what loads them.
        family: the artifact's variants, which say how stages are called.
        max_batch: rows of the largest batch.
    """

    def __init__(
        self, artifact: Artifact, backend: Backend, family: Family, max_batch: int
    ) -> None:
        self._artifact = artifact
        self._backend = backend
        self._family = family
        self._max_batch = max_batch
        self._where = family.manifest, backend.memory

    def wake_library(self, stage: str) -> None:
        """Load a stage, run it once and drop it: the library's own memory is then no stage's.

        Raises:
            LoadFailed: the stage cannot be loaded.
        """
        self._warm(self._opened(stage), stage, buckets_of(self._family, stage)[:1], (1,))

    def load(self, stage: str) -> tuple[LoadedStage, int, int]:
        """Load a stage and run it at every bucket, alone and at the largest batch.

        Returns:
            The stage; by how many bytes the process has grown after one call; and after all.

        Raises:
            LoadFailed: the stage cannot be loaded.
        """
        release_freed()
        before = self._held_bytes()
        loaded = self._opened(stage)
        buckets = buckets_of(self._family, stage)
        self._warm(loaded, stage, buckets[:1], (1,))
        grown = self._held_bytes() - before
        self._warm(loaded, stage, buckets, self._warm_batches(stage))
        return loaded, grown, self._held_bytes() - before

    def load_adapted(
        self, stage: str, record: StageFile, tables: Mapping[str, AnyArray]
    ) -> tuple[LoadedStage, int]:
        """Load a stage's adapted form, and run it as `load` does, without an adapter.

        Returns:
            The stage, and by how many bytes the process has grown.

        Raises:
            LoadFailed: it cannot be loaded.
        """
        release_freed()
        before = self._held_bytes()
        loaded = self._backend.load(stage, self._artifact.path(record.file), record)
        for bucket in buckets_of(self._family, stage):
            for batch in self._warm_batches(stage):
                inputs, into = stage_call(*self._where, stage, bucket, batch)
                loaded.run({**inputs, **tables, "adapter": np.zeros(batch, np.int64)}, into)
        release_freed()
        return loaded, self._held_bytes() - before

    def _opened(self, stage: str) -> LoadedStage:
        record = self._family.manifest.stages[stage]
        return self._backend.load(stage, self._artifact.path(record.file), record)

    def _held_bytes(self) -> int:
        return resident_bytes() + self._backend.memory.held_bytes()

    def _warm_batches(self, stage: str) -> Iterable[int]:
        """Every batch where the library prepares each shape anew, else the extremes."""
        most = largest_batch(self._family, stage, self._max_batch)
        return range(1, most + 1) if self._backend.compiles_shapes else (1, most)

    def _warm(
        self, loaded: LoadedStage, stage: str, buckets: tuple[int, ...], batches: Iterable[int]
    ) -> None:
        for bucket in buckets:
            for batch in batches:
                loaded.run(*stage_call(*self._where, stage, bucket, batch))
        release_freed()
