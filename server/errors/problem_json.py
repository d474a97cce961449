"""RFC 9457 problem+json: an error as the body of an answer, and as OpenAPI describes it.

It is the shape of our own routes' errors; `shapes.py` has those of other APIs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from engine import errors as engine
from engine.types import Offer
from server import errors as http
from server.errors.statuses import OPAQUE, PROBLEMS, RETRIED, Problem, classify, retry_after_s

MEDIA_TYPE = "application/problem+json"
_SAFE_DETAIL = (engine.CapacityError, http.ServerError)


class ProblemModel(BaseModel):
    """An error, RFC 9457."""

    model_config = ConfigDict(extra="allow", title="Problem")

    type: str = Field(examples=["urn:otmv:problem:queue-full"])
    title: str
    status: int
    detail: str
    instance: str
    request_id: str


def problem_body(error: Exception, request_id: str, instance: str) -> dict[str, Any]:
    """Return the problem details of an error."""
    problem = classify(error)
    body: dict[str, Any] = {
        "type": problem.type_uri,
        "title": problem.title,
        "status": problem.status,
        "detail": detail_of(error),
        "instance": instance,
        "request_id": request_id,
        **_extensions(error),
    }
    wait_s = retry_after_s(error)
    return body if wait_s is None else body | {"retry_after_s": wait_s}


def openapi_responses(
    errors: Iterable[type[Exception] | Problem],
) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI responses of a route from the errors it can raise, grouped by status."""
    grouped: dict[int, list[Problem]] = {}
    for error in errors:
        problem = error if isinstance(error, Problem) else PROBLEMS[error]
        kinds = grouped.setdefault(problem.status, [])
        if problem not in kinds:
            kinds.append(problem)
    return {status: _response(status, kinds) for status, kinds in sorted(grouped.items())}


def _response(status: int, kinds: Sequence[Problem]) -> dict[str, Any]:
    """Return the response of one status, which may tell of several kinds of problem."""
    own = {"type": {"enum": [kind.type_uri for kind in kinds]}, "status": {"const": status}}
    schema = {"allOf": [{"$ref": "#/components/schemas/Problem"}, {"properties": own}]}
    return {
        "description": "; ".join(f"{kind.title} (`{kind.type_uri}`)" for kind in kinds),
        "headers": header_references(*(("Retry-After",) if status in RETRIED else ())),
        "content": {MEDIA_TYPE: {"schema": schema}},
    }


def header_references(*names: str) -> dict[str, Any]:
    """Return what an OpenAPI response says of its headers: the request id, and these."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-Id", *names)}


def detail_of(error: Exception) -> str:
    """Return what clients are told of an error; a 5xx shows nothing of the inside."""
    if classify(error).status in OPAQUE and not isinstance(error, _SAFE_DETAIL):
        return "the cause is in the server's log under this request id"
    if isinstance(error, HTTPException):
        return str(error.detail)
    return str(error)


def _extensions(error: Exception) -> dict[str, Any]:
    if isinstance(error, http.InvalidFields):
        return {"errors": [{"field": p.field, "problem": p.problem} for p in error.problems]}
    if isinstance(error, engine.InvalidInput):
        return {"errors": [{"field": error.field, "problem": error.problem}]}
    if isinstance(error, engine.UnknownVariant):
        return {"known_variants": list(error.known)}
    if isinstance(error, http.ModelNotFound):
        return {"known_models": list(error.known)}
    if isinstance(error, engine.NoVariantFits) and error.nearest is not None:
        return {"nearest_offer": _offer(error.nearest)}
    if isinstance(error, http.MemoryBudgetTooSmall):
        return {"smallest_memory_budget_mb": error.smallest_mb}
    if isinstance(error, engine.DeadlineUnattainable):
        return {"predicted_ms": round(error.predicted_ms, 2), "variant": error.variant}
    if isinstance(error, http.FrontBusy):
        return {"estimated_wait_ms": round(error.wait_s * 1e3, 2)}
    return {}


def _offer(offer: Offer) -> dict[str, Any]:
    return {
        "variant": offer.variant,
        "quality": None if offer.quality is None else round(offer.quality, 4),
        "memory_mb": round(offer.memory_bytes / 1e6, 3),
        "predicted_ms": round(offer.predicted_s * 1e3, 2),
    }
