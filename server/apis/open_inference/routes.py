"""The protocol's REST routes: health, metadata and inference."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from engine import errors as engine
from server import errors as http
from server.apis.answer_route import AnswerRoute
from server.apis.answers import ANSWER_ERRORS
from server.apis.asking import task_named
from server.apis.exchange import answer_route
from server.apis.model_name import ServedModel, read_model_name
from server.apis.open_inference.infer import VERSION, InferRequests
from server.apis.open_inference.infer_request import InferRequest
from server.apis.open_inference.metadata import (
    ModelMetadata,
    ModelReady,
    ServerLive,
    ServerMetadata,
    ServerReady,
    metadata_of,
)
from server.apis.openapi.operations import budget_headers, json_operation
from server.apis.openapi.other_errors import error_responses
from server.errors.problem_json import header_references
from server.errors.shapes import OPEN_INFERENCE
from server.http.media_types import BINARY, JSON
from server.lifecycle.serving import Serving
from server.requests.fields import WireModel
from server.tasks import SERVED_TASKS

_MODELS = "/v2/models/"
_INFER = (f"/versions/{VERSION}/infer", "/infer")
"""Behind a model's name; the longer one first."""
_READY_ERRORS = (engine.NotReady, http.StillDraining, http.AnswerOverdue)
_NAMED_ERRORS = (*_READY_ERRORS, http.ModelNotFound)


class Tensor(WireModel):
    """An output."""

    name: str
    datatype: str
    shape: list[int]
    data: list[Any] | None = None
    parameters: dict[str, Any] | None = None


class InferResponse(WireModel):
    """An answer as tensors."""

    model_name: str
    model_version: str
    id: str | None = None
    parameters: dict[str, str]
    outputs: list[Tensor]


def infer_routes() -> list[AnswerRoute]:
    """Return the routes that answer."""
    return [
        answer_route(f"{_MODELS}{{model}}{behind}", "infer", InferRequests(_MODELS, behind))
        for behind in _INFER
    ]


def infer_router() -> APIRouter:
    """Return all routes, described."""
    router = APIRouter(tags=["Open Inference Protocol"])
    responses = error_responses(OPEN_INFERENCE, (*ANSWER_ERRORS, http.ModelNotFound))
    responses[200] = {
        "description": "The answer as tensors; binary ones stand behind the JSON.",
        "headers": header_references("Server-Timing"),
        "content": {BINARY: {"schema": {"type": "string", "format": "binary"}}},
    }
    for route in infer_routes():
        router.add_api_route(
            route.path.replace("{model}", "{model:path}"),
            route.endpoint,
            methods=["POST"],
            summary="Ask as Triton's and KServe's clients do",
            response_model=InferResponse,
            responses=responses,
            openapi_extra=json_operation(InferRequest, required=True)
            | {"parameters": budget_headers()},
        )
    router.include_router(_others)
    return router


_others = APIRouter(prefix="/v2")


@_others.get("/", include_in_schema=False)
@_others.get("", summary="What the server is", response_model=ServerMetadata)
async def server_metadata(request: Request) -> Response:
    """Name, version and extensions of the protocol."""
    body = ServerMetadata(version=request.app.version)
    return Response(body.model_dump_json(), media_type=JSON)


@_others.get("/health/live", summary="Is the server alive?", response_model=ServerLive)
async def live() -> Response:
    """Answer 200 from the first moment."""
    return Response(ServerLive().model_dump_json(), media_type=JSON)


@_others.get(
    "/health/ready",
    summary="Are requests taken?",
    response_model=ServerReady,
    responses=error_responses(OPEN_INFERENCE, _READY_ERRORS),
)
async def ready(request: Request) -> Response:
    """Answer 200 once requests are taken."""
    _served(request)
    return Response(ServerReady().model_dump_json(), media_type=JSON)


@_others.get(
    "/models/{model:path}/ready",
    summary="Does the model take requests?",
    response_model=ModelReady,
    responses=error_responses(OPEN_INFERENCE, _NAMED_ERRORS),
)
@_others.get(f"/models/{{model:path}}/versions/{VERSION}/ready", include_in_schema=False)
async def model_ready(request: Request, model: str) -> Response:
    """Answer 200 once requests for a model are taken."""
    read_model_name(model, _served(request))
    return Response(ModelReady(name=model).model_dump_json(), media_type=JSON)


@_others.get(
    "/models/{model:path}",
    summary="Inputs and outputs of a model",
    response_model=ModelMetadata,
    responses=error_responses(OPEN_INFERENCE, _NAMED_ERRORS),
)
@_others.get(f"/models/{{model:path}}/versions/{VERSION}", include_in_schema=False)
async def model_metadata(request: Request, model: str) -> Response:
    """Inputs and outputs of the task that the name asks for, or of every task."""
    served = _served(request)
    named = task_named(read_model_name(model, served))
    tasks = [named] if named else [SERVED_TASKS[name] for name in served.tasks]
    return Response(metadata_of(model, tasks).model_dump_json(), media_type=JSON)


def _served(request: Request) -> ServedModel:
    serving: Serving = request.app.state.serving
    return ServedModel.of(serving.pool())
