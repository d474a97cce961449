"""A shorter way to the routes that answer: without the layers that only other routes need."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from server.apis.answer_route import AnswerRoutes


class DirectAnswers:
    """Calls the endpoint of a `POST` to a route that answers; anything else passes through.

    Routing, exit stacks and handlers of FastAPI took a tenth of what a question costs. An
    endpoint's error becomes a response by `on_error`, as it would there.
    """

    def __init__(
        self,
        app: ASGIApp,
        routes: AnswerRoutes,
        on_error: Callable[[Request, Exception], Awaitable[Response]],
        handled: tuple[type[Exception], ...],
    ) -> None:
        self._app = app
        self._routes = routes
        self._on_error = on_error
        self._handled = handled

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass it on."""
        is_post = scope["type"] == "http" and scope["method"] == "POST"
        found = self._routes.find(scope["path"]) if is_post else None
        if found is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = found
        request = Request(scope, receive, send)
        try:
            response = await found.endpoint(request)
        except self._handled as error:
            response = await self._on_error(request, error)
        await response(scope, receive, send)
