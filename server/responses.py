"""Engine answers to wire bodies and headers."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from starlette.responses import Response

from engine.types import Answer, Offer
from server.inference import Finished
from server.intake import JSON
from server.schemas import (
    CaptionResponse,
    OfferView,
    ScoredAnswer,
    SkipPatternView,
    Timings,
    VqaAnswer,
    VqaResponse,
)

_ENGINE_PHASES = ("queue", "stem", "blocks", "head")


def vqa_response(
    finished: Finished, questions: list[str], request_id: str, arrived_s: float
) -> Response:
    """Return the body and headers for answered questions, in the order asked."""
    answers = []
    for index, (question, answer) in enumerate(zip(questions, finished.answers, strict=True)):
        ranked = [ScoredAnswer(answer=label, score=score) for label, score in answer.labels]
        answers.append(
            VqaAnswer(
                question=question,
                answer=ranked[0].answer,
                score=ranked[0].score,
                top_k=ranked,
                **_served(finished, index, arrived_s),
            )
        )
    return _json(VqaResponse(request_id=request_id, answers=answers), answers)


def caption_response(finished: Finished, request_id: str, arrived_s: float) -> Response:
    """Return the body and headers for a caption."""
    body = CaptionResponse(
        request_id=request_id,
        caption=finished.answers[0].text or "",
        **_served(finished, 0, arrived_s),
    )
    return _json(body, [body])


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


def _served(finished: Finished, index: int, arrived_s: float) -> dict[str, Any]:
    answer = finished.answers[index]
    return {
        "variant": answer.variant,
        "skip_pattern": SkipPatternView(bits=answer.bits, executed_orders=list(answer.executed)),
        "executed_blocks": answer.executed_blocks,
        "quality": answer.quality,
        "predicted_ms": _ms(answer.predicted_s),
        "deadline_met": answer.deadline_met,
        "degraded": answer.degraded,
        "timings_ms": _timings(finished, answer, finished.done_s[index] - arrived_s),
    }


def _timings(finished: Finished, answer: Answer, total_s: float) -> Timings:
    engine = {phase: _ms(answer.phases_s.get(phase, 0.0)) for phase in _ENGINE_PHASES}
    return Timings(
        decode=_ms(finished.decoded.decode_s),
        preprocess=_ms(finished.decoded.preprocess_s),
        total=_ms(total_s),
        **engine,
    )


def _json(body: BaseModel, served: list[VqaAnswer] | list[CaptionResponse]) -> Response:
    slowest = max((item.timings_ms for item in served), key=lambda timings: timings.total)
    header = ", ".join(f"{phase};dur={dur}" for phase, dur in slowest.model_dump().items())
    return Response(body.model_dump_json().encode(), 200, {"Server-Timing": header}, JSON)


def _ms(seconds: float) -> float:
    return round(seconds * 1e3, 3)
