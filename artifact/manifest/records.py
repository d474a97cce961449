"""What a manifest is made of: stages, files, variants, and how they were found and measured."""

from __future__ import annotations

import itertools
import re
import unicodedata
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from artifact.config import Precision
from artifact.task import TASKS, TaskName, check_tasks


class Record(BaseModel):
    """What a manifest holds: frozen, unknown fields refused, numbers finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def _parts() -> tuple[str, ...]:
    return tuple(part for task in TASKS.values() for part in task.flops_parts)


def _known(by_task: dict[TaskName, Any]) -> dict[TaskName, Any]:
    if by_task:
        check_tasks(tuple(by_task))
    return by_task


class TensorSpec(Record):
    """One graph input or output: NumPy dtype name and shape; symbols are B, N, L, T."""

    dtype: Literal["uint8", "int64", "bool", "float32"]
    shape: tuple[int | str, ...]


class StageFile(Record):
    """One compiled stage; `initializers` names the tensors it reads from the weights file."""

    file: str
    inputs: dict[str, TensorSpec]
    outputs: dict[str, TensorSpec]
    initializers: tuple[str, ...] = ()


class FileRecord(Record):
    """What a file must be, to the byte."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size_bytes: int = Field(ge=0)


class VariantRecord(Record):
    """One skip pattern and what was measured of it.

    `quality[task][precision]` is task accuracy in 0..1, null if never measured; `quality_source`
    starts with "measured:" or "declared:" when there is one. `agreement[task][precision]` is the
    share of answers, on the split that quality was measured on, that are those of the deepest
    variant: the same best label, or the same text. `flops` are those of one request at
    the largest text bucket, by task: a question, a statement with both of its rows, or one word of
    a caption, past the image pass; `caption_image` is that pass, once a picture. The file has them
    as fields of their own: `flops_vqa`, `flops_caption_image` and so on.
    """

    id: str = Field(pattern=r"^[a-z0-9]+$", max_length=80)
    pattern: tuple[int, ...]
    unique_parameters: int = Field(ge=0)
    executed_parameters: int = Field(ge=0)
    flops: dict[str, int] = Field(default_factory=dict)
    quality: dict[TaskName, dict[Precision, float | None]] = Field(default_factory=dict)
    quality_source: str | None = None
    agreement: dict[TaskName, dict[Precision, Annotated[float, Field(ge=0.0, le=1.0)]]] = Field(
        default_factory=dict
    )

    @model_validator(mode="before")
    @classmethod
    def _gather_flops(cls, values: Any) -> Any:
        """Take the fields `flops_<part>`, as the file has them, together."""
        if not isinstance(values, dict):
            return values
        found = {part: values[f"flops_{part}"] for part in _parts() if f"flops_{part}" in values}
        rest = {k: v for k, v in values.items() if k.removeprefix("flops_") not in found}
        flops = {**found, **rest.get("flops", {})}
        return {**rest, "flops": {part: of for part, of in flops.items() if of is not None}}

    @model_serializer(mode="wrap")
    def _spread_flops(
        self, write: SerializerFunctionWrapHandler, info: SerializationInfo
    ) -> dict[str, Any]:
        parts = [part for part in _parts() if part in self.flops or not info.exclude_unset]
        written: dict[str, Any] = {}
        for name, value in write(self).items():
            if name == "flops":
                written.update({f"flops_{part}": self.flops.get(part) for part in parts})
            else:
                written[name] = value
        return written

    @field_validator("quality", "agreement")
    @classmethod
    def _of_tasks(cls, value: dict[TaskName, Any]) -> dict[TaskName, Any]:
        return _known(value)

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

    def quality_of(self, task: TaskName, precision: Precision) -> float | None:
        """Return the task's quality at a precision, None if it was not measured."""
        return self.quality.get(task, {}).get(precision)

    def agreement_of(self, task: TaskName, precision: Precision) -> float | None:
        """Return the task's agreement at a precision, else at fp32; None if it is not known."""
        found = self.agreement.get(task, {})
        return found.get(precision, found.get("fp32"))


