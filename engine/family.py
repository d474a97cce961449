"""The variants of an artifact as things to run: programs, stages, rows, sizes."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from artifact.config import Precision
from artifact.manifest import Manifest
from artifact.pattern import SkipPattern
from artifact.program import (
    Program,
    composed_programs,
    key_of_stage,
    whole_programs,
    whole_stages,
)
from engine.beams import BeamSearch
from engine.caption_row import CaptionRow
from engine.kv_pool import KvPool
from engine.pair_row import PairRow
from engine.rows import VqaRow
from engine.types import Task

_FLOAT_BYTES = 4


@dataclass(frozen=True)
class Member:
    """One variant for one task. `programs` run one after the other; a caption repeats its last.

    `quality_precision` is the precision its quality was measured at, None where it is unknown.
    `request_bytes` are those of one request; of a caption, for each of its beams.
    """

    task: Task
    variant: str
    pattern: SkipPattern
    programs: tuple[Program, ...]
    keys: tuple[int, ...]
    quality: float | None
    quality_precision: Precision | None
    request_bytes: int

    @property
    def stages(self) -> tuple[str, ...]:
        """The distinct stages it needs."""
        return tuple(dict.fromkeys(s for program in self.programs for s in program.stages))


class Family:
    """Every (task, variant) of a manifest at one precision. Immutable.

    `proven` names those whose golden quality on this backend is that of the artifact's record.
    """

    def __init__(
        self,
        manifest: Manifest,
        precision: Precision,
        proven: Collection[tuple[Task, str]] = (),
    ) -> None:
        self.manifest = manifest
        self._precision: Precision = precision
        self._proven = frozenset(proven)
        self._whole_keys: dict[str, int] = {
            stage: manifest.config.key_of_order[record.pattern[-1]]
            for record in manifest.variants
            for task in manifest.tasks
            for stage in whole_stages(task, record.id)
        }
        self.members: dict[tuple[Task, str], Member] = {
            (task, record.id): self._member(task, record.id)
            for task in manifest.tasks
            for record in manifest.variants
        }

    def _member(self, task: Task, variant: str) -> Member:
        config = self.manifest.config
        pattern = self.manifest.pattern(variant)
        programs = self._programs(task, variant)
        keys = tuple(sorted({config.key_of_order[k] for k in pattern.executed}))
        quality, precision = self._quality(task, variant)
        size = self._request_bytes(task, pattern, programs)
        return Member(task, variant, pattern, programs, keys, quality, precision, size)

    def _programs(self, task: Task, variant: str) -> tuple[Program, ...]:
        """Return the composed programs if all of their stages are there, else the whole ones."""
        composed = composed_programs(task, self.manifest.config, self.manifest.pattern(variant))
        there = all(s in self.manifest.stages for program in composed for s in program.stages)
        return composed if there else whole_programs(task, variant)

    def _quality(self, task: Task, variant: str) -> tuple[float | None, Precision | None]:
        """Return a quality and the precision it is from: its own, else fp32's (ADR 0016)."""
        record = self.manifest.variant(variant)
        own = record.quality_of(task, self._precision)
        if own is not None:
            return own, self._precision
        reference = record.quality_of(task, "fp32")
        if reference is not None and (record.declared or (task, variant) in self._proven):
            return reference, "fp32"
        return None, None

    def _request_bytes(
        self, task: Task, pattern: SkipPattern, programs: tuple[Program, ...]
    ) -> int:
        """Bytes of one request's own arrays: pixels, hidden state in and out, and its KV.

        A whole variant's hidden state is its graph's own.
        """
        config, last = self.manifest.config, programs[-1].steps[-1].stage
        pixels = 3 * config.image_size**2
        if last.startswith("whole"):
            return pixels * self.rows_of(last) + self._whole_kv_bytes(last)
        if task != "caption":
            tokens = config.image_tokens + self.manifest.buckets.text_lengths[-1]
            size = pixels + 2 * tokens * config.width * _FLOAT_BYTES
            return size if task == "vqa" else 2 * size
        kv = 2 * pattern.depth * self.cached_tokens * config.width * _FLOAT_BYTES
        return pixels + 2 * config.image_tokens * config.width * _FLOAT_BYTES + kv

    def _whole_kv_bytes(self, stage: str) -> int:
        """Bytes of the keys and values that a stage reads: its inputs [B, heads, T, e]."""
        sizes = (spec.shape for spec in self.manifest.stages[stage].inputs.values())
        wide = sum(int(shape[1]) * int(shape[3]) for shape in sizes if "T" in shape[2:])
        return wide * self.cached_tokens * _FLOAT_BYTES

    def rows_of(self, stage: str) -> int:
        """Return how many rows an entry of a stage's batch is: pictures, where it sees several."""
        pixels = self.manifest.stages[stage].inputs.get("pixels")
        return 1 if pixels is None else math.prod(int(size) for size in pixels.shape[1:-3])

    def member(self, task: Task, variant: str) -> Member:
        """Return a variant for a task.

        Raises:
            KeyError: if there is none.
        """
        return self.members[task, variant]

    def of_task(self, task: Task) -> tuple[Member, ...]:
        """Return a task's variants, in the manifest's order."""
        return tuple(member for member in self.members.values() if member.task == task)

    @property
    def variants(self) -> tuple[str, ...]:
        """Every variant id."""
        return tuple(record.id for record in self.manifest.variants)

    @property
    def stages(self) -> tuple[str, ...]:
        """Every stage some variant needs."""
        return tuple(dict.fromkeys(s for m in self.members.values() for s in m.stages))

    def key_of_stage(self, stage: str) -> int | None:
        """Return the key block a stage stands and falls with; None: every variant needs it.

        A whole variant in one graph goes with the last key it executes.
        """
        return self._whole_keys.get(stage, key_of_stage(stage))

    def text_bucket(self, tokens: float) -> int:
        """Return the padded length of a question of that many tokens; at most the largest."""
        lengths = self.manifest.buckets.text_lengths
        return next((size for size in lengths if size >= tokens), lengths[-1])

    @property
    def cached_tokens(self) -> int:
        """Tokens T of a caption's keys and values: the picture's and the longest text's."""
        return self.manifest.config.image_tokens + self.manifest.text.max_caption_tokens

    def vqa_row(self, variant: str, pixels: NDArray[Any], tokens: Sequence[int]) -> VqaRow:
        """Return a row at its first step; tokens as `TextCodec.encode_question` gives them."""
        return self._row(self.member("vqa", variant), pixels, tokens)

    def pair_row(
        self,
        variant: str,
        pixels: tuple[NDArray[Any], NDArray[Any]],
        tokens: Sequence[int],
    ) -> PairRow:
        """Return the row of a statement about a left and a right picture, at its first step."""
        member = self.member("reason", variant)
        left, right = (self._row(member, picture, tokens) for picture in pixels)
        return PairRow(left, right)

    def _row(self, member: Member, pixels: NDArray[Any], tokens: Sequence[int]) -> VqaRow:
        length = self.text_bucket(len(tokens))
        return VqaRow(self.manifest, member.programs[0], pixels, tokens, length)

    def caption_row(
        self,
        variant: str,
        pixels: NDArray[Any],
        pool: KvPool,
        max_new: int | None = None,
        beams: int = 1,
    ) -> CaptionRow:
        """Return a row at its first step; `max_new` words at most, [EOS] counted."""
        text = self.manifest.text
        limit = text.max_caption_tokens - 1
        words = limit if max_new is None else min(max_new, limit)
        image, _ = self.member("caption", variant).programs
        search = BeamSearch(beams, text.eos, words)
        return CaptionRow(image, pool, pixels, search, self.manifest.stages)
