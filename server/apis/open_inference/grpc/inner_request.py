"""One request to the app from within: what a client over HTTP would send, without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Message, Scope

from server.front.front import VISIT
from server.front.gate import Visit
from server.http.middleware import ARRIVED

Headers = Sequence[tuple[bytes, bytes]]


@dataclass
class InnerResponse:
    """What the app answers."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class InnerRequest:
    """A request to the app.

    Attributes:
        method: of HTTP.
        path: with the model's name in it, not escaped.
        headers: their names in small letters.
        body: all of it.
        address: of the client.
        arrived_s: on the server's clock.
        visit: its visit of the front, if it has begun.
    """

    method: str
    path: str
    headers: Headers
    body: bytes
    address: str
    arrived_s: float
    visit: Visit | None = None

    async def send(self, app: ASGIApp) -> InnerResponse:
        """Return the app's answer. A cancelled call is to the app a client that has left."""
        response = InnerResponse()
        given, left = False, asyncio.Event()

        async def receive() -> Message:
            nonlocal given
            if not given:
                given = True
                return {"type": "http.request", "body": self.body, "more_body": False}
            await left.wait()
            return {"type": "http.disconnect"}

        async def collect(message: Message) -> None:
            if message["type"] == "http.response.start":
                response.status = message["status"]
                pairs = message["headers"]
                response.headers = {name.decode(): value.decode("latin-1") for name, value in pairs}
            else:
                response.body += message.get("body", b"")

        try:
            await app(self._scope(), receive, collect)
        finally:
            left.set()
        return response

    def _scope(self) -> Scope:
        state: dict[str, Any] = {ARRIVED: self.arrived_s}
        if self.visit is not None:
            state[VISIT] = self.visit
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "state": state,
            "method": self.method,
            "headers": list(self.headers),
            "path": self.path,
            "raw_path": self.path.encode(),
            "root_path": "",
            "query_string": b"",
            "client": (self.address, 0),
            "server": None,
            "http_version": "2",
            "scheme": "http",
        }


def header_pairs(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Return headers as a scope has them."""
    return [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
