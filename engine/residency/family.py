"""The variants of an artifact as things to run: programs, stages, sizes."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TypeVar

from artifact.config import Precision
from artifact.manifest import Manifest
from artifact.pattern import SkipPattern
from artifact.program import Program, composed_programs, whole_programs
from artifact.stage import StageName, stage_name
from artifact.task import Task, TaskName
from engine.types import MadeBy

T = TypeVar("T")
_FLOAT_BYTES = 4


def cached_tokens(manifest: Manifest) -> int:
    """Return the tokens T of keys and values of a task that writes: a picture's and a text's."""
    config = manifest.config
    sizes = [config.image_tokens_of(task.name) for task in manifest.asked if task.writes]
    return max(sizes, default=config.image_tokens) + manifest.text.max_caption_tokens


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
    def stages(self) -> tuple[StageName, ...]:
        """The distinct stages it needs."""
        return tuple(dict.fromkeys(s for program in self.programs for s in program.stages))


class Family:
    """Every (task, variant) of a manifest at one precision. Immutable.

    `precision` is the backend's. `proven` names those whose golden quality on this backend is that
    of the artifact's record.
    """

    def __init__(
        self,
        manifest: Manifest,
        precision: Precision,
        proven: Collection[tuple[TaskName, str]] = (),
    ) -> None:
        self.manifest = manifest
        self.precision: Precision = precision
        self._proven = frozenset(proven)
        self._whole_keys: dict[str, int] = {
            stage: manifest.config.key_of_order[record.pattern[-1]]
            for record in manifest.variants
            for task in manifest.asked
            for stage in task.whole_stages(record.id)
        }
        self.members: dict[tuple[TaskName, str], Member] = {
            (task.name, record.id): self._member(task, record.id)
            for task in manifest.asked
            for record in manifest.variants
        }

    def _member(self, task: Task, variant: str) -> Member:
        config = self.manifest.config
        pattern = self.manifest.pattern(variant)
        programs = self._programs(task, variant)
        keys = tuple(sorted({config.key_of_order[k] for k in pattern.executed}))
        quality, precision = self._quality(task.name, variant)
        size = self._request_bytes(task, pattern, programs)
        return Member(task, variant, pattern, programs, keys, quality, precision, size)

    def _programs(self, task: Task, variant: str) -> tuple[Program, ...]:
        """Return the composed programs if all of their stages are there, else the whole ones."""
        composed = composed_programs(task, self.manifest.config, self.manifest.pattern(variant))
        there = all(s in self.manifest.stages for program in composed for s in program.stages)
        return composed if there else whole_programs(task, variant)

    def _quality(self, task: TaskName, variant: str) -> tuple[float | None, Precision | None]:
        """Return a quality and the precision it is from: its own, else fp32's (ADR 0016)."""
        record = self.manifest.variant(variant)
        own = record.quality_of(task, self.precision)
        if own is not None:
            return own, self.precision
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
        pixels = 3 * config.image_size_of(task.name) ** 2 * (task.pictures > 0)
        image_tokens = config.image_tokens_of(task.name)
        if last.is_whole:
            return pixels * self.rows_of(last) + self._whole_kv_bytes(last)
        if task.writes:
            kv = 2 * pattern.depth * self.cached_tokens * config.width * _FLOAT_BYTES
            return pixels + 2 * image_tokens * config.width * _FLOAT_BYTES + kv
        tokens = image_tokens * (task.pictures > 0)
        if task.text is not None:
            tokens += self.manifest.buckets.text_lengths[-1]
        return task.rows * (pixels + 2 * tokens * config.width * _FLOAT_BYTES)

    def _whole_kv_bytes(self, stage: str) -> int:
        """Bytes of the keys and values that a stage reads: its inputs [B, heads, T, e]."""
        sizes = (spec.shape for spec in self.manifest.stages[stage].inputs.values())
        wide = sum(int(shape[1]) * int(shape[3]) for shape in sizes if "T" in shape[2:])
        return wide * self.cached_tokens * _FLOAT_BYTES

    def rows_of(self, stage: str) -> int:
        """Return how many rows an entry of a stage's batch is: pictures, where it sees several."""
        pixels = self.manifest.stages[stage].inputs.get("pixels")
        return 1 if pixels is None else math.prod(int(size) for size in pixels.shape[1:-3])

    def member(self, task: TaskName, variant: str) -> Member:
        """Return a variant for a task.

        Raises:
            KeyError: if there is none.
        """
        return self.members[task, variant]

    def of_task(self, task: TaskName) -> tuple[Member, ...]:
        """Return a task's variants, in the manifest's order."""
        return tuple(member for member in self.members.values() if member.task.name == task)

    def agreements(self) -> dict[MadeBy, float | None]:
        """Return the share of each lower variant's answers that are the deepest one's, if known."""
        return {
            MadeBy(*name): self.manifest.variant(member.variant).agreement_of(
                member.task.name, self.precision
            )
            for name, member in self.members.items()
            if member.variant != self.manifest.deepest
        }

    @property
    def variants(self) -> tuple[str, ...]:
        """Every variant id."""
        return tuple(record.id for record in self.manifest.variants)

    @property
    def stages(self) -> tuple[StageName, ...]:
        """Every stage some variant needs."""
        return tuple(dict.fromkeys(s for m in self.members.values() for s in m.stages))

    def key_of_stage(self, stage: str) -> int | None:
        """Return the key block a stage stands and falls with; None: every variant needs it.

        A whole variant in one graph goes with the last key it executes.
        """
        return self._whole_keys.get(stage, stage_name(stage).key)

    def read_by(self, stage: str, inputs: Mapping[str, T]) -> Mapping[str, T]:
        """Return what a stage reads of what rows bring to a block: a patch takes no mask."""
        if "mask" not in inputs or "mask" in self.manifest.stages[stage].inputs:
            return inputs
        return {name: array for name, array in inputs.items() if name != "mask"}

    def text_bucket(self, tokens: float) -> int:
        """Return the padded length of a question of that many tokens; at most the largest."""
        lengths = self.manifest.buckets.text_lengths
        return next((size for size in lengths if size >= tokens), lengths[-1])

    @property
    def cached_tokens(self) -> int:
        """Tokens T of a caption's keys and values: the picture's and the longest text's."""
        return cached_tokens(self.manifest)
