"""`POST /v1/artifacts/reload`: serve another artifact without dropping a request."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from artifact.store import Artifact
from engine.telemetry import NO_API_KEY
from server import errors as http
from server.errors.statuses import openapi_responses
from server.lifecycle.serving import Serving
from server.observing.request_record import facts_of
from server.requests.reader import JSON, from_json, media_type
from server.routes.openapi_document import json_operation

router = APIRouter(prefix="/v1/artifacts", tags=["operation"])

_ERRORS: tuple[type[Exception], ...] = (
    http.ReloadOff,
    http.NotOperator,
    http.ReloadRunning,
    http.ArtifactOutside,
    http.ArtifactRefused,
    http.StillLoading,
    http.StillDraining,
    http.MalformedBody,
    http.InvalidFields,
    http.UnsupportedBody,
    http.BodyTooLarge,
    http.BodyTooSlow,
    http.IntakeFull,
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
    _check_operator(request, serving)
    if request.scope["query_string"]:
        raise http.InvalidFields.one("query", "takes no parameters; send them in the body")
    done = await serving.reloader.reload((await _asked(request, serving)).artifact)
    body = ReloadResponse(
        before=_view(done.before), after=_view(done.after), seconds=round(done.seconds, 3)
    )
    return Response(body.model_dump_json(), media_type=JSON)


def _check_operator(request: Request, serving: Serving) -> None:
    """Raise NotOperator if keys are configured and the request's is not an operator's."""
    keys, name = serving.settings.keys, facts_of(request).api_key
    if keys and (name is None or not keys[name].operator):
        raise http.NotOperator(name or NO_API_KEY)


async def _asked(request: Request, serving: Serving) -> ReloadRequest:
    with await serving.bodies.read(request) as body:
        if not body.data:
            return ReloadRequest()
        if media_type(request.headers) != JSON:
            raise http.UnsupportedBody(f"a reload reads {JSON} only")
        return from_json(ReloadRequest, body.data)


def _view(artifact: Artifact) -> ArtifactView:
    manifest = artifact.manifest
    return ArtifactView(name=manifest.name, sha256=artifact.hash, tasks=list(manifest.tasks))
