"""Driving an ASGI app message by message, for what an HTTP client cannot time exactly."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI

from tests.server.kit.bad_requests import FORM_TYPE, VQA


@dataclass
class Exchange:
    """One request whose messages the test feeds by hand."""

    path: str = VQA
    headers: dict[str, str] = field(default_factory=lambda: dict(FORM_TYPE))
    method: str = "POST"
    sent: list[dict[str, Any]] = field(default_factory=list)
    received: int = 0

    def __post_init__(self) -> None:
        self.messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def body(self, data: bytes, more: bool = False) -> None:
        self.messages.put_nowait({"type": "http.request", "body": data, "more_body": more})

    def disconnect(self) -> None:
        self.messages.put_nowait({"type": "http.disconnect"})

    async def run(self, app: FastAPI) -> None:
        async def receive() -> dict[str, Any]:
            message = await self.messages.get()
            self.received += 1
            return message

        async def send(message: Any) -> None:
            self.sent.append(message)

        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": self.method,
            "scheme": "http",
            "path": self.path,
            "raw_path": self.path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(k.lower().encode(), v.encode()) for k, v in self.headers.items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 2),
        }
        await app(scope, receive, send)

    @property
    def status(self) -> int:
        status: int = self.sent[0]["status"]
        return status

    @property
    def answer(self) -> dict[str, Any]:
        body = b"".join(message.get("body", b"") for message in self.sent[1:])
        found: dict[str, Any] = json.loads(body)
        return found
