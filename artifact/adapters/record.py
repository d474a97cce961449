"""`adapter.json`: the schema of an adapter (ADR 0031)."""

from __future__ import annotations

import re
from typing import Annotated, Any, Self

from pydantic import Field, field_serializer, field_validator, model_validator

from artifact.adapters.hook_tables import HookTables
from artifact.config import ModelConfig, Precision
from artifact.manifest.adapted import MAX_RANK as MAX_RANK
from artifact.manifest.adapted import AdapterCapacity as AdapterCapacity
from artifact.manifest.records import Record
from artifact.task import TaskName, asked_of, check_tasks

ADAPTER_SCHEMA_VERSION = 1
"""Written by this release, and the newest it reads."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
HeadTensorName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.]{1,100}$")]
Share = Annotated[float, Field(ge=0.0, le=1.0)]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def name_problem(name: str) -> str | None:
    """Say what is wrong with an adapter's name; None: nothing."""
    if _NAME.fullmatch(name):
        return None
    rule = "1 to 64 of A-Z, a-z, 0-9, '.', '_', '-', and begins with a letter or digit"
    return f"{name[:80]!r}: a name has {rule}"


class AdaptedBase(Record):
    """What an adapter was tuned on: a checkpoint by its weights file, or one artifact, or both.

    Attributes:
        name: the model's, for people.
        checkpoint_sha256: of the checkpoint's weights, as manifests have it.
        artifact_hash: SHA-256 of an artifact's manifest.
    """

    name: str = Field(min_length=1, max_length=200)
    checkpoint_sha256: Sha256 | None = None
    artifact_hash: Sha256 | None = None

    def is_inside(self, checkpoint_sha256: str | None, artifact_hash: str | None) -> bool:
        """Tell whether it is what a checkpoint, or an artifact of one, holds."""
        same_weights = checkpoint_sha256 is not None and checkpoint_sha256 == self.checkpoint_sha256
        return same_weights or (artifact_hash is not None and artifact_hash == self.artifact_hash)

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.checkpoint_sha256 is None and self.artifact_hash is None:
            raise ValueError("neither the checkpoint nor the artifact it was tuned on is named")
        return self


class AdapterHead(Record):
    """A task's head of an adapter's own, in place of the base's.

    Attributes:
        tensors: names of the head's state dict, and their shapes; in the file each is
            `head.<task>.<name>`.
        labels: what its logits say, where the task lists answers; None: as the base's.
    """

    tensors: dict[HeadTensorName, tuple[Annotated[int, Field(ge=1)], ...]] = Field(min_length=1)
    labels: tuple[str, ...] | None = None


class VariantQuality(Record):
    """What one variant reaches with an adapter, as a manifest's variant has it.

    Attributes:
        variant: id of the variant.
        pattern: the orders it executes; it is found by these, as ids are a family's own.
        quality: by task and precision, 0 to 1; none where it was not measured.
    """

    variant: str = Field(pattern=r"^[a-z0-9]+$", max_length=80)
    pattern: tuple[int, ...] = Field(min_length=1)
    quality: dict[TaskName, dict[Precision, Share | None]]


class AdapterRecord(Record):
    """Everything an engine needs to know about an adapter, checked against itself.

    Attributes:
        name: what a request names it by.
        kind: the method, for people; nothing depends on it.
        base: what it was tuned on.
        config: shape of the base.
        tasks: those that it was tuned for; others answer as if it were not there.
        tables: one entry for each hook and modality that has any.
        heads: by task, as the base's config calls it.
        variants: what each variant reaches.
        quality_source: begins with "measured:" or "declared:" where there is any quality.
        tuned_parameters: numbers that tuning changed, heads included.
        tensors_sha256: of the tensors' file; set when it is written.
        note: free facts: how it was tuned, or where it came from.
    """

    schema_version: int = ADAPTER_SCHEMA_VERSION
    name: str
    kind: str = Field(pattern=r"^[a-z0-9_]{1,40}$")
    base: AdaptedBase
    config: ModelConfig
    tasks: tuple[TaskName, ...] = Field(min_length=1)
    tables: tuple[HookTables, ...]
    heads: dict[TaskName, AdapterHead] = Field(default_factory=dict)
    variants: tuple[VariantQuality, ...] = ()
    quality_source: str | None = None
    tuned_parameters: int = Field(ge=0)
    tensors_sha256: Sha256 = "0" * 64
    note: dict[str, str | int | float] = Field(default_factory=dict)

    @field_serializer("config")
    def _config_fields(self, value: ModelConfig) -> dict[str, Any]:
        return value.to_fields()

    @field_validator("name")
    @classmethod
    def _nameable(cls, value: str) -> str:
        if problem := name_problem(value):
            raise ValueError(problem)
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        check_tasks(self.tasks)
        strange = set(self.tasks) - set(asked_of(self.config.tasks))
        if strange := strange | (set(self.heads) - set(self.config.tasks)):
            raise ValueError(f"the base has no task {sorted(strange)[0]!r}")
        places = [(each.hook, each.modality) for each in self.tables]
        if len(set(places)) < len(places):
            raise ValueError("two entries have tables at one hook and modality")
        if not self.tables and not self.heads:
            raise ValueError("it has neither tables nor heads")
        named = (self.quality_source or "").startswith(("measured:", "declared:"))
        if named != bool(self.variants) or (self.quality_source is not None and not named):
            raise ValueError("quality_source says 'measured:' or 'declared:' where there is any")
        for each in self.variants:
            if each.pattern[-1] >= self.config.orders:
                raise ValueError(f"variant {each.variant} executes orders that the base lacks")
        return self

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the name and shape of every tensor of the file, all float32."""
        found = dict(pair for each in self.tables for pair in each.tensors(self.config))
        for task, head in self.heads.items():
            found.update({f"head.{task}.{name}": shape for name, shape in head.tensors.items()})
        return found

    def quality_of(
        self, pattern: tuple[int, ...], task: TaskName, precision: Precision
    ) -> float | None:
        """Return what a variant reaches at a precision; None if it was not measured."""
        for each in self.variants:
            if each.pattern == pattern:
                return each.quality.get(task, {}).get(precision)
        return None
