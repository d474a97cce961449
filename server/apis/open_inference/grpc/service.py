"""The protocol's gRPC service, and the standard one for health."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any

import grpc
from fastapi import FastAPI
from grpc_health.v1 import health_pb2
from open_inference.grpc import protocol as pb

from server.apis.open_inference.grpc.codes import abortion_of, code_of
from server.apis.open_inference.grpc.inner_request import (
    InnerRequest,
    InnerResponse,
    header_pairs,
)
from server.apis.open_inference.grpc.messages import (
    body_of,
    metadata_response_of,
    path_of,
    response_of,
)
from server.errors import FrontBusy, InvalidFields
from server.http.connection.head_admission import HeadAdmission
from server.lifecycle.serving import Serving
from server.requests.budget import FIRST_TOKEN_HEADERS, LIMIT_LATENCY_MS

_PASSED = frozenset({"authorization", "traceparent", "tracestate", "x-request-id"})
_PASSED_PREFIXES = ("x-otmv-", "x-slo-", "x-llm-d-slo-")
_GIVEN_BACK = ("x-request-id", "retry-after")
_WATCH_S = 0.25


class InferenceService:
    """Answers calls by asking the app. Used from the event loop only.

    Its methods are those of the protocol's service, by the names that this gives them.
    """

    def __init__(self, app: FastAPI, admission: HeadAdmission) -> None:
        self._app = app
        self._admission = admission

    @property
    def _serving(self) -> Serving:
        serving: Serving = self._app.state.serving
        return serving

    async def ServerLive(self, request: Any, context: Any) -> Any:
        """Answer that the process lives."""
        return pb.ServerLiveResponse(live=True)

    async def ServerReady(self, request: Any, context: Any) -> Any:
        """Answer whether requests are taken."""
        return pb.ServerReadyResponse(ready=self._serving.state == "ready")

    async def ModelReady(self, request: Any, context: Any) -> Any:
        """Answer whether requests for a model are taken."""
        found = await self._get(path_of(request.name, request.version, "/ready"), context)
        return pb.ModelReadyResponse(ready=found.status == HTTPStatus.OK)

    async def ServerMetadata(self, request: Any, context: Any) -> Any:
        """Answer what the server is."""
        told = json.loads(await self._checked(await self._get("/v2", context), context))
        return pb.ServerMetadataResponse(**told)

    async def ModelMetadata(self, request: Any, context: Any) -> Any:
        """Answer what a model takes and gives."""
        found = await self._get(path_of(request.name, request.version, ""), context)
        return metadata_response_of(json.loads(await self._checked(found, context)))

    async def ModelInfer(self, request: Any, context: Any) -> Any:
        """Answer an inference request."""
        arrived_s = self._serving.clock.now_s()
        path = path_of(request.model_name, request.model_version, "/infer")
        try:
            headers, body = body_of(request)
            pairs = [*self._head(context), *_deadline(context), *header_pairs(headers)]
            address = _address(context)
            visit = self._admission.knock(
                path.encode(), pairs, address, arrived_s, body, whole=True
            )
        except (InvalidFields, FrontBusy) as error:
            await context.abort(*abortion_of(error))
        asked = InnerRequest("POST", path, pairs, body, address, arrived_s, visit)
        del request
        found = await asked.send(self._app)
        return response_of(found.headers, await self._checked(found, context))

    def _head(self, context: Any) -> list[tuple[bytes, bytes]]:
        """Return what of a call's metadata the app reads; binary values are not passed on.

        No web page can make a browser send gRPC, so a call is for any host that is allowed.
        """
        host = next(iter(self._serving.settings.allowed_hosts), "localhost")
        return [(b"host", host.encode()), *_metadata(context)]

    async def _get(self, path: str, context: Any) -> InnerResponse:
        now = self._serving.clock.now_s()
        asked = InnerRequest("GET", path, self._head(context), b"", _address(context), now)
        return await asked.send(self._app)

    async def _checked(self, found: InnerResponse, context: Any) -> bytes:
        """Return the body of an answer, or end the call with its error."""
        given = tuple((name, found.headers[name]) for name in _GIVEN_BACK if name in found.headers)
        context.set_trailing_metadata(given)
        if found.status != HTTPStatus.OK:
            told = json.loads(found.body)
            await context.abort(
                code_of(found.status), told.get("error") or told.get("detail", ""), given
            )
        return found.body


class HealthService:
    """The standard health service: of the server as a whole, and of the inference service."""

    def __init__(self, serving: Serving, names: frozenset[str]) -> None:
        self._serving = serving
        self._names = names

    async def Check(self, request: Any, context: Any) -> Any:
        """Answer whether requests are taken."""
        if request.service not in self._names:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no service has that name")
        return self._now()

    async def List(self, request: Any, context: Any) -> Any:
        """Answer for every service."""
        now = self._now()
        return health_pb2.HealthListResponse(statuses=dict.fromkeys(self._names, now))

    async def Watch(self, request: Any, context: Any) -> AsyncIterator[Any]:
        """Answer now, and whenever it changes."""
        last = None
        while True:
            now = self._now()
            if now != last:
                yield now
            last = now
            await asyncio.sleep(_WATCH_S)

    def _now(self) -> Any:
        ready = self._serving.state == "ready"
        kinds = health_pb2.HealthCheckResponse
        return kinds(status=kinds.SERVING if ready else kinds.NOT_SERVING)


def _metadata(context: Any) -> list[tuple[bytes, bytes]]:
    return [
        (name.encode(), value.encode("latin-1", errors="replace"))
        for name, value in context.invocation_metadata() or ()
        if isinstance(value, str) and (name in _PASSED or name.startswith(_PASSED_PREFIXES))
    ]


def _deadline(context: Any) -> list[tuple[bytes, bytes]]:
    """Return a call's deadline as a header; none for one that is as good as none."""
    left_s = context.time_remaining()
    if left_s is None or not math.isfinite(left_s) or left_s * 1e3 > LIMIT_LATENCY_MS:
        return []
    left_ms = max(left_s * 1e3, 1e-3)
    return [(FIRST_TOKEN_HEADERS[0].encode(), f"{left_ms:.3f}".encode())]


def _address(context: Any) -> str:
    """Return the client's address, from `ipv4:127.0.0.1:1234` or `ipv6:[::1]:1234`."""
    peer = str(context.peer()).partition(":")[2]
    return peer.rpartition(":")[0].strip("[]").replace("%5B", "").replace("%5D", "")
