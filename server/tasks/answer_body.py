"""What the answers of all tasks say: the variant, its quality, and where the time went."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from server.answering.work import WorkResult, to_ms
from server.requests.fields import WireModel


class SkipPatternView(WireModel):
    """Which orders of the series ran."""

    bits: str = Field(description="One digit per order; 1 = executed.")
    executed_orders: list[int] = Field(description="The executed orders, counted from 0.")


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
    skip_pattern: SkipPatternView
    executed_blocks: int
    quality: float | None = Field(description="Measured quality of the variant; null = unknown.")
    predicted_ms: float = Field(
        description="Predicted when the variant became final: first step to answer."
    )
    deadline_met: bool | None = Field(description="null when no deadline applied.")
    degraded: bool = Field(description="A lower variant than the best qualifying one was used.")
    timings_ms: Timings


def how_computed(result: WorkResult, index: int) -> dict[str, Any]:
    """Return the fields of `AnswerBody` for one of a result's answers, as plain values.

    No model is made of them: they are ours, and an answer has dozens.
    """
    answer = result.answers[index]
    return {
        "variant": answer.variant,
        "skip_pattern": {"bits": answer.bits, "executed_orders": answer.executed},
        "executed_blocks": answer.executed_blocks,
        "quality": answer.quality,
        "predicted_ms": to_ms(answer.predicted_s),
        "deadline_met": answer.deadline_met,
        "degraded": answer.degraded,
        "timings_ms": result.timings_ms(index),
    }
