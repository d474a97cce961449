"""Decoding without an event loop: one picture after another, in one worker process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from pictures.errors import DecodeWorkerDied, ImageTooComplex, ImageUnreadable
from pictures.headers import read_header
from pictures.limits import limits_of, worker_memory_bytes
from pictures.picture import PictureHeader
from pictures.view import WHOLE, View
from pictures.worker_process import TOO_LONG, WorkerProcess

MAX_PIXELS = 64_000_000
"""Pixels that a picture of a data set may have."""

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

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
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
        worker = self._worker or WorkerProcess(worker_memory_bytes(self._max_pixels))
        self._worker = None  # it is kept if it can go on

        async def decoded() -> NDArray[np.uint8]:
            await worker.ready()
            async with asyncio.timeout(_TIMEOUT_S):
                return (await worker.decode(picture, limits, side_px, view)).pixels

        can_go_on = False
        try:
            pixels = self._loop.run_until_complete(decoded())
            can_go_on = True
        except TimeoutError:
            raise ImageTooComplex(TOO_LONG) from None
        except DecodeWorkerDied:
            raise ImageUnreadable("it ends the process that decodes it") from None
        except MemoryError as error:
            can_go_on = True
            raise ImageUnreadable(str(error)) from error
        except ImageUnreadable as error:
            can_go_on = not isinstance(error, ImageTooComplex)
            raise
        finally:
            if can_go_on:
                self._worker = worker
            else:
                _end(worker)
        return pixels

    def close(self) -> None:
        """End the worker process."""
        if self._worker:
            _end(self._worker)
            self._worker = None
        self._loop.close()


def _end(worker: WorkerProcess) -> None:
    worker.kill()
    worker.reap()
