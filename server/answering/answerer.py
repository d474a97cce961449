"""From pictures to answers: admit, decode, submit, await, and cancel as one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from starlette.types import Receive

from engine.errors import Cancelled, DeadlineExpired
from engine.types import Answer, Budget, Task, Ticket
from server.engine_pool import EngineInput, OnText, Pool
from server.errors import ClientLeft, ImageError
from server.lifecycle.serving import Serving
from server.pictures.decoder import Decoded
from server.pictures.images import Picture, named

T = TypeVar("T")
MakeInput = Callable[[Sequence[NDArray[np.uint8]]], EngineInput]


@dataclass(frozen=True)
class Work:
    """What to compute: one engine request per entry of `inputs`, all about the same pictures.

    `rows` are the slots that each of them takes, `tokens` those of each one's text.
    """

    task: Task
    budget: Budget
    pictures: Sequence[Picture]
    inputs: Sequence[MakeInput]
    rows: int = 1
    tokens: Sequence[int | None] = (None,)


@dataclass(frozen=True)
class Finished:
    """Answers in the order of the inputs, and the seconds from arrival to each.

    `decode_s` and `preprocess_s` are summed over the pictures, which are decoded from `began_s` to
    `submitted_s` on the server's clock.
    """

    began_s: float
    submitted_s: float
    decode_s: float
    preprocess_s: float
    answers: list[Answer]
    total_s: list[float]


async def run(
    serving: Serving, pool: Pool, work: Work, arrived_s: float, on_text: OnText | None = None
) -> Finished:
    """Admit every request before decoding, decode once, submit all, await all.

    On any failure, cancellation included, every place is given back.

    Raises:
        EngineError, ImageError: the first failure.
    """
    tickets: list[Ticket] = []
    try:
        predicted_s = serving.decoder.predict_s(*(picture.header for picture in work.pictures))
        reply_s = serving.handover.predicted_s(serving.clock.now_s())
        for _, tokens in zip(work.inputs, work.tokens, strict=True):
            ticket = pool.admit(
                work.task, work.budget, arrived_s, predicted_s, work.rows, tokens, reply_s
            )
            tickets.append(ticket)
        side_px = pool.artifact.manifest.config.image_size
        began_s = serving.clock.now_s()
        decodings = [_decode(serving, picture, side_px) for picture in work.pictures]
        decoded = await asyncio.gather(*decodings)
        decode_s = sum(each.decode_s for each in decoded)
        preprocess_s = sum(each.preprocess_s for each in decoded)
        serving.telemetry.phases({"decode": decode_s, "preprocess": preprocess_s})
        pixels = [each.pixels for each in decoded]
        submitted_s = serving.clock.now_s()
        futures = [
            _submit(serving, pool, ticket, make(pixels), on_text)
            for ticket, make in zip(tickets, work.inputs, strict=True)
        ]
        waits = [_awaitable(future, serving.clock.now_s) for future in futures]
        timed = await asyncio.gather(*waits)
    except BaseException as error:
        for ticket in tickets:
            pool.cancel(ticket, "invalid" if isinstance(error, ImageError) else "cancelled")
        raise
    answers = [answer for answer, _ in timed]
    total_s = [done_s - arrived_s for _, done_s in timed]
    return Finished(began_s, submitted_s, decode_s, preprocess_s, answers, total_s)


async def unless_gone(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """Await `work`, but cancel it when the client closes the connection.

    The request's body must have been read: what the connection says next is its end.

    Raises:
        ClientLeft: the client closed first.
    """
    job = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_gone(receive))
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


def _submit(
    serving: Serving, pool: Pool, ticket: Ticket, made: EngineInput, on_text: OnText | None
) -> Future[Answer]:
    """Submit; a request that the engine ended while its picture was decoded has expired."""
    try:
        return pool.submit(ticket, made, on_text)
    except Cancelled as error:
        raise DeadlineExpired(serving.clock.now_s() - ticket.arrived_s) from error


async def _decode(serving: Serving, picture: Picture, side_px: int) -> Decoded:
    with named(picture.name):
        decoded = await serving.decoder.decode(picture.data, picture.header, side_px)
    picture.data = b""  # not needed any more; an answer that streams may outlive its body
    return decoded


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
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
