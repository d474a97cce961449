"""`manifest.json`: the schema of an artifact (docs/architecture.md)."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, Self

from pydantic import Field, field_serializer, field_validator, model_validator

from artifact.config import ModelConfig
from artifact.manifest.adapted import AdaptedForm
from artifact.manifest.records import (
    BucketRecord,
    DomainRecord,
    FileRecord,
    GoldenRecord,
    LadderRecord,
    ParityRecord,
    Record,
    SplitsRecord,
    StageFile,
    TextRecord,
    VariantRecord,
)
from artifact.pattern import SkipPattern
from artifact.program import composed_programs
from artifact.task import TASKS, Task, TaskName, asked_of, check_tasks

SCHEMA_VERSION = 1
"""Written by this release, and the newest it reads."""

WRITER = "otmv-serve"
"""The toolchain's name for the release that wrote a manifest."""

MANIFEST_NAME = "manifest.json"
WEIGHTS_NAME = "weights.safetensors"


class Manifest(Record):
    """Everything an engine needs to know about an artifact, checked against itself."""

    schema_version: int = SCHEMA_VERSION
    name: str = Field(min_length=1)
    config: ModelConfig
    tasks: tuple[TaskName, ...] = Field(min_length=1)
    stages: dict[str, StageFile] = Field(min_length=1)
    files: dict[str, FileRecord] = Field(default_factory=dict)
    variants: tuple[VariantRecord, ...] = Field(min_length=1)
    parity: tuple[ParityRecord, ...] = ()
    toolchain: dict[str, str] = Field(default_factory=dict)
    source_checkpoint_sha256: str | None = None
    domain: DomainRecord | None = None
    ladder: LadderRecord | None = None
    splits: SplitsRecord | None = None
    tokenizer: str = "tokenizer.json"
    labels: str = "labels.json"
    golden: GoldenRecord | None = None
    adapted: tuple[AdaptedForm, ...] = ()
    text: TextRecord
    buckets: BucketRecord

    @field_validator("files")
    @classmethod
    def _inside(cls, value: dict[str, FileRecord]) -> dict[str, FileRecord]:
        for name in value:
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts or "\\" in name:
                raise ValueError(f"file {name!r} lies outside the artifact")
        return value

    @field_serializer("config")
    def _config_fields(self, value: ModelConfig) -> dict[str, Any]:
        return value.to_fields()

    @field_validator("tasks")
    @classmethod
    def _of_tasks(cls, value: tuple[TaskName, ...]) -> tuple[TaskName, ...]:
        check_tasks(value)
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [variant.id for variant in self.variants]
        if len(set(names)) != len(names):
            raise ValueError("two variants share an id")
        if self.buckets.text_lengths[-1] < self.text.max_question_tokens:
            raise ValueError("the largest text bucket is shorter than max_question_tokens")
        if strange := {s for each in self.adapted for s in each.stages} - set(self.stages):
            raise ValueError(f"adapted stages of {min(strange)}, which is not there")
        if not set(self.tasks) <= set(asked_of(self.config.tasks)):
            raise ValueError("tasks beyond those of the model config")
        for variant in self.variants:
            self._check_stages(variant)
            self._check_caches(variant)
        return self

    def _check_stages(self, variant: VariantRecord) -> None:
        pattern = self.pattern(variant.id)
        needed: set[str] = set()
        for task in self.asked:
            if any(stage not in self.stages for stage in task.whole_stages(variant.id)):
                for program in composed_programs(task, self.config, pattern):
                    needed.update(program.stages)
        if missing := sorted(needed - set(self.stages)):
            raise ValueError(f"variant {variant.id} needs stages {missing}")

    def _check_caches(self, variant: VariantRecord) -> None:
        """Whatever keys and values a whole variant's picture leaves, its words read."""
        for task in self.asked:
            files = [self.stages.get(stage) for stage in task.whole_stages(variant.id)]
            for image, decode in itertools.pairwise(files):
                if image is None or decode is None:
                    continue
                left = {name: spec.shape[1::2] for name, spec in image.outputs.items()}
                inputs = decode.inputs.items()
                read = {name: spec.shape[1::2] for name, spec in inputs if "." in name}
                if differ := sorted(n for n in {*left, *read} if left.get(n) != read.get(n)):
                    raise ValueError(f"variant {variant.id}: picture and words differ in {differ}")

    @property
    def asked(self) -> tuple[Task, ...]:
        """The tasks it serves, as objects."""
        return tuple(TASKS[name] for name in self.tasks)

    def variant(self, variant_id: str) -> VariantRecord:
        """Return a variant by id.

        Raises:
            KeyError: if there is none.
        """
        for record in self.variants:
            if record.id == variant_id:
                return record
        raise KeyError(variant_id)

    @property
    def deepest(self) -> str:
        """The variant that executes most orders; of several, the first."""
        return max(self.variants, key=lambda variant: len(variant.pattern)).id

    def pattern(self, variant_id: str) -> SkipPattern:
        """Return a variant's skip pattern over the whole stack."""
        executed = self.variant(variant_id).pattern
        return SkipPattern(executed, self.config.orders, self.config.replaces)

    @property
    def referenced_files(self) -> set[str]:
        """Every file another record points to."""
        stages = [
            *self.stages.values(),
            *(s for each in self.adapted for s in each.stages.values()),
        ]
        named = {stage.file for stage in stages} | {self.tokenizer, self.labels}
        if any(stage.initializers for stage in stages):
            named.add(WEIGHTS_NAME)
        if self.golden is not None:
            named.add(self.golden.stages)
            if self.golden.cases is not None:
                named.add(self.golden.cases)
        return named


def writer_of(document: Mapping[str, object]) -> str | None:
    """Return the release that wrote a manifest of any schema version, None if it does not say."""
    toolchain = document.get("toolchain")
    found = toolchain.get(WRITER) if isinstance(toolchain, dict) else None
    named = isinstance(found, str) and re.fullmatch(r"[0-9A-Za-z.+_-]{1,40}", found)
    return found if named else None
