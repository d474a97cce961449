"""`manifest.json`: the schema of an artifact (docs/architecture.md)."""

from __future__ import annotations

import itertools
from pathlib import PurePosixPath
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from artifact.config import ModelConfig, Precision, Task
from artifact.pattern import SkipPattern
from artifact.program import composed_programs, whole_stages

SCHEMA_VERSION = 1
"""Written by this release, and the newest it reads."""

MANIFEST_NAME = "manifest.json"
WEIGHTS_NAME = "weights.safetensors"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class TensorSpec(_Record):
    """One graph input or output: NumPy dtype name and shape; symbols are B, N, L, T."""

    dtype: Literal["uint8", "int64", "bool", "float32"]
    shape: tuple[int | str, ...]


class StageFile(_Record):
    """One compiled stage; `initializers` names the tensors it reads from the weights file."""

    file: str
    inputs: dict[str, TensorSpec]
    outputs: dict[str, TensorSpec]
    initializers: tuple[str, ...] = ()


class FileRecord(_Record):
    """What a file must be, to the byte."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size_bytes: int = Field(ge=0)


class VariantRecord(_Record):
    """One skip pattern and what was measured of it.

    `quality[task][precision]` is task accuracy in 0..1, null if never measured; `quality_source`
    starts with "measured:" or "declared:" when there is one. FLOPs are per request at the
    largest text bucket: a question, a statement with both of its rows, or one generated word of a
    caption, past the image pass; `flops_caption_image` is that pass, once a picture.
    """

    id: str = Field(pattern=r"^[a-z0-9]+$", max_length=80)
    pattern: tuple[int, ...]
    unique_parameters: int = Field(ge=0)
    executed_parameters: int = Field(ge=0)
    flops_vqa: int | None = None
    flops_caption: int | None = None
    flops_caption_image: int | None = None
    flops_reason: int | None = None
    quality: dict[Task, dict[Precision, float | None]] = Field(default_factory=dict)
    quality_source: str | None = None

    @field_validator("quality_source")
    @classmethod
    def _named(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("measured:", "declared:")):
            raise ValueError("quality_source starts with 'measured:' or 'declared:'")
        return value

    @property
    def declared(self) -> bool:
        """Whether its quality was declared, not measured: such a number is of no precision."""
        return (self.quality_source or "").startswith("declared:")

    def quality_of(self, task: Task, precision: Precision) -> float | None:
        """Return the task's quality at a precision, None if it was not measured."""
        return self.quality.get(task, {}).get(precision)


class ParityRecord(_Record):
    """How far a stage was from its torch reference at export."""

    stage: str
    backend: str
    precision: Precision
    relative_l2: float = Field(ge=0.0)


class LadderRecord(_Record):
    """How the default family of variants was found: by which search, on which split, at what cost.

    `order_of_removal` lists orders in the order the search dropped them.
    """

    search: str
    split: str
    evaluations: int = Field(ge=0)
    seconds: float = Field(ge=0.0)
    order_of_removal: tuple[int, ...] = ()


class GoldenRecord(_Record):
    """Golden files and the quality the exporter's own engine reached on the labelled cases.

    `quality[task][variant]` is in 0..1, over the cases of that task.
    """

    stages: str
    cases: str | None = None
    count: int = Field(default=0, ge=0)
    quality: dict[Task, dict[str, float]] = Field(default_factory=dict)


class TextRecord(_Record):
    """Special token ids and limits; both limits count [BOS] and [EOS]."""

    bos: int = Field(ge=0)
    eos: int = Field(ge=0)
    pad: int = Field(ge=0)
    unk: int = Field(ge=0)
    mask: int = Field(ge=0)
    max_question_tokens: int = Field(ge=3)
    max_caption_tokens: int = Field(ge=3)


class BucketRecord(_Record):
    """Shapes the engine pads to: text lengths L (ascending) and batch sizes to measure."""

    text_lengths: tuple[int, ...] = Field(min_length=1)
    batches: tuple[int, ...] = Field(min_length=1)

    @field_validator("text_lengths", "batches")
    @classmethod
    def _ascending(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if value[0] < 1 or any(b <= a for a, b in itertools.pairwise(value)):
            raise ValueError("buckets are positive and ascend")
        return value


class Manifest(_Record):
    """Everything an engine needs to know about an artifact, checked against itself."""

    schema_version: int = SCHEMA_VERSION
    name: str = Field(min_length=1)
    config: ModelConfig
    tasks: tuple[Task, ...] = Field(min_length=1)
    stages: dict[str, StageFile] = Field(min_length=1)
    files: dict[str, FileRecord] = Field(default_factory=dict)
    variants: tuple[VariantRecord, ...] = Field(min_length=1)
    parity: tuple[ParityRecord, ...] = ()
    toolchain: dict[str, str] = Field(default_factory=dict)
    source_checkpoint_sha256: str | None = None
    ladder: LadderRecord | None = None
    tokenizer: str = "tokenizer.json"
    labels: str = "labels.json"
    golden: GoldenRecord | None = None
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

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [variant.id for variant in self.variants]
        if len(set(names)) != len(names):
            raise ValueError("two variants share an id")
        if self.buckets.text_lengths[-1] < self.text.max_question_tokens:
            raise ValueError("the largest text bucket is shorter than max_question_tokens")
        if not set(self.tasks) <= set(self.config.tasks):
            raise ValueError("tasks beyond those of the model config")
        for variant in self.variants:
            self._check_stages(variant)
            self._check_caches(variant)
        return self

    def _check_stages(self, variant: VariantRecord) -> None:
        pattern = self.pattern(variant.id)
        needed: set[str] = set()
        for task in self.tasks:
            if any(stage not in self.stages for stage in whole_stages(task, variant.id)):
                for program in composed_programs(task, self.config, pattern):
                    needed.update(program.stages)
        if missing := sorted(needed - set(self.stages)):
            raise ValueError(f"variant {variant.id} needs stages {missing}")

    def _check_caches(self, variant: VariantRecord) -> None:
        """Whatever keys and values a whole caption's picture leaves, its words read."""
        image, decode = (self.stages.get(s) for s in whole_stages("caption", variant.id))
        if image is None or decode is None:
            return
        left = {name: spec.shape[1::2] for name, spec in image.outputs.items()}
        read = {name: spec.shape[1::2] for name, spec in decode.inputs.items() if "." in name}
        if differ := sorted(n for n in {*left, *read} if left.get(n) != read.get(n)):
            raise ValueError(f"variant {variant.id}: picture and words differ in {differ}")

    def variant(self, variant_id: str) -> VariantRecord:
        """Return a variant by id.

        Raises:
            KeyError: if there is none.
        """
        for record in self.variants:
            if record.id == variant_id:
                return record
        raise KeyError(variant_id)

    def pattern(self, variant_id: str) -> SkipPattern:
        """Return a variant's skip pattern over the whole stack."""
        return SkipPattern(self.variant(variant_id).pattern, self.config.orders)

    @property
    def referenced_files(self) -> set[str]:
        """Every file another record points to."""
        named = {stage.file for stage in self.stages.values()} | {self.tokenizer, self.labels}
        if any(stage.initializers for stage in self.stages.values()):
            named.add(WEIGHTS_NAME)
        if self.golden is not None:
            named.add(self.golden.stages)
            if self.golden.cases is not None:
                named.add(self.golden.cases)
        return named
