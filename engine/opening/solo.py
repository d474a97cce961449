"""Running programs without a scheduler: golden checks, and exporters that measure quality."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from artifact.store import Artifact
from engine.backends.arrays import HOST, AnyArray, Memory
from engine.backends.registry import open_backend
from engine.errors import InferenceFailed
from engine.residency.device_arrays import places_for_kept
from engine.residency.family import Family
from engine.residency.stages import StageSet
from engine.rows.caption.kv_pool import KvPool
from engine.rows.caption.rounds import Decoder
from engine.rows.row import Row, gather, scatter

RunStage = Callable[..., dict[str, Any]]
"""Runs a stage on inputs; and into arrays given, if its memory is not the host's."""


class Solo:
    """One artifact's variants, run in lock-step batches. Not thread-safe."""

    def __init__(
        self, family: Family, run: RunStage, max_batch: int = 32, memory: Memory = HOST
    ) -> None:
        self._family = family
        self._run = run
        self._memory = memory
        self._max_batch = max_batch
        self._decoder: Decoder | None = None
        if "caption" in family.manifest.tasks:
            self._pool = KvPool(family.manifest.config, max_batch, family.cached_tokens, memory)
            self._decoder = Decoder(family.manifest, self._pool, (max_batch,), self._run_into)

    @classmethod
    def open(
        cls, artifact: Artifact, backend: str = "onnxruntime", threads: int = 0, max_batch: int = 32
    ) -> Solo:
        """Load every stage of an artifact.

        Raises:
            LoadFailed: if a stage cannot be loaded.
        """
        opened = open_backend(backend, threads, artifact)
        family = Family(artifact.manifest, opened.precision)
        stages = StageSet(artifact, opened, family, max_batch=1)  # no warm-up at size
        stages.load(lambda what, share: None)
        return cls(family, stages.run, max_batch, opened.memory)

    def vqa_logits(
        self, variant: str, pixels: Sequence[NDArray[Any]], tokens: Sequence[Sequence[int]]
    ) -> NDArray[np.float32]:
        """Return logits [n, V] for n pictures [S, S, 3] and encoded questions.

        Raises:
            InferenceFailed: if a stage throws.
        """
        pairs = zip(pixels, tokens, strict=True)
        rows = [self._family.vqa_row(variant, image, ids) for image, ids in pairs]
        self.run_rows(rows)
        found = [row.logits for row in rows]
        return np.stack([logits for logits in found if logits is not None])

    def reason_logits(
        self,
        variant: str,
        pixels: Sequence[tuple[NDArray[Any], NDArray[Any]]],
        tokens: Sequence[Sequence[int]],
    ) -> NDArray[np.float32]:
        """Return logits [n, 2] (false, true) for n pairs of pictures and encoded statements.

        Raises:
            InferenceFailed: if a stage throws.
        """
        pairs = zip(pixels, tokens, strict=True)
        rows = [self._family.pair_row(variant, images, ids) for images, ids in pairs]
        self.run_rows(rows)
        return np.stack([row.logits for row in rows if row.logits is not None])

    def captions(
        self,
        variant: str,
        pixels: Sequence[NDArray[Any]],
        max_new_tokens: int | None = None,
        beams: int = 1,
    ) -> list[list[int]]:
        """Return the words (token ids without [BOS] and [EOS]) for n pictures [S, S, 3].

        Raises:
            InferenceFailed: if a stage throws.
        """
        together = max(self._max_batch // beams, 1)
        found: list[list[int]] = []
        for first in range(0, len(pixels), together):
            some = pixels[first : first + together]
            found += self._captions(variant, some, max_new_tokens, beams)
        return found

    def _captions(
        self, variant: str, pixels: Sequence[NDArray[Any]], max_new: int | None, beams: int
    ) -> list[list[int]]:
        if self._decoder is None:
            raise ValueError("the artifact has no captions")
        programs = self._family.member("caption", variant).programs
        rows = [
            self._family.caption_row(variant, image, self._pool, max_new, beams) for image in pixels
        ]
        try:
            self.run_rows(rows)
            for row in rows:
                row.settle(programs)
            while going := [row for row in rows if not row.done]:
                round_ = self._decoder.begin(going)
                while not round_.finished:
                    self._decoder.step(round_)
                for error in round_.failed.values():
                    raise error
        finally:
            for row in rows:
                row.leave()
        return [row.words for row in rows]

    def _run_into(
        self, stage: str, inputs: Mapping[str, AnyArray], into: Mapping[str, AnyArray]
    ) -> None:
        if not self._memory.on_host:
            self._run(stage, inputs, into)
            return
        for name, array in self._run(stage, inputs).items():
            into[name][:] = array

    def _run_rows(self, stage: str, rows: Sequence[Row]) -> None:
        inputs = gather(rows)
        into = places_for_kept(self._family.manifest, self._memory, stage, inputs)
        scatter(rows, self._run(stage, inputs, into) if into else self._run(stage, inputs))

    def run_rows(self, rows: Sequence[Row]) -> None:
        """Run rows to the ends of their programs, those at the same stage and bucket together.

        Raises:
            InferenceFailed: if a stage throws or a row's logits are not finite.
        """
        waiting: list[Row] = list(rows)
        while waiting:
            stage, bucket = waiting[0].step.stage, waiting[0].bucket
            together = [r for r in waiting if (r.step.stage, r.bucket) == (stage, bucket)]
            each = len(waiting[0].parts) * self._family.rows_of(stage)
            batch = together[: max(self._max_batch // each, 1)]
            self._run_rows(stage, batch)
            for row in batch:
                if row.logits is not None and not np.isfinite(row.logits).all():
                    raise InferenceFailed(stage, "the logits are not finite")
            finished = {id(row) for row in batch if row.ended}
            waiting = [row for row in waiting if id(row) not in finished]
