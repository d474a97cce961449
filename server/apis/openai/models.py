"""`GET /v1/models`: the names that a request's `model` may have."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request
from starlette.responses import Response

from engine import errors as engine
from server import errors as http
from server.apis.model_name import ServedModel, read_model_name
from server.apis.openapi.other_errors import error_responses
from server.errors.shapes import OPENAI
from server.http.media_types import JSON
from server.lifecycle.serving import Serving
from server.requests.fields import WireModel

router = APIRouter(prefix="/v1", tags=["OpenAI"])
_ERRORS = (engine.NotReady, http.StillDraining, http.AnswerOverdue)


class ModelView(WireModel):
    """A name that `model` may have."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str


class ModelList(WireModel):
    """The names that `model` may have: the model, with each variant, with each adapter."""

    object: Literal["list"] = "list"
    data: list[ModelView]


@router.get(
    "/models",
    summary="List the models",
    response_model=ModelList,
    responses=error_responses(OPENAI, _ERRORS),
)
async def models(request: Request) -> Response:
    """The model, and each of its variants and adapters, under the names that requests take."""
    served = _served(request)
    body = ModelList(data=[_view(name, served) for name in served.names])
    return Response(body.model_dump_json(), media_type=JSON)


@router.get(
    "/models/{model:path}",
    summary="One model",
    response_model=ModelView,
    responses=error_responses(OPENAI, (*_ERRORS, http.ModelNotFound)),
)
async def model(request: Request, model: str) -> Response:
    """A name that `model` may have; any that requests take, with its task too."""
    served = _served(request)
    name = read_model_name(model, served)
    return Response(_view(str(name), served).model_dump_json(), media_type=JSON)


def _served(request: Request) -> ServedModel:
    serving: Serving = request.app.state.serving
    return ServedModel.of(serving.pool())


def _view(name: str, served: ServedModel) -> ModelView:
    return ModelView(id=name, owned_by=served.name)
