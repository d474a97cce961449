"""Cross-origin requests of web pages: off unless origins are configured."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from server.errors.responses import error_response
from server.observing.logs import log_failure

_METHODS = ("GET", "HEAD", "POST")
_SENT = ("Authorization", "Content-Type", "X-Request-Id", "traceparent", "tracestate")
_READ = ("X-Request-Id", "Server-Timing", "Retry-After", "WWW-Authenticate")


class Cors(CORSMiddleware):
    """Starlette's, but a preflight that it refuses is answered with problem+json too.

    Cookies are never allowed: a page sends its API key itself. `sent` are further headers that a
    page may send.
    """

    def __init__(self, app: ASGIApp, origins: Sequence[str], sent: Sequence[str]) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=_METHODS,
            allow_headers=(*_SENT, *sent),
            expose_headers=_READ,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a preflight, or pass the request on and mark its answer."""
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        asked = "origin" in headers and "access-control-request-method" in headers
        if not asked or scope["method"] != "OPTIONS":
            await super().__call__(scope, receive, send)
            return
        response = self.preflight_response(headers)
        if response.status_code >= 400:
            response = _as_problem(response, scope)
        await response(scope, receive, send)


def _as_problem(refusal: Response, scope: Scope) -> Response:
    others = {k: v for k, v in refusal.headers.items() if not k.startswith("content-")}
    error = HTTPException(refusal.status_code, bytes(refusal.body).decode(), others)
    record = scope["state"]["record"]
    log_failure(error, record)
    return error_response(error, record.request_id, scope["path"])
