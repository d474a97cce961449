"""Running programs without a scheduler: golden checks, and exporters that measure quality."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from artifact.program import Program
from engine.backends.arrays import HOST, AnyArray, Memory
from engine.backends.stage_memory import places_for_outputs
from engine.errors import InferenceFailed
from engine.residency.family import Family
from engine.rows.caption.kv_pool import KvPool
from engine.rows.caption.rounds import RoundRunner
from engine.rows.caption.row import CaptionRow
from engine.rows.row import Row, gather, parts_of, scatter

RunStage = Callable[..., dict[str, Any]]
"""Runs a stage on inputs; and into arrays given, if its memory is not the host's."""


class Solo:
    """One artifact's variants, run in lock-step batches. Not thread-safe.

    Args:
        family: its variants.
        run: runs a loaded stage.
        max_batch: rows of a batch, and texts that are written together.
        memory: where what only stages read lies.

    Attributes:
        texts: where keys and values of captions lie, None where the artifact writes none.
    """

    def __init__(
        self, family: Family, run: RunStage, max_batch: int = 32, memory: Memory = HOST
    ) -> None:
        manifest = family.manifest
        self.family = family
        self.max_batch = max_batch
        self.texts: KvPool | None = None
        self._run = run
        self._memory = memory
        self._runner: RoundRunner | None = None
        if any(task.writes for task in manifest.asked):
            self.texts = KvPool(manifest.config, max_batch, family.cached_tokens, memory)
            self._runner = RoundRunner(manifest, self.texts, (max_batch,), self._run_into)

    def logits(self, rows: Sequence[Row]) -> NDArray[np.float32]:
        """Run rows of a task that does not write to their ends; return their logits [n, V].

        Raises:
            InferenceFailed: if a stage throws.
        """
        self.run_rows(rows)
        return np.stack([row.logits for row in rows if row.logits is not None])

    def words(self, rows: Sequence[CaptionRow], programs: tuple[Program, ...]) -> list[list[int]]:
        """Write the captions of rows that have not begun, as the variant of these programs.

        Returns:
            The token ids of each, without [BOS] and [EOS].

        Raises:
            InferenceFailed: if a stage throws.
        """
        for _ in self.writing(rows, programs):
            pass
        return [row.words for row in rows]

    def writing(
        self, rows: Sequence[CaptionRow], programs: tuple[Program, ...]
    ) -> Generator[None, None, None]:
        """Write captions as `words` does, and yield after each stage call.

        Raises:
            InferenceFailed: if a stage throws.
        """
        together = max(self.max_batch // len(rows[0].search.words), 1) if rows else 1
        for first in range(0, len(rows), together):
            yield from self._write(rows[first : first + together], programs)

    def _write(
        self, rows: Sequence[CaptionRow], programs: tuple[Program, ...]
    ) -> Generator[None, None, None]:
        if self._runner is None:
            raise ValueError("the artifact has no captions")
        try:
            yield from self.running(rows)
            for row in rows:
                row.settle(programs)
            while going := [row for row in rows if not row.done]:
                round_ = self._runner.begin(going)
                while not round_.finished:
                    self._runner.step(round_)
                    yield
                for error in round_.failed.values():
                    raise error
        finally:
            for row in rows:
                row.leave()

    def _run_into(
        self, stage: str, inputs: Mapping[str, AnyArray], into: Mapping[str, AnyArray]
    ) -> None:
        if not self._memory.on_host:
            self._run(stage, inputs, into)
            return
        for name, array in self._run(stage, inputs).items():
            into[name][:] = array

    def _run_rows(self, stage: str, rows: Sequence[Row]) -> None:
        parts = parts_of(rows)
        inputs = gather(parts)
        into = places_for_outputs(self.family.manifest, self._memory, stage, inputs)
        outputs = self._run(stage, inputs, into) if into else self._run(stage, inputs)
        scatter((parts, outputs))

    def run_rows(self, rows: Sequence[Row]) -> None:
        """Run rows to the ends of their programs, those at the same stage and bucket together.

        Raises:
            InferenceFailed: if a stage throws or a row's logits are not finite.
        """
        for _ in self.running(rows):
            pass

    def running(self, rows: Sequence[Row]) -> Generator[None, None, None]:
        """Run rows as `run_rows` does, and yield after each stage call.

        Raises:
            InferenceFailed: if a stage throws or a row's logits are not finite.
        """
        waiting: list[Row] = list(rows)
        while waiting:
            stage, bucket = waiting[0].step.stage, waiting[0].bucket
            together = [r for r in waiting if (r.step.stage, r.bucket) == (stage, bucket)]
            each = len(waiting[0].parts) * self.family.rows_of(stage)
            batch = together[: max(self.max_batch // each, 1)]
            self._run_rows(stage, batch)
            for row in batch:
                if row.logits is not None and not np.isfinite(row.logits).all():
                    raise InferenceFailed(stage, "the logits are not finite")
            finished = {id(row) for row in batch if row.ended}
            waiting = [row for row in waiting if id(row) not in finished]
            yield