class ParityRecord(Record):
    """How far a stage was from its torch reference at export."""

    stage: str
    backend: str
    precision: Precision
    relative_l2: float = Field(ge=0.0)


class ChainStopRecord(Record):
    """What a variant costs by being a stop of a chain.

    `free_pattern` is the pattern of as many orders that the search found best without that bond;
    the variant's own if none was better. `cost[task]` is the quality of `free_pattern` less the
    variant's, by the search's measure: positive where the chain is worse.
    """

    variant: str
    free_pattern: tuple[int, ...] = Field(min_length=1)
    cost: dict[TaskName, Annotated[float, Field(ge=-1.0, le=1.0)]]

    @field_validator("cost")
    @classmethod
    def _of_tasks(cls, value: dict[TaskName, Any]) -> dict[TaskName, Any]:
        return _known(value)


class ChainRecord(Record):
    """What it costs that each variant's orders begin the next one's, and on which split."""

    split: str
    stops: tuple[ChainStopRecord, ...]


class LadderRecord(Record):
    """How the default family of variants was found: by which search, on which split, at what cost.

    `order_of_removal` lists orders in the order the search dropped them. `chain` is there if the
    variants were searched for as one chain (ADR 0030).
    """

    search: str
    split: str
    evaluations: int = Field(ge=0)
    seconds: float = Field(ge=0.0)
    order_of_removal: tuple[int, ...] = ()
    chain: ChainRecord | None = None


class SplitsRecord(Record):
    """The data that chose the variants, and the data that their quality is reported on.

    Never the same: what is chosen because it does well on some data does less well on other.
    """

    chose: str = Field(min_length=1)
    reported: str = Field(min_length=1)

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if self.chose == self.reported:
            raise ValueError(f"{self.chose} both chose the variants and reports their quality")
        return self


class GoldenRecord(Record):
    """Golden files and the quality the exporter's own engine reached on the labelled cases.

    `quality[task][variant]` is in 0..1, over the cases of that task.
    """

    stages: str
    cases: str | None = None
    count: int = Field(default=0, ge=0)
    quality: dict[TaskName, dict[str, float]] = Field(default_factory=dict)

    @field_validator("quality")
    @classmethod
    def _of_tasks(cls, value: dict[TaskName, Any]) -> dict[TaskName, Any]:
        return _known(value)


class TextRecord(Record):
    """Special token ids and limits; both limits count [BOS] and [EOS]."""

    bos: int = Field(ge=0)
    eos: int = Field(ge=0)
    pad: int = Field(ge=0)
    unk: int = Field(ge=0)
    mask: int = Field(ge=0)
    max_question_tokens: int = Field(ge=3)
    max_caption_tokens: int = Field(ge=3)


class DomainRecord(Record):
    """What a model knows: the data it was tuned on, in a few words, and the words it read there.

    `words` are lower case and ascend; none: they are not listed, as for a tokenizer of word pieces.
    """

    about: str = Field(min_length=1, max_length=200)
    words: tuple[str, ...] = ()

    @field_validator("words")
    @classmethod
    def _sorted(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if list(value) != sorted({_folded(word) for word in value}):
            raise ValueError("words are lower case, distinct and ascend")
        return value

    @property
    def line(self) -> str:
        """It in one line."""
        return f"{self.about} ({len(self.words)} words known)" if self.words else self.about

    def unknown(self, text: str) -> list[str]:
        """Return the words of a text that the model has never read, each once, in their order."""
        asked = dict.fromkeys(_WORD.findall(_folded(text))) if self.words else ()
        return [word for word in asked if word not in self.words]


_WORD = re.compile(r"\w+")


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).lower()


class BucketRecord(Record):
    """Shapes the engine pads to: text lengths L (ascending) and batch sizes to measure."""

    text_lengths: tuple[int, ...] = Field(min_length=1)
    batches: tuple[int, ...] = Field(min_length=1)

    @field_validator("text_lengths", "batches")
    @classmethod
    def _ascending(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if value[0] < 1 or any(b <= a for a, b in itertools.pairwise(value)):
            raise ValueError("buckets are positive and ascend")
        return value
