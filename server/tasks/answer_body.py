"""What the answers of all tasks say: which variant of which artifact, why, and where time went."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from pydantic import ConfigDict, Field

from artifact.store import Artifact
from engine.types import Degraded, DegradedReason
from server.answering.numbers import share, to_ms
from server.answering.work import WorkResult
from server.requests.fields import WireModel


class SkipPatternView(WireModel):
    """Which orders of the series ran."""

    bits: str = Field(description="One digit per order; 1 = executed.")
    executed_orders: list[int] = Field(description="The executed orders, counted from 0.")


class AnsweringArtifact(WireModel):
    """The artifact that answered."""

    name: str
    hash: str = Field(description="The first 12 digits of its manifest's SHA-256.")


class DegradedBecause(WireModel):
    """Why a lower variant than the best within the hard limits was used."""

    reason: DegradedReason = Field(
        description=(
            "time: `variant` was predicted to end too late, or too likely to. late: not even the "
            "variant that answered was predicted to be in time. load: others needed the engine."
        )
    )
    variant: str = Field(description="The next better variant.")
    predicted_ms: float = Field(description="What that was predicted to need, nine times of ten.")
    left_ms: float | None = Field(description="What was left for it then; null: no deadline.")


class Timings(WireModel):
    """Where the time went, ms; total counts from the arrival of the request head.

    decode and preprocess are summed over the pictures, which are decoded side by side.
    """

    decode: float
    preprocess: float
    queue: float
    stem: float
    blocks: float
    head: float
    total: float


class AnswerBody(WireModel):
    """How an answer was computed."""

    variant: str
    variant_quality: float | None = Field(
        description="Measured quality of the variant; null = unknown."
    )
    quality: float | None = Field(
        description="The old name of `variant_quality`.", json_schema_extra={"deprecated": True}
    )
    adapter: str | None = Field(description="The adapter that answered; null = the base.")
    skip_pattern: SkipPatternView
    executed_blocks: int
    predicted_ms: float = Field(
        description="Predicted when the variant became final: first step to answer."
    )
    deadline_met: bool | None = Field(description="null when no deadline applied.")
    degraded: bool = Field(description="A lower variant than the best qualifying one was used.")
    degraded_because: DegradedBecause | None = Field(description="Why; null: it was not.")
    timings_ms: Timings


One = TypeVar("One", bound=AnswerBody)


class AnswersBody(WireModel, Generic[One]):
    """What every response has, whatever the task."""

    request_id: str
    task: str
    artifact: AnsweringArtifact
    answers: list[One]


def at_top(answer: type[AnswerBody]) -> ConfigDict:
    """Return the configuration of a response with the fields of its one answer at the top too."""

    def mark(schema: dict[str, Any]) -> None:
        for name in answer.model_fields:
            schema["properties"][name]["deprecated"] = True

    return ConfigDict(json_schema_extra=mark)


def answers_body(
    result: WorkResult, said: Sequence[dict[str, Any]], task: str, request_id: str
) -> dict[str, Any]:
    """Return an `AnswersBody` as plain values, with what each answer says of its own.

    No model is made of them: they are ours, and an answer has dozens.
    """
    return {
        "request_id": request_id,
        "task": task,
        "artifact": artifact_view(result.artifact),
        "answers": [own | _how_computed(result, index) for index, own in enumerate(said)],
    }


def artifact_view(artifact: Artifact) -> dict[str, str]:
    """Return an `AnsweringArtifact` as plain values."""
    return {"name": artifact.manifest.name, "hash": artifact.short_hash}


def _how_computed(result: WorkResult, index: int) -> dict[str, Any]:
    answer = result.answers[index]
    quality, because = share(answer.quality), answer.degraded_because
    return {
        "variant": answer.variant,
        "variant_quality": quality,
        "quality": quality,
        "adapter": answer.adapter,
        "skip_pattern": {"bits": answer.bits, "executed_orders": answer.executed},
        "executed_blocks": answer.executed_blocks,
        "predicted_ms": to_ms(answer.predicted_s),
        "deadline_met": answer.deadline_met,
        "degraded": answer.degraded,
        "degraded_because": None if because is None else _because(because),
        "timings_ms": result.timings_ms(index),
    }


def _because(because: Degraded) -> dict[str, Any]:
    left_s = because.left_s
    return {
        "reason": because.reason,
        "variant": because.variant,
        "predicted_ms": to_ms(because.predicted_s),
        "left_ms": None if left_s is None else to_ms(left_s),
    }
