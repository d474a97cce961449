"""`/v1/adapters`: which adapters are loaded, and another one while the server runs."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response

from engine import errors as engine
from engine.residency.adapters.lease import LoadedAdapter
from server import errors as http
from server.answering.numbers import to_mb
from server.apis.openapi.operations import json_operation
from server.apis.operation.operator_request import (
    OPERATOR_REQUEST_ERRORS,
    check_is_operator,
    read_operator_request,
)
from server.configuration.api_key import AdapterName
from server.errors.problem_json import openapi_responses
from server.http.media_types import JSON
from server.lifecycle.serving import Serving
from server.requests.fields import WireModel

router = APIRouter(prefix="/v1/adapters", tags=["operation"])

_READ_ERRORS: tuple[type[Exception], ...] = (
    http.NotOperator,
    http.FromWebPage,
    http.InvalidFields,
    http.StillLoading,
    http.StillDraining,
    http.AnswerOverdue,
)
_CHANGE_ERRORS: tuple[type[Exception], ...] = (
    http.AdaptersFixed,
    http.AdaptersChanging,
    http.ReloadRunning,
    http.MemoryBudgetChanging,
    http.AdapterNotThere,
)
_LOAD_ERRORS: tuple[type[Exception], ...] = (
    http.NotOperator,
    *_CHANGE_ERRORS,
    http.AdapterRefused,
    engine.AdapterLoaded,
    engine.TooManyAdapters,
    engine.AdapterBudgetTooSmall,
    *OPERATOR_REQUEST_ERRORS,
)


class LoadAdapterRequest(WireModel):
    """Which adapter to load."""

    name: AdapterName = Field(description="Its folder below OTMV_ADAPTERS, and its own name.")


class AdapterView(WireModel):
    """A loaded adapter."""

    name: str
    kind: str = Field(description="The method that it was tuned by.")
    tasks: list[str] = Field(description="It answers these; others are answered by the base.")
    sha256: str = Field(description="Of its record.")
    table_mb: float = Field(description="10^6 bytes of its tables.")
    requests: int = Field(description="Open requests that are answered with it.")


class AdaptersResponse(WireModel):
    """The adapters that requests may name."""

    adapters: list[AdapterView]


@router.get(
    "",
    summary="List the adapters",
    response_model=AdaptersResponse,
    responses=openapi_responses(_READ_ERRORS),
)
async def adapters(request: Request) -> Response:
    """List the adapters that requests may name. For operators."""
    check_is_operator(request)
    serving: Serving = request.app.state.serving
    views = [_view(each) for each in serving.pool().adapters().values()]
    return Response(AdaptersResponse(adapters=views).model_dump_json(), media_type=JSON)


@router.post(
    "",
    summary="Load an adapter",
    response_model=AdapterView,
    responses=openapi_responses(_LOAD_ERRORS),
    openapi_extra=json_operation(LoadAdapterRequest, required=True),
)
async def load_adapter(request: Request) -> Response:
    """Read an adapter of the server's folder while requests are answered.

    For operators: off unless the server was started with `OTMV_ADAPTERS` and `OTMV_RELOAD=true`;
    where API keys are configured, only for keys with `operator`. Whatever fails, nothing changes.
    """
    serving: Serving = request.app.state.serving
    serving.adapters.check_allowed()
    asked = await read_operator_request(request, LoadAdapterRequest, "loading an adapter")
    loaded = await serving.adapters.load(serving.pool(), asked.name)
    return Response(_view(loaded).model_dump_json(), media_type=JSON)


@router.delete(
    "/{name}",
    summary="Drop an adapter",
    status_code=204,
    response_class=Response,
    responses=openapi_responses((*_READ_ERRORS, *_CHANGE_ERRORS)),
)
async def drop_adapter(request: Request, name: AdapterName) -> Response:
    """Let no new request name an adapter; those that have it are answered with it. For operators.

    Off unless the server was started with `OTMV_ADAPTERS` and `OTMV_RELOAD=true`.
    """
    serving: Serving = request.app.state.serving
    serving.adapters.check_allowed()
    check_is_operator(request)
    await serving.adapters.drop(serving.pool(), name)
    return Response(status_code=204)


def _view(loaded: LoadedAdapter) -> AdapterView:
    record = loaded.record
    return AdapterView(
        name=record.name,
        kind=record.kind,
        tasks=list(record.tasks),
        sha256=loaded.hash,
        table_mb=to_mb(loaded.table_bytes),
        requests=loaded.users,
    )
