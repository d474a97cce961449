"""The outermost layer, pure ASGI: arrival time, request id, log line, and the last safety net."""

from __future__ import annotations

import logging
import re
import secrets

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from engine.clock import Clock
from server.problems import problem_response

_SANE_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
_access = logging.getLogger("otmv.access")
_log = logging.getLogger("otmv.server")


class RequestContext:
    """Stamps every request on arrival and answers for whatever nobody else caught.

    Sets `scope["state"]["arrived_s"]` (the deadline counts from here) and `["request_id"]`.
    """

    def __init__(self, app: ASGIApp, clock: Clock, access_log: bool) -> None:
        self._app = app
        self._clock = clock
        self._access_log = access_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request; other ASGI scopes pass through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        arrived_s = self._clock.now_s()
        request_id = _request_id(Headers(scope=scope).get("x-request-id"))
        scope.setdefault("state", {}).update(arrived_s=arrived_s, request_id=request_id)
        status = 0

        async def stamp(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["x-request-id"] = request_id
            await send(message)

        try:
            await self._app(scope, receive, stamp)
        except Exception as error:  # nothing above this would answer in our format
            _log.exception("request %s failed", request_id)
            if status == 0:
                response = problem_response(error, request_id, scope["path"])
                await response(scope, receive, stamp)
        finally:
            if self._access_log:
                took_ms = (self._clock.now_s() - arrived_s) * 1e3
                _access.info(
                    "id=%s method=%s path=%s status=%d ms=%.1f",
                    request_id,
                    scope["method"],
                    _printable(scope["path"]),
                    status,
                    took_ms,
                )


def _request_id(given: str | None) -> str:
    """Return the caller's id if it is harmless in headers and logs, else a fresh one."""
    return given if given and _SANE_ID.fullmatch(given) else secrets.token_hex(8)


def _printable(path: str) -> str:
    return path.encode("ascii", errors="backslashreplace").decode().replace("\n", "\\n")[:200]
