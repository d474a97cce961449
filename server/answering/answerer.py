"""From pictures to answers: admit, decode, submit, wait, and cancel as one."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from engine.clock import Clock
from engine.errors import (
    Cancelled,
    CapacityError,
    DeadlineExpired,
    DeadlineUnattainable,
    EngineStopped,
    RequestError,
)
from engine.requests.request import Request
from engine.telemetry import Telemetry
from engine.types import Answer, Input, Outcome
from pictures.errors import ImageError
from pictures.picture import Picture, naming_picture
from pictures.worker_process import Decoded
from server.answering.times import FrontTimes
from server.answering.work import Work, WorkResult
from server.engine_pool import OnText, Pool
from server.errors import AnswerOverdue
from server.front.front import Front
from server.front.gate import Visit
from server.pictures.decoder import Decoder
from server.pictures.known_pictures import KnownPictures, PictureKey, Pixels

_LONG_DECODE_S = 0.02
"""Others enter the front while pictures are decoded that take longer."""
OVERDUE_S = 5.0
"""How long past a request's deadline and grace its answer is awaited: then the engine hangs."""


@dataclass(frozen=True)
class _Looked:
    """A picture, and its pixels if they are known."""

    picture: Picture
    side_px: int
    key: PictureKey | None
    pixels: Pixels | None


