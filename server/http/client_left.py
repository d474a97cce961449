"""Ending work for a client that has left."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.types import Receive

from server.errors import ClientLeft

T = TypeVar("T")


async def unless_client_leaves(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """Await `work`, but cancel it when the client closes the connection.

    The request's body must have been read: what the connection says next is its end.

    Raises:
        ClientLeft: the client closed first.
    """
    job = asyncio.ensure_future(work)
    left = asyncio.ensure_future(_left(receive))
    try:
        await asyncio.wait({job, left}, return_when=asyncio.FIRST_COMPLETED)
        if not job.done():
            raise ClientLeft
        return job.result()
    finally:
        left.cancel()
        if not job.done():
            job.cancel()
            await asyncio.wait({job})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
