"""Engine answers to wire bodies and headers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel
from starlette.responses import Response

from engine.types import Offer
from server.answering.answerer import Finished
from server.requests.reader import JSON
from server.schemas import (
    CaptionResponse,
    OfferView,
    ReasonResponse,
    ScoredAnswer,
    Served,
    SkipPatternView,
    Timings,
    VqaAnswer,
    VqaResponse,
)

ENGINE_PHASES = ("queue", "stem", "blocks", "head")
"""What an answer's time in the engine is made of, in the order they begin."""


def vqa_body(finished: Finished, questions: list[str], request_id: str) -> VqaResponse:
    """Return the answers in the order asked."""
    answers = []
    for index, (question, answer) in enumerate(zip(questions, finished.answers, strict=True)):
        ranked = [ScoredAnswer(answer=label, score=score) for label, score in answer.labels]
        answers.append(
            VqaAnswer(
                question=question,
                answer=ranked[0].answer,
                score=ranked[0].score,
                top_k=ranked,
                **_served(finished, index),
            )
        )
    return VqaResponse(request_id=request_id, answers=answers)


def caption_body(finished: Finished, request_id: str) -> CaptionResponse:
    """Return the caption."""
    text = finished.answers[0].text or ""
    return CaptionResponse(request_id=request_id, caption=text, **_served(finished, 0))


def reason_body(finished: Finished, statement: str, request_id: str) -> ReasonResponse:
    """Return whether the statement holds."""
    label, score = finished.answers[0].labels[0]
    return ReasonResponse(
        request_id=request_id,
        statement=statement,
        answer=label == "true",
        score=score,
        **_served(finished, 0),
    )


def timings_ms(finished: Finished, index: int) -> dict[str, float]:
    """Return how long an answer's phases took, by the names of `Timings`."""
    answer = finished.answers[index]
    return {
        "decode": _ms(finished.decode_s),
        "preprocess": _ms(finished.preprocess_s),
        **{phase: _ms(answer.phases_s.get(phase, 0.0)) for phase in ENGINE_PHASES},
        "total": _ms(finished.total_s[index]),
    }


def json_response(body: BaseModel, served: Sequence[Served]) -> Response:
    """Return a body as JSON, with the phases of the slowest of its answers as a header."""
    slowest = max((item.timings_ms for item in served), key=lambda timings: timings.total)
    header = ", ".join(f"{phase};dur={dur}" for phase, dur in slowest.model_dump().items())
    return Response(body.model_dump_json().encode(), 200, {"Server-Timing": header}, JSON)


def offer_view(offer: Offer) -> OfferView:
    """Return an offer as the wire shows it."""
    return OfferView(
        task=offer.task,
        variant=offer.variant,
        skip_pattern=SkipPatternView(bits=offer.bits, executed_orders=list(offer.executed)),
        executed_blocks=len(offer.executed),
        keys=list(offer.keys),
        quality=offer.quality,
        quality_precision=offer.quality_precision,
        predicted_ms=_ms(offer.predicted_s),
        memory_mb=round(offer.memory_bytes / 1e6, 3),
        resident=offer.resident,
    )


def _served(finished: Finished, index: int) -> dict[str, Any]:
    answer = finished.answers[index]
    return {
        "variant": answer.variant,
        "skip_pattern": SkipPatternView(bits=answer.bits, executed_orders=list(answer.executed)),
        "executed_blocks": answer.executed_blocks,
        "quality": answer.quality,
        "predicted_ms": _ms(answer.predicted_s),
        "deadline_met": answer.deadline_met,
        "degraded": answer.degraded,
        "timings_ms": Timings(**timings_ms(finished, index)),
    }


def _ms(seconds: float) -> float:
    return round(seconds * 1e3, 3)