@dataclass(frozen=True)
class Answerer:
    """Gets work done by an engine. Used from the event loop only."""

    decoder: Decoder
    known: KnownPictures
    times: FrontTimes
    front: Front
    telemetry: Telemetry
    clock: Clock

    async def run(
        self, pool: Pool, work: Work, visit: Visit, on_text: OnText | None = None
    ) -> WorkResult:
        """Admit every engine request before decoding, decode once, submit all, await all.

        A picture that is known from an earlier question is not decoded.

        On any failure, cancellation included, every place is given back.

        Raises:
            EngineError, ImageError, DecodeWorkerDied, MemoryError: the first failure;
                AnswerOverdue: nothing came.
        """
        admitted: list[Request] = []
        try:
            pictures = await self._look_up(pool, work)
            predicted_s = self._admit(pool, work, pictures, visit, admitted)
            limit = asyncio.timeout(self._longest_s(admitted))
            try:
                async with limit:
                    return await self._answers(
                        pool, work, pictures, visit, admitted, predicted_s, on_text
                    )
            except TimeoutError as error:
                raise (AnswerOverdue() if limit.expired() else error) from error
        except BaseException as error:
            for each in admitted:
                pool.cancel(each, _outcome(error))
            raise

    def _longest_s(self, admitted: Sequence[Request]) -> float | None:
        """Return how long answers are awaited, whatever the engine does; None without deadlines."""
        left_s = max(each.expires_s for each in admitted) - self.clock.now_s()
        return None if math.isinf(left_s) else max(left_s, 0.0) + OVERDUE_S

    async def _answers(
        self,
        pool: Pool,
        work: Work,
        pictures: Sequence[_Looked],
        visit: Visit,
        admitted: Sequence[Request],
        predicted_s: float,
        on_text: OnText | None,
    ) -> WorkResult:
        began_s = self.clock.now_s()
        if predicted_s > _LONG_DECODE_S:
            self.front.send_away(visit)
        expires_s = max(each.expires_s for each in admitted)
        decoded = await self._decode_all(pictures, visit.arrived_s, expires_s)
        submitted_s = self.clock.now_s()
        self.times.handing_over.add(max(0.0, submitted_s - began_s - predicted_s), submitted_s)
        pixels = [each.pixels for each in decoded]
        futures = [
            self._submit(pool, each, request.make_input(pixels), on_text)
            for each, request in zip(admitted, work.requests, strict=True)
        ]
        waits = [_awaitable(future, self.clock.now_s) for future in futures]
        self.front.send_away(visit)
        timed = [await waits[0]] if len(waits) == 1 else await asyncio.gather(*waits)
        self.front.take_back(visit)
        return WorkResult(
            began_s=began_s,
            submitted_s=submitted_s,
            decode_s=sum(each.decode_s for each in decoded),
            preprocess_s=sum(each.preprocess_s for each in decoded),
            answers=[answer for answer, _ in timed],
            total_s=[done_s - visit.arrived_s for _, done_s in timed],
            artifact=pool.artifact,
            deadline_s=min(each.deadline_s for each in admitted),
        )

    def _admit(
        self,
        pool: Pool,
        work: Work,
        pictures: Sequence[_Looked],
        visit: Visit,
        admitted: list[Request],
    ) -> float:
        """Admit each engine request; after a refusal, `admitted` has the earlier ones.

        Returns what decoding is predicted to take.
        """
        predicted_s = self.decoder.predict_s(
            *(each.picture.header for each in pictures if each.pixels is None)
        )
        now = self.clock.now_s()
        decode_s = predicted_s + self.times.handing_over.predicted_s(now)
        reply_s = self.times.reply.predicted_s(now)
        for request in work.requests:
            each = pool.admit(
                request.task,
                work.budget,
                visit.arrived_s,
                decode_s,
                request.rows,
                request.tokens,
                reply_s,
                work.adapter,
                self.front.waiting,
            )
            admitted.append(each)
        return predicted_s

    async def _look_up(self, pool: Pool, work: Work) -> list[_Looked]:
        """Return the pictures with what is known of each, at the side that their task takes."""
        side_px = pool.artifact.manifest.config.image_size_of(work.requests[0].task)
        keys = [await self.known.key(work.tenant, each.data, side_px) for each in work.pictures]
        return [
            _Looked(picture, side_px, key, self.known.find(key))
            for picture, key in zip(work.pictures, keys, strict=True)
        ]

    async def _decode_all(
        self, pictures: Sequence[_Looked], arrived_s: float, expires_s: float
    ) -> list[Decoded]:
        """Decode the pictures that are not known.

        `expires_s`: when nothing waits for them any more.
        """
        each = [self._decode(picture, expires_s) for picture in pictures]
        try:
            decoded = [await each[0]] if len(each) == 1 else await asyncio.gather(*each)
        except TimeoutError as error:
            raise DeadlineExpired(self.clock.now_s() - arrived_s) from error
        if pictures:
            decode_s = sum(each.decode_s for each in decoded)
            preprocess_s = sum(each.preprocess_s for each in decoded)
            self.telemetry.phases({"decode": decode_s, "preprocess": preprocess_s})
        return decoded

    async def _decode(self, looked: _Looked, expires_s: float) -> Decoded:
        picture = looked.picture
        if looked.pixels is not None:
            picture.data = b""
            return Decoded(looked.pixels, 0.0, 0.0)
        with naming_picture(picture.name):
            decoded = await self.decoder.decode(
                picture.data, picture.header, looked.side_px, expires_s
            )
        picture.data = b""  # not needed any more; an answer that streams may outlive its body
        self.known.keep(looked.key, decoded.pixels)
        return decoded

    def _submit(
        self, pool: Pool, each: Request, made: Input, on_text: OnText | None
    ) -> Future[Answer]:
        """Submit; a request that the engine ended while its picture was decoded has expired."""
        try:
            return pool.submit(each, made, on_text)
        except Cancelled as error:
            raise DeadlineExpired(self.clock.now_s() - each.arrived_s) from error


def _outcome(error: BaseException) -> Outcome:
    """Return as what requests count that end with an error: as what their answer says."""
    if isinstance(error, asyncio.CancelledError | Cancelled):
        return "cancelled"
    if isinstance(error, ImageError | RequestError):
        return "invalid"
    if isinstance(error, DeadlineExpired):
        return "expired"
    refused = isinstance(error, CapacityError) and not isinstance(error, EngineStopped)
    return "refused" if refused or isinstance(error, DeadlineUnattainable) else "error"


def _awaitable(
    future: Future[Answer], now_s: Callable[[], float]
) -> Awaitable[tuple[Answer, float]]:
    """Return an awaitable that leaves the engine's future alone when it is cancelled."""
    loop = asyncio.get_running_loop()
    waiter: asyncio.Future[tuple[Answer, float]] = loop.create_future()

    def settle(done: Future[Answer], done_s: float) -> None:
        if waiter.done():
            return
        error = done.exception()
        if error is not None:
            waiter.set_exception(error)
        else:
            waiter.set_result((done.result(), done_s))

    def on_done(done: Future[Answer]) -> None:  # holds no future: no cycle is left behind
        loop.call_soon_threadsafe(settle, done, now_s())

    future.add_done_callback(on_done)
    return waiter
