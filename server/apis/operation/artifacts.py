"""`POST /v1/artifacts/reload`: serve another artifact without dropping a request."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from artifact.store import Artifact
from server import errors as http
from server.apis.openapi.operations import json_operation
from server.apis.operation.operator_request import OPERATOR_REQUEST_ERRORS, read_operator_request
from server.errors.problem_json import openapi_responses
from server.http.media_types import JSON
from server.lifecycle.serving import Serving

router = APIRouter(prefix="/v1/artifacts", tags=["operation"])

_ERRORS: tuple[type[Exception], ...] = (
    http.ReloadOff,
    http.NotOperator,
    http.ReloadRunning,
    http.MemoryBudgetChanging,
    http.ArtifactOutside,
    http.ArtifactRefused,
    *OPERATOR_REQUEST_ERRORS,
)


class ReloadRequest(BaseModel):
    """Which artifact to serve from now on."""

    model_config = ConfigDict(extra="forbid", strict=True)

    artifact: str | None = Field(
        default=None,
        min_length=1,
        max_length=4096,
        pattern=r"^[^\x00]*$",
        description="Folder on the server; default: the one served now, read again.",
    )


class ArtifactView(BaseModel):
    """An artifact: its name and the SHA-256 of its manifest."""

    name: str
    sha256: str
    tasks: list[str]


class ReloadResponse(BaseModel):
    """The artifact was changed."""

    before: ArtifactView
    after: ArtifactView
    seconds: float = Field(description="Until the new one was given all requests that come.")


@router.post(
    "/reload",
    summary="Serve another artifact",
    response_model=ReloadResponse,
    responses=openapi_responses(_ERRORS),
    openapi_extra=json_operation(ReloadRequest),
)
async def reload(request: Request) -> Response:
    """Verify, load and warm an artifact while the present one answers, then swap the two.

    For operators: off unless the server was started with `OTMV_RELOAD=true`; where API keys are
    configured, only for keys with `operator`. Whatever fails, the present artifact is served as
    before.
    """
    serving: Serving = request.app.state.serving
    serving.reloader.check_allowed()
    asked = await read_operator_request(request, ReloadRequest, "a reload", ReloadRequest())
    done = await serving.reloader.reload(asked.artifact)
    body = ReloadResponse(
        before=_view(done.before), after=_view(done.after), seconds=round(done.seconds, 2)
    )
    return Response(body.model_dump_json(), media_type=JSON)


def _view(artifact: Artifact) -> ArtifactView:
    manifest = artifact.manifest
    return ArtifactView(name=manifest.name, sha256=artifact.hash, tasks=list(manifest.tasks))
