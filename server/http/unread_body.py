"""An answer before the body was read, so that the client still gets it."""

from __future__ import annotations

import asyncio

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

_LIMIT_S = 2.0
_LIMIT_BYTES = 64 * 2**20


class UnreadBodyResponse(Response):
    """Sends a response, then discards what still arrives for a moment, then closes.

    Closing at once with unread data resets the connection, and a client that still sends would
    never see the answer. Discarding is limited in time and bytes.
    """

    def __init__(self, response: Response) -> None:
        super().__init__(response.body, response.status_code, media_type=response.media_type)
        self.raw_headers = [*response.raw_headers, (b"connection", b"close")]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response and keep the connection until the body ends or a limit is met."""

        async def hold_last(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "more_body": True}
            await send(message)

        await super().__call__(scope, receive, hold_last)
        try:
            async with asyncio.timeout(_LIMIT_S):
                await _discard(receive)
        except TimeoutError:
            pass
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _discard(receive: Receive) -> None:
    seen_bytes = 0
    while seen_bytes < _LIMIT_BYTES:
        message = await receive()
        seen_bytes += len(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body", False):
            return
