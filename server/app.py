"""The app factory: routes, error handlers, and a lifespan that loads the engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from artifact.errors import TextError
from engine.clock import Clock, SystemClock
from engine.errors import EngineError
from engine.telemetry import Telemetry
from pictures.errors import DecodeWorkerDied, ImageError
from server.access.guard import KeyGuard, open_paths
from server.access.hosts import HostGuard
from server.apis.direct_answers import DirectAnswers
from server.apis.open_inference.optional_grpc import Listener, grpc_listener
from server.apis.openapi.document import install_openapi
from server.apis.pages.routes import page_addresses
from server.apis.registry import json_bodies, routers, routes_that_answer
from server.configuration.settings import Settings
from server.engine_pool import OpenPool
from server.errors import FieldProblem, InvalidFields, ServerError
from server.errors.responses import error_response
from server.http.cors import Cors
from server.http.middleware import RequestReports, RequestStamp
from server.http.whole_answers import WholeAnswers
from server.lifecycle.serving import Serving
from server.observing.logs import log_failure
from server.observing.request_record import record_of
from server.observing.tracing import Tracing, open_tracing
from server.requests.budget import BUDGET_HEADERS, FIRST_TOKEN_HEADERS

DESCRIPTION = """One tuned vision-language model, served as a family of variants: every request
gets the best variant its budget allows. Every error is RFC 9457 `application/problem+json`."""


_HANDLED = (EngineError, ServerError, ImageError, DecodeWorkerDied, TextError, HTTPException)


def create_app(
    settings: Settings,
    open_pool: OpenPool,
    telemetry: Telemetry,
    clock: Clock | None = None,
    version: str = "0",
) -> FastAPI:
    """Return the ASGI app; the engine is opened in a thread when the app starts.

    Raises:
        TracingUnavailable: spans are wanted, and OpenTelemetry is not installed.
        GrpcUnavailable: a port for gRPC is set, and its packages are not installed.
    """
    clock = clock or SystemClock()
    tracing = open_tracing(settings, version, clock)
    routes = routes_that_answer()
    app = FastAPI(
        title="otmv-serve",
        version=version,
        description=DESCRIPTION,
        lifespan=_lifespan(tracing, grpc_listener(settings, routes)),
        docs_url=None,  # FastAPI's pages load their scripts from other servers; ours do not
        redoc_url=None,
        redirect_slashes=False,  # Starlette's would name the host that the client named
        # FastAPI's own, which the environment can turn on, writes down exceptions with messages.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.state.serving = Serving(settings, open_pool, telemetry, clock)
    for router in routers():
        app.include_router(router)
    for kind in _HANDLED:
        app.add_exception_handler(kind, _as_error)
    app.add_exception_handler(RequestValidationError, _invalid_parameters)
    open_to_all = open_paths(settings.guard_metrics) | page_addresses()
    unguarded = open_to_all if settings.keys else None
    app.add_middleware(DirectAnswers, routes=routes, on_error=_as_error, handled=_HANDLED)
    _add_middleware(app, clock, tracing, unguarded)
    install_openapi(app, json_bodies(), unguarded, named_hosts=bool(settings.allowed_hosts))
    return app


def _lifespan(
    tracing: Tracing | None, open_grpc: Callable[[FastAPI], Listener] | None
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        serving: Serving = app.state.serving
        app.state.grpc = None
        try:
            if open_grpc is not None:
                app.state.grpc = open_grpc(app)
                await app.state.grpc.start()
            serving.start_loading()
        except OSError as error:  # its port is taken
            serving.fail(error)
        yield
        if app.state.grpc is not None:
            await app.state.grpc.stop()
        await serving.close()
        if tracing is not None:
            await asyncio.to_thread(tracing.close)

    return lifespan


def _add_middleware(
    app: FastAPI, clock: Clock, tracing: Tracing | None, unguarded: frozenset[str] | None
) -> None:
    """Add what stands before the routes; the last added is the outermost.

    `unguarded`: the paths that need no API key, None if none does.
    """
    serving: Serving = app.state.serving
    settings = serving.settings
    if unguarded is not None:
        app.add_middleware(
            KeyGuard,
            keys=settings.keys,
            clock=clock,
            telemetry=serving.telemetry,
            open_for_all=unguarded,
        )
    if settings.cors_origins:
        app.add_middleware(
            Cors, origins=settings.cors_origins, sent=(*BUDGET_HEADERS, *FIRST_TOKEN_HEADERS)
        )
    if settings.allowed_hosts:
        app.add_middleware(HostGuard, allowed=settings.allowed_hosts)
    app.add_middleware(WholeAnswers)
    reports = RequestReports(settings.access_log, settings.log_content, tracing, serving.telemetry)
    app.add_middleware(
        RequestStamp,
        clock=clock,
        reports=reports,
        is_draining=lambda: serving.state == "draining",
        end_visit=serving.front.end,
    )


async def _as_error(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException) and request.method == "OPTIONS" and _allowed(error):
        return Response(status_code=204, headers={"Allow": _allowed(error)})
    record = record_of(request)
    log_failure(error, record)
    return error_response(error, record.request_id, request.scope["path"])


def _allowed(error: HTTPException) -> str:
    """Return the methods that a path takes, from the refusal of another one; "" without."""
    methods = (error.headers or {}).get("Allow", "")
    if "GET" in methods:
        methods += ", HEAD"
    return methods and methods + ", OPTIONS"


async def _invalid_parameters(request: Request, error: Exception) -> Response:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    problems = tuple(
        FieldProblem(".".join(str(part) for part in item["loc"]), item["msg"]) for item in found
    )
    return await _as_error(request, InvalidFields(problems))
