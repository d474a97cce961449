"""An answer as server-sent events: its text while it is written, then what ends it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from typing import Any, Generic, Self, TypeVar

from fastapi.sse import EventSourceResponse, format_sse_event
from starlette.types import Receive, Scope, Send

from server.engine_pool import OnText
from server.errors import ClientLeft
from server.http.client_left import unless_client_leaves

T = TypeVar("T")
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class EventStream(EventSourceResponse, Generic[T]):
    """A running request as events: one for each piece of text, then those of its end.

    The pieces wait in a queue, so a slow reader never holds up the engine. The queue cannot grow
    without bound: a caption has at most 512 tokens.

    Args:
        run: does the request, and tells its text piece by piece.
        piece: from a piece of text to its event.
        end: from what `run` returns to the last events.
        failed: from what `run` raises to the last event.
    """

    def __init__(
        self,
        run: Callable[[OnText], Coroutine[Any, Any, T]],
        piece: Callable[[str], bytes],
        end: Callable[[T], bytes],
        failed: Callable[[Exception], bytes],
    ) -> None:
        super().__init__(self._events(), headers=_HEADERS)
        self._piece, self._end, self._failed = piece, end, failed
        self._loop = asyncio.get_running_loop()
        self._pieces: asyncio.Queue[str | None] = asyncio.Queue()
        self._first: str | None = None
        self._job = asyncio.ensure_future(run(self._on_text))
        self._job.add_done_callback(lambda _: self._pieces.put_nowait(None))

    async def begun(self) -> Self:
        """Wait until there is something to send, so that an earlier failure keeps its status.

        Raises:
            Exception: the request failed before it had any text.
        """
        try:
            self._first = await self._pieces.get()
            if self._first is None:
                self._job.result()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events; cancel the request when the client leaves."""
        try:
            with suppress(ClientLeft):
                await unless_client_leaves(receive, self.stream_response(send))
        finally:
            await self._stop()

    def _on_text(self, piece: str) -> None:
        self._loop.call_soon_threadsafe(self._pieces.put_nowait, piece)

    async def _events(self) -> AsyncIterator[bytes]:
        piece = self._first
        while piece is not None:
            yield self._piece(piece)
            piece = await self._pieces.get()
        try:
            ended = self._job.result()
        except Exception as error:
            yield self._failed(error)
        else:
            yield self._end(ended)

    async def _stop(self) -> None:
        self._job.cancel()
        await asyncio.gather(self._job, return_exceptions=True)


def event(data: dict[str, Any], name: str | None = None) -> bytes:
    """Return one event; its data is a line of ASCII, which no reader can split wrongly."""
    return format_sse_event(event=name, data_str=json.dumps(data, allow_nan=False))
