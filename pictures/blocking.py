"""Decoding without an event loop: one picture after another, in one worker process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Self

import numpy as np
from numpy.typing import NDArray

from pictures.errors import DecodeWorkerDied, ImageError, ImageTooComplex, ImageUnreadable
from pictures.headers import read_header
from pictures.limits import MAX_PIXELS, DecodeLimits, limits_of, worker_memory_bytes
from pictures.picture import PictureHeader
from pictures.view import WHOLE, View
from pictures.worker_process import TOO_LONG, WorkerProcess

_TIMEOUT_S = 30.0


class BlockingDecoder:
    """Decodes in a worker process, which is started with the first picture and replaced if it ends.

    For one thread. To be closed, or used in a `with`.
    """

    def __init__(self, max_pixels: int = MAX_PIXELS) -> None:
        self._max_pixels = max_pixels
        self._loop = asyncio.new_event_loop()
        self._worker: WorkerProcess | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def decode(
        self,
        picture: bytes,
        side_px: int,
        view_of: Callable[[PictureHeader], View] = lambda header: WHOLE,
    ) -> NDArray[np.uint8]:
        """Decode one picture to uint8 `[side, side, 3]`.

        `view_of` chooses the part that is shown, by what the header says of the picture; of one
        that is to be turned, that is its size before.

        Raises:
            ImageError: it cannot be decoded, or not within the limits of its size.
        """
        header = read_header(picture, self._max_pixels)
        limits, view = limits_of(header, self._max_pixels), view_of(header)
        worker = self._taken()
        try:
            decoded = self._loop.run_until_complete(
                _decoded(worker, picture, limits, side_px, view)
            )
            self._worker = worker
        except MemoryError as error:
            self._worker = worker
            raise ImageUnreadable(str(error)) from error
        except ImageError as error:
            if not isinstance(error, ImageTooComplex):
                self._worker = worker
            raise
        finally:
            if self._worker is None:
                _end(worker)
        return decoded

    def _taken(self) -> WorkerProcess:
        """Return a worker that runs; it is kept only if it can go on."""
        worker, self._worker = self._worker, None
        if worker is not None and not worker.alive:  # ended by someone else: no picture's fault
            _end(worker)
            worker = None
        return worker or WorkerProcess(worker_memory_bytes(self._max_pixels))

    def close(self) -> None:
        """End the worker process."""
        if self._worker:
            _end(self._worker)
            self._worker = None
        self._loop.close()


async def _decoded(
    worker: WorkerProcess, picture: bytes, limits: DecodeLimits, side_px: int, view: View
) -> NDArray[np.uint8]:
    """Decode in a worker.

    Raises:
        ImageError: `ImageTooComplex` also where the worker must be ended.
    """
    try:
        await worker.ready()
        async with asyncio.timeout(_TIMEOUT_S):
            return (await worker.decode(picture, limits, side_px, view)).pixels
    except TimeoutError:
        raise ImageTooComplex(TOO_LONG) from None
    except DecodeWorkerDied:
        raise ImageTooComplex("it ends the process that decodes it") from None


def _end(worker: WorkerProcess) -> None:
    worker.kill()
    worker.reap()
