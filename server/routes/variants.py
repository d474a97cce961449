"""`GET /v1/variants`: everything the server can answer with."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from artifact.config import Task
from engine import errors as engine
from server import errors as http
from server.errors.statuses import openapi_responses
from server.lifecycle.serving import Serving
from server.requests.reader import JSON
from server.responses import offer_view
from server.schemas import VariantsResponse

router = APIRouter(prefix="/v1", tags=["variants"])


@router.get(
    "/variants",
    summary="List the variants",
    response_model=VariantsResponse,
    responses=openapi_responses((engine.NotReady, http.StillDraining, http.InvalidFields)),
)
def variants(request: Request, task: Task | None = None) -> Response:
    """Every variant with its quality, predicted latency, bytes and residency."""
    serving: Serving = request.app.state.serving
    pool = serving.pool()
    manifest = pool.artifact.manifest
    offers = pool.offers(task)
    budget_bytes = serving.settings.memory_budget
    body = VariantsResponse(
        model=manifest.name,
        artifact_sha256=pool.artifact.hash,
        tasks=list(manifest.tasks),
        memory_budget_mb=None if budget_bytes is None else budget_bytes / 1e6,
        resident_keys=sorted({key for offer in offers if offer.resident for key in offer.keys}),
        variants=[offer_view(offer) for offer in offers],
    )
    return Response(body.model_dump_json(), media_type=JSON)
