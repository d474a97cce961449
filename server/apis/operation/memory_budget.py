"""`PUT /v1/memory-budget`: another memory budget for a server that runs."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response

from engine import errors as engine
from server import errors as http
from server.answering.numbers import to_mb
from server.apis.native.variants import resident_keys
from server.apis.openapi.operations import json_operation
from server.apis.operation.operator_request import OPERATOR_REQUEST_ERRORS, read_operator_request
from server.engine_pool import Pool
from server.errors.problem_json import openapi_responses
from server.http.media_types import JSON
from server.lifecycle.memory_budget import BYTES_PER_MB
from server.lifecycle.serving import Serving
from server.requests.budget import LIMIT_MEMORY_MB
from server.requests.fields import WireModel

router = APIRouter(prefix="/v1", tags=["operation"])

_ERRORS: tuple[type[Exception], ...] = (
    http.MemoryBudgetFixed,
    http.NotOperator,
    http.MemoryBudgetChanging,
    http.ReloadRunning,
    http.MemoryBudgetTooSmall,
    engine.LoadFailed,
    *OPERATOR_REQUEST_ERRORS,
)


class MemoryBudgetRequest(WireModel):
    """How much memory the loaded stages may take from now on."""

    memory_budget_mb: float | None = Field(
        gt=0, le=LIMIT_MEMORY_MB, description="10^6 bytes; null: no limit."
    )


class MemoryBudgetResponse(WireModel):
    """What is loaded now."""

    memory_budget_mb: float | None
    resident_mb: float = Field(
        description="10^6 bytes of the loaded stages; falls as requests that use others end."
    )
    resident_keys: list[int]
    resident_variants: dict[str, list[str]] = Field(
        description="The variants that can be chosen, for each task."
    )


@router.put(
    "/memory-budget",
    summary="Change the memory budget",
    response_model=MemoryBudgetResponse,
    responses=openapi_responses(_ERRORS),
    openapi_extra=json_operation(MemoryBudgetRequest, required=True),
)
async def memory_budget(request: Request) -> Response:
    """Load or drop key blocks, and with them variants, until the rest fits a new memory budget.

    For operators: off unless the server was started with `OTMV_RELOAD=true`; where API keys are
    configured, only for keys with `operator`. Requests that run finish on what they use. A reload
    keeps the budget; a restart takes the configured one.
    """
    serving: Serving = request.app.state.serving
    serving.memory_budget.check_allowed()
    asked = await read_operator_request(request, MemoryBudgetRequest, "a memory budget")
    pool = serving.pool()
    await serving.memory_budget.change(pool, asked.memory_budget_mb)
    body = _loaded(pool)
    return Response(body.model_dump_json(), media_type=JSON)


def _loaded(pool: Pool) -> MemoryBudgetResponse:
    budget_bytes, offers = pool.memory_budget_bytes, pool.offers()
    variants: dict[str, list[str]] = {}
    for offer in offers:
        named = variants.setdefault(offer.task, [])
        if offer.resident:
            named.append(offer.variant)
    return MemoryBudgetResponse(
        memory_budget_mb=None if budget_bytes is None else budget_bytes / BYTES_PER_MB,
        resident_mb=to_mb(pool.resident_bytes),
        resident_keys=resident_keys(offers),
        resident_variants=variants,
    )
