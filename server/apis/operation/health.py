"""`/healthz` (the process lives), `/readyz` (it takes requests), `/metrics`."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request
from prometheus_client.exposition import choose_encoder
from pydantic import BaseModel
from starlette.responses import Response

from server import errors as http
from server.errors.problem_json import openapi_responses
from server.http.media_types import JSON
from server.lifecycle.serving import Serving

router = APIRouter(tags=["operation"])


class Live(BaseModel):
    """The process answers."""

    status: Literal["live"] = "live"
    state: Literal["loading", "ready", "draining", "failed"]
    phase: str
    done_share: float


class Ready(BaseModel):
    """Requests are taken."""

    status: Literal["ready"] = "ready"


@router.get("/healthz", summary="Is the process alive?", response_model=Live)
async def healthz(request: Request) -> Response:
    """Answer 200 from the first moment, also while loading and draining."""
    serving: Serving = request.app.state.serving
    live = Live(state=serving.state, phase=serving.phase, done_share=serving.done_share)
    return Response(live.model_dump_json(), media_type=JSON)


@router.get(
    "/readyz",
    summary="Does the server take requests?",
    response_model=Ready,
    responses=openapi_responses((http.StillLoading, http.StillDraining, http.AnswerOverdue)),
)
async def readyz(request: Request) -> Response:
    """Answer 200 once the engine is loaded, checked and warm; 503 before, and while draining."""
    serving: Serving = request.app.state.serving
    serving.pool()
    return Response(Ready().model_dump_json(), media_type=JSON)


@router.get("/metrics", summary="Prometheus metrics", response_class=Response)
def metrics(request: Request) -> Response:
    """Every instrument, in the Prometheus text format, or as OpenMetrics where `Accept` says so."""
    serving: Serving = request.app.state.serving
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(serving.telemetry.registry), headers={"content-type": content_type})
