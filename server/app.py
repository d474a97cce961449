"""The app factory: routes, error handlers, and a lifespan that loads the engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from artifact.errors import TextError
from engine.clock import Clock, SystemClock
from engine.errors import EngineError
from engine.telemetry import Telemetry
from server import openapi
from server.errors import BodyTooLarge, FieldProblem, InvalidFields, ServerError
from server.lingering import LingeringResponse
from server.middleware import RequestContext
from server.ports import OpenPool
from server.problems import log_failure, problem_response
from server.routes import health, infer, variants
from server.serving import Serving
from server.settings import Settings

DESCRIPTION = """One tuned vision-language model, served as a family of variants: every request
gets the best variant its budget allows. Every error is RFC 9457 `application/problem+json`."""


def create_app(
    settings: Settings,
    open_pool: OpenPool,
    telemetry: Telemetry,
    clock: Clock | None = None,
    version: str = "0",
) -> FastAPI:
    """Return the ASGI app; the engine is opened in a thread when the app starts."""
    clock = clock or SystemClock()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        serving: Serving = app.state.serving
        serving.start_loading()
        yield
        await serving.close()

    app = FastAPI(title="otmv-serve", version=version, description=DESCRIPTION, lifespan=lifespan)
    app.state.serving = Serving(settings, open_pool, telemetry, clock)
    for router in (infer.router, variants.router, health.router):
        app.include_router(router)
    for kind in (EngineError, ServerError, TextError, HTTPException):
        app.add_exception_handler(kind, _as_problem)
    app.add_exception_handler(RequestValidationError, _invalid_parameters)
    app.add_middleware(RequestContext, clock=clock, access_log=settings.access_log)
    openapi.install(app)
    return app


async def _as_problem(request: Request, error: Exception) -> Response:
    state = request.scope["state"]
    log_failure(error, state["request_id"])
    response = problem_response(error, state["request_id"], request.scope["path"])
    return LingeringResponse(response) if isinstance(error, BodyTooLarge) else response


async def _invalid_parameters(request: Request, error: Exception) -> Response:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    problems = tuple(
        FieldProblem(".".join(str(part) for part in item["loc"]), item["msg"]) for item in found
    )
    return await _as_problem(request, InvalidFields(problems))
