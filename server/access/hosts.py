"""Which names of this server a request may use."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import ip_address

from starlette.types import ASGIApp, Receive, Scope, Send

from server.errors import HostNotAllowed
from server.errors.responses import error_response
from server.observing.logs import log_failure

_HOST = re.compile(r"\[?(.*?)[.\]]?(?::[0-9]*)?")
PROBES = frozenset({"/healthz", "/readyz", "/v2/health/live", "/v2/health/ready"})
"""What asks for these names the address of one server, and learns nothing else."""


class HostGuard:
    """Lets requests through whose header `Host` names an allowed host, whatever the port.

    A name that an attacker points at this server (DNS rebinding) makes a browser think that the
    attacker's pages and this server are one site. Pure ASGI.
    """

    def __init__(self, app: ASGIApp, allowed: Sequence[str]) -> None:
        self._app = app
        self._allowed = frozenset(name.lower() for name in allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with its refusal."""
        named = scope["type"] != "http" or scope["path"] in PROBES
        if named or host_of(scope["headers"]) in self._allowed:
            await self._app(scope, receive, send)
            return
        record, error = scope["state"]["record"], HostNotAllowed()
        log_failure(error, record)
        await error_response(error, record.request_id, scope["path"])(scope, receive, send)


def host_of(headers: Sequence[tuple[bytes, bytes]]) -> str:
    """Return the host that the header `Host` names, small and without its port; "" without one."""
    values = [value.decode("latin-1") for name, value in headers if name == b"host"]
    found = _HOST.fullmatch(values[0].strip().lower()) if len(values) == 1 else None
    return found[1] if found else ""


def cannot_be_rebound(host: str) -> bool:
    """Return whether a host is an address or `localhost`, which no attacker can point elsewhere."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
