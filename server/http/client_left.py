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
    task = asyncio.current_task()
    assert task is not None
    has_left = False

    def cancel(ended: asyncio.Future[None]) -> None:
        nonlocal has_left
        if not ended.cancelled() and ended.exception() is None:
            has_left = True
            task.cancel()

    left = asyncio.ensure_future(_left(receive))
    left.add_done_callback(cancel)
    try:
        return await work
    except asyncio.CancelledError:
        if has_left and not task.uncancel():
            raise ClientLeft from None
        raise
    finally:
        left.remove_done_callback(cancel)
        left.cancel()


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
