"""One picture, one or more engine requests: admit, decode, submit, await, and cancel as one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request

from engine.types import Answer, Budget, CaptionInput, Task, Ticket, VqaInput
from server.decoding import Decoded
from server.errors import ClientLeft, ImageError
from server.images import PictureHeader
from server.ports import Pool
from server.serving import Serving

T = TypeVar("T")
EngineInput = VqaInput | CaptionInput
MakeInput = Callable[[NDArray[np.uint8]], EngineInput]


@dataclass(frozen=True)
class Work:
    """What to compute: one engine request per entry of `inputs`, all about one picture."""

    task: Task
    budget: Budget
    picture: bytes
    header: PictureHeader
    inputs: Sequence[MakeInput]


@dataclass(frozen=True)
class Finished:
    """Answers in the order of the inputs, and when each arrived on the server's clock."""

    decoded: Decoded
    answers: list[Answer]
    done_s: list[float]


async def run(serving: Serving, pool: Pool, work: Work, arrived_s: float) -> Finished:
    """Admit every request before decoding, decode once, submit all, await all.

    On any failure, cancellation included, every place is
    given back.

    Raises:
        EngineError, ImageError: the first failure.
    """
    tickets: list[Ticket] = []
    try:
        decode_s = serving.decoder.predict_s(work.header)
        for _ in work.inputs:
            tickets.append(pool.admit(work.task, work.budget, arrived_s, decode_s))
        side_px = pool.artifact.manifest.config.image_size
        decoded = await serving.decoder.decode(work.picture, work.header, side_px)
        serving.telemetry.phases({"decode": decoded.decode_s, "preprocess": decoded.preprocess_s})
        futures = [
            pool.submit(ticket, make(decoded.pixels))
            for ticket, make in zip(tickets, work.inputs, strict=True)
        ]
        waits = [_awaitable(future, serving.clock.now_s) for future in futures]
        timed = await asyncio.gather(*waits)
    except BaseException as error:
        for ticket in tickets:
            pool.cancel(ticket, "invalid" if isinstance(error, ImageError) else "cancelled")
        raise
    return Finished(decoded, [answer for answer, _ in timed], [done_s for _, done_s in timed])


async def unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Await `work`, but cancel it when the client closes the connection.

    The request's body must have been read: what the connection says next is its end.

    Raises:
        ClientLeft: the client closed first.
    """
    job = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({job, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not job.done():
            raise ClientLeft
        return job.result()
    finally:
        gone.cancel()
        if not job.done():
            job.cancel()
            await asyncio.wait({job})


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _awaitable(
    future: Future[Answer], now_s: Callable[[], float]
) -> Awaitable[tuple[Answer, float]]:
    """Return an awaitable that leaves the engine's future alone when it is cancelled."""
    loop = asyncio.get_running_loop()
    waiter: asyncio.Future[tuple[Answer, float]] = loop.create_future()

    def settle(done_s: float) -> None:
        if waiter.done():
            return
        error = future.exception()
        if error is not None:
            waiter.set_exception(error)
        else:
            waiter.set_result((future.result(), done_s))

    def done(_: Future[Answer]) -> None:
        loop.call_soon_threadsafe(settle, now_s())

    future.add_done_callback(done)
    return waiter
