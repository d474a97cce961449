"""`GET /v1/variants`: everything the server can answer with."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import Response

from artifact.manifest import DomainRecord
from artifact.task import TaskName
from engine import errors as engine
from engine.types import Offer
from server import errors as http
from server.answering.numbers import share, to_mb, to_ms
from server.errors.problem_json import openapi_responses
from server.http.media_types import JSON
from server.lifecycle.memory_budget import BYTES_PER_MB
from server.lifecycle.serving import Serving
from server.requests.fields import WireModel
from server.tasks import SERVED_TASKS
from server.tasks.answer_body import SkipPatternView

router = APIRouter(prefix="/v1", tags=["variants"])


class OfferView(WireModel):
    """A variant as it can be served now."""

    task: str
    variant: str
    skip_pattern: SkipPatternView
    executed_blocks: int
    keys: list[int] = Field(description="The key blocks it needs.")
    quality: float | None
    quality_precision: Literal["fp32", "bf16", "fp16"] | None = Field(
        description="The precision the quality was measured at; null = unknown."
    )
    predicted_ms: float = Field(description="Service time on an idle engine.")
    memory_mb: float = Field(description="10^6 bytes of its stages and of one request.")
    resident: bool = Field(description="False: evicted by the memory budget, not chosen.")


class DomainView(WireModel):
    """What the model knows."""

    about: str = Field(description="What it was tuned on, in a few words.")
    words: list[str] = Field(description="The words it has read, lower case; none: not listed.")


class VariantsResponse(WireModel):
    """Everything the server can answer with."""

    model: str
    artifact_sha256: str
    domain: DomainView | None = Field(description="What the model knows; null: not recorded.")
    tasks: list[str]
    memory_budget_mb: float | None
    resident_keys: list[int]
    variants: list[OfferView]


def _name_tasks(schema: dict[str, Any]) -> None:
    del schema["anyOf"]  # the parameter is given or left out: it is never null
    schema |= {"type": "string", "enum": list(SERVED_TASKS)}


_WITH_THE_FIRST = {"header.X-Otmv-Variant": "$response.body#/variants/0/variant"}
_LISTED = {
    "description": VariantsResponse.__doc__,
    "links": {name: {"operationId": name, "parameters": _WITH_THE_FIRST} for name in SERVED_TASKS},
}


@router.get(
    "/variants",
    summary="List the variants",
    response_model=VariantsResponse,
    responses={
        200: _LISTED,
        **openapi_responses(
            (engine.NotReady, http.StillDraining, http.AnswerOverdue, http.InvalidFields)
        ),
    },
)
def variants(
    request: Request,
    task: Annotated[TaskName | None, Query(json_schema_extra=_name_tasks)] = None,
) -> Response:
    """Every variant with its quality, predicted latency, bytes and residency."""
    _check_task(task)
    serving: Serving = request.app.state.serving
    pool = serving.pool()
    manifest = pool.artifact.manifest
    offers = [offer for asked in _asked(task) for offer in pool.offers(asked)]
    budget_bytes = pool.memory_budget_bytes
    body = VariantsResponse(
        model=manifest.name,
        artifact_sha256=pool.artifact.hash,
        domain=_domain(manifest.domain),
        tasks=list(manifest.tasks),
        memory_budget_mb=None if budget_bytes is None else budget_bytes / BYTES_PER_MB,
        resident_keys=resident_keys(offers),
        variants=[_view(offer) for offer in offers],
    )
    return Response(body.model_dump_json(), media_type=JSON)


def resident_keys(offers: list[Offer]) -> list[int]:
    """Return the key blocks of the variants that are resident, in order."""
    return sorted({key for offer in offers if offer.resident for key in offer.keys})


def _check_task(task: TaskName | None) -> None:
    """Raise InvalidFields for a task that is not served."""
    if task is None or task in SERVED_TASKS:
        return
    *names, last = (repr(name) for name in SERVED_TASKS)
    known = f"{', '.join(names)} or {last}" if names else last
    raise http.InvalidFields.one("query.task", f"Input should be {known}")


def _asked(name: TaskName | None) -> list[TaskName | None]:
    """Return the engine's tasks that a served task asks; None: all there are."""
    if name is None:
        return [None]
    return [task.name for task in SERVED_TASKS[name].asks]


def _domain(record: DomainRecord | None) -> DomainView | None:
    return None if record is None else DomainView(about=record.about, words=list(record.words))


def _view(offer: Offer) -> OfferView:
    return OfferView(
        task=offer.task,
        variant=offer.variant,
        skip_pattern=SkipPatternView(bits=offer.bits, executed_orders=list(offer.executed)),
        executed_blocks=len(offer.executed),
        keys=list(offer.keys),
        quality=share(offer.quality),
        quality_precision=offer.quality_precision,
        predicted_ms=to_ms(offer.predicted_s),
        memory_mb=to_mb(offer.memory_bytes),
        resident=offer.resident,
    )
