"""A shorter way to the routes that answer: without the layers that only other routes need."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class DirectRoute:
    """An endpoint and its path, under the name that spans read."""

    path: str
    endpoint: Endpoint


class DirectAnswers:
    """Calls the endpoint of a `POST` to a known path; anything else passes through.

    Routing, exit stacks and handlers of FastAPI took a tenth of what a question costs. An
    endpoint's error becomes a response by `on_error`, as it would there.
    """

    def __init__(
        self,
        app: ASGIApp,
        endpoints: Mapping[str, Endpoint],
        on_error: Callable[[Request, Exception], Awaitable[Response]],
        handled: tuple[type[Exception], ...],
    ) -> None:
        self._app = app
        self._routes = {path: DirectRoute(path, each) for path, each in endpoints.items()}
        self._on_error = on_error
        self._handled = handled

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass it on."""
        found = self._routes.get(scope["path"]) if scope["type"] == "http" else None
        if found is None or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        scope["route"] = found
        request = Request(scope, receive, send)
        try:
            response = await found.endpoint(request)
        except self._handled as error:
            response = await self._on_error(request, error)
        await response(scope, receive, send)
