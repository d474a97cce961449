"""Where a vector lies: vectors of different artifacts, variants or precisions never mix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from artifact.config import Precision
from artifact.store import Artifact
from engine.types import Answer
from server.errors import NoCommonVariant
from server.requests.fields import WireModel


class VectorSpace(WireModel):
    """Where vectors lie: those of two spaces must never be compared."""

    precision: Precision = Field(description="What it was computed in.")
    vector_space: str = Field(
        description=(
            "Artifact, variant and precision in one word. Vectors of different ones do not mix."
        ),
        examples=["0f3c5ad2b1e7/full/fp32"],
    )


def common_variant(answers: Sequence[Answer]) -> Answer:
    """Return the answer of the deepest variant that each of them has passed.

    Raises:
        NoCommonVariant: there is none.
    """
    least = min(answers, key=lambda answer: answer.executed_blocks)
    if not all(least.variant in answer.vectors for answer in answers):
        raise NoCommonVariant
    return least


def vector_space(answer: Answer, artifact: Artifact) -> dict[str, Any]:
    """Return a `VectorSpace` as plain values."""
    space = f"{artifact.short_hash}/{answer.variant}/{answer.precision}"
    return {"precision": answer.precision, "vector_space": space}
