"""Decoding in worker processes, with a learned time per megapixel."""

from __future__ import annotations

import asyncio
import logging
import math

from artifact.preprocess import to_pixels
from engine.clock import Clock
from pictures.errors import DecodeWorkerDied, ImageError, ImageTooComplex
from pictures.headers import read_header
from pictures.images import decode_rgb
from pictures.limits import limits_of, work_megapixels, worker_memory_bytes
from pictures.picture import ACCEPTED_FORMATS, PictureHeader
from pictures.worker_process import TOO_LONG, Decoded, WorkerProcess
from server.pictures.decode_time import DecodeBacklog, DecodeTime
from server.pictures.lanes import Lanes
from server.pictures.sample import encoded_sample

_RESTED_S = 1.0
_LEAST_WORKERS, _MOST_WORKERS = 2, 4
_RESTART_S = 0.3
"""What starting a worker takes."""
_SMALL_MEGAPIXELS = 16.0
"""Photographs of telephones are small; what takes longer stands in the lane of large pictures."""
_log = logging.getLogger("otmv.server")


class Decoder:
    """Decodes in worker processes. Its methods are called from the event loop only."""

    def __init__(
        self,
        workers: int,
        max_pixels: int,
        clock: Clock,
        timeout_s: float = 10.0,
        memory_bytes: int = 256 * 2**20,
    ) -> None:
        self._count = workers
        self._max_pixels = max_pixels
        self._clock = clock
        self._timeout_s = timeout_s
        self._time = DecodeTime()
        self._backlog = DecodeBacklog(workers)
        self._learned_s = -math.inf
        self._lanes = Lanes(workers, memory_bytes, clock)
        self._idle: list[WorkerProcess] = []
        self._busy: set[WorkerProcess] = set()
        self._running: set[asyncio.Task[Decoded]] = set()
        self._pictures = 0
        self._closed = False

    def predict_s(self, *headers: PictureHeader) -> float:
        """Return the predicted seconds until these pictures would be decoded, backlog included."""
        if not headers:
            return 0.0
        rested = self._clock.now_s() - self._learned_s > _RESTED_S
        each_s = [self._time.predict_s(header, rested=rested) for header in headers]
        wait_s = self._backlog.wait_s(any(_is_large(header) for header in headers))
        return wait_s + max(max(each_s), sum(each_s) / self._count)

    def calibrate(self, side_px: int = 224) -> None:
        """Measure every format once on a drawn picture; blocking, before the first request.

        Otherwise requests that a wrong first guess refuses would keep it from being corrected. Our
        own pictures need no worker.
        """
        for kind in ACCEPTED_FORMATS:
            picture = encoded_sample(kind)
            header = read_header(picture, self._max_pixels)
            started_s = self._clock.now_s()
            to_pixels(decode_rgb(picture, self._max_pixels), side_px)
            self._time.learn(header, self._clock.now_s() - started_s)

    def start(self) -> None:
        """Start the workers, so that the first requests do not wait for that."""
        missing = self._count - len(self._idle) - len(self._busy)
        self._idle += [self._new_worker(number < self._count // 2) for number in range(missing)]

    @property
    def pictures(self) -> int:
        """How many pictures are being decoded, or wait for it."""
        return self._pictures

    async def ready(self) -> None:
        """Wait until the workers that were started take pictures.

        Raises:
            DecodeWorkerDied: one ended; decoding starts another.
        """
        for worker in list(self._idle):
            await worker.ready()

    @property
    def worker_pids(self) -> list[int]:
        """The process ids of the workers that run."""
        return [worker.pid for worker in (*self._idle, *self._busy) if worker.alive]

    async def decode(
        self,
        picture: bytes | bytearray,
        header: PictureHeader,
        side_px: int,
        expires_s: float = math.inf,
    ) -> Decoded:
        """Decode and resize one picture, until `expires_s` on the clock at most.

        A picture whose request was cancelled or has expired leaves its lane. If it has begun, it
        may end within the time that another worker would take to start; then its worker is killed.

        Raises:
            ImageError: the data is not what the header promised, or takes too long to decode.
            DecodeWorkerDied, MemoryError: the worker ended or ran out of memory.
            TimeoutError: `expires_s` came first.
        """
        async with asyncio.timeout(self._left_s(expires_s)):
            work = await self._begun(picture, header, side_px)
            try:
                return await asyncio.shield(work)
            except asyncio.CancelledError:
                asyncio.get_running_loop().call_later(_RESTART_S, work.cancel)
                raise

    async def _begun(
        self, picture: bytes | bytearray, header: PictureHeader, side_px: int
    ) -> asyncio.Task[Decoded]:
        """Wait for a place in the picture's lane, and begin to decode it."""
        large = _is_large(header)
        expected_s = self._time.predict_s(header)
        self._backlog.add(large, expected_s)
        self._pictures += 1
        try:
            place = await self._lanes.enter(large, header.decoded_bytes)
        except BaseException:
            self._backlog.take(large, expected_s)
            self._pictures -= 1
            raise
        work = asyncio.ensure_future(self._decode(picture, header, side_px))
        self._running.add(work)

        def ended(_: asyncio.Task[Decoded]) -> None:
            self._running.discard(work)
            self._lanes.leave(place)
            self._backlog.take(large, expected_s)
            self._pictures -= 1
            if not work.cancelled():
                work.exception()  # its request may have been cancelled; then it is not asked for

        work.add_done_callback(ended)
        return work

    def close(self) -> None:
        """Kill the workers; what they decode fails. May be called twice."""
        self._closed = True
        for worker in self._busy:
            worker.end()  # its task sees that, and frees the rest
        for worker in self._idle:
            worker.kill()
        for worker in (*self._busy, *self._idle):
            worker.reap()
        self._idle.clear()

    async def _decode(
        self, picture: bytes | bytearray, header: PictureHeader, side_px: int
    ) -> Decoded:
        """Decode in a worker, and replace it unless it can go on."""
        worker = self._take(_is_large(header))
        can_go_on = True
        limits = limits_of(header, self._max_pixels)
        try:
            await worker.ready()
            can_go_on = False
            async with asyncio.timeout(self._timeout_s):
                decoded = await worker.decode(picture, limits, side_px)
            can_go_on = True
        except TimeoutError as error:
            raise ImageTooComplex(TOO_LONG) from error
        except ImageError as error:
            can_go_on = not isinstance(error, ImageTooComplex)
            raise
        except DecodeWorkerDied:
            can_go_on = False
            raise
        finally:
            self._busy.discard(worker)
            if can_go_on and not self._closed:
                self._idle.append(worker)  # the last one is taken next: it is ready, and warm
            else:
                await self._replace(worker)
        self._time.learn(header, decoded.decode_s + decoded.preprocess_s)
        self._learned_s = self._clock.now_s()
        return decoded

    def _take(self, large: bool) -> WorkerProcess:
        """Return an idle worker that suits if there is one; one that died meanwhile is replaced.

        Raises:
            DecodeWorkerDied: the decoder is closed.
        """
        if self._closed:
            raise DecodeWorkerDied
        while self._idle:
            suits = (at for at, each in enumerate(self._idle) if each.gives_way == large)
            worker = self._idle.pop(max(suits, default=-1))
            if worker.alive:
                break
            worker.kill()
        else:
            worker = self._new_worker(large and self._count > 1)
        self._busy.add(worker)
        return worker

    async def _replace(self, worker: WorkerProcess) -> None:
        """Kill a worker, start another, and wait until the memory of the first is free."""
        worker.kill()
        if not self._closed:
            self._idle.insert(0, self._new_worker(worker.gives_way))
            _log.warning("decode worker %d was replaced", worker.pid)
            await worker.wait()

    def _new_worker(self, gives_way: bool) -> WorkerProcess:
        return WorkerProcess(worker_memory_bytes(self._max_pixels), gives_way=gives_way)

    def _left_s(self, expires_s: float) -> float | None:
        """Return the seconds until `expires_s`; None: without end."""
        left_s = expires_s - self._clock.now_s()
        return None if math.isinf(left_s) else max(0.0, left_s)


def workers_for(cores: int) -> int:
    """Return how many workers suit a machine: two at least, so that none waits for a large one."""
    return min(max(cores // 2, _LEAST_WORKERS), _MOST_WORKERS)


def _is_large(header: PictureHeader) -> bool:
    return work_megapixels(header) > _SMALL_MEGAPIXELS
