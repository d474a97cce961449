"""A worker process as the server sees it: started, given pictures, killed."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pictures.errors import DecodeWorkerDied, ImageTooComplex
from pictures.limits import DecodeLimits
from pictures.view import WHOLE, View
from pictures.worker import ANSWER, READY, TASK, error_of

_NICENESS = 10
_SENT_AT_ONCE_BYTES = 65_536
_OUT_OF_TIME = frozenset({-signal.SIGPROF, -signal.SIGXCPU})
TOO_LONG = "it takes too long to decode"


@dataclass(frozen=True)
class Decoded:
    """A decoded picture: pixels uint8 [S, S, 3], and the seconds each half took."""

    pixels: NDArray[np.uint8]
    decode_s: float
    preprocess_s: float


class WorkerProcess:
    """One decoding process. It decodes one picture at a time; any event loop may ask it.

    One that `gives_way` takes the processor when others leave it.
    """

    def __init__(self, memory_bytes: int, *, gives_way: bool = False) -> None:
        self.gives_way = gives_way
        self._socket, theirs = socket.socketpair()
        self._socket.setblocking(False)
        self._ready = False
        life, self._life = os.pipe()
        fds = (theirs.fileno(), life)
        command = [sys.executable, "-P", "-m", "pictures.worker", *map(str, fds)]
        self._process = subprocess.Popen(
            [*command, str(memory_bytes), str(_NICENESS if gives_way else 0)],
            pass_fds=fds,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # libraries write what a client's file makes them write
            start_new_session=True,  # a terminal's Ctrl-C is for the server
        )
        theirs.close()
        os.close(life)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    async def ready(self) -> None:
        """Wait until the process has loaded its libraries.

        Raises:
            DecodeWorkerDied: it ended.
        """
        if not self._ready:
            try:
                await self._received(bytearray(len(READY)), 0, len(READY))
            except OSError as error:
                raise await self._death() from error
            self._ready = True

    async def decode(
        self,
        picture: bytes | bytearray,
        limits: DecodeLimits,
        side_px: int,
        view: View = WHOLE,
    ) -> Decoded:
        """Decode one picture. After any other end than these errors the process must be killed.

        Raises:
            ImageError, MemoryError: what the worker says of the picture.
            ImageTooComplex: its processor time was used up; the process has ended.
            DecodeWorkerDied: the process ended.
        """
        loop = asyncio.get_running_loop()
        task = TASK.pack(
            len(picture), limits.max_pixels, side_px, limits.cpu_s, *dataclasses.astuple(view)
        )
        try:
            if len(picture) <= _SENT_AT_ONCE_BYTES:  # a call less, and the worker wakes up once
                await loop.sock_sendall(self._socket, task + picture)
            else:
                await loop.sock_sendall(self._socket, task)
                await loop.sock_sendall(self._socket, picture)
            good, decode_s, preprocess_s, payload = await self._answer(side_px * side_px * 3)
        except OSError as error:
            raise await self._death() from error
        if not good:
            raise error_of(bytes(payload))
        pixels = np.frombuffer(payload, np.uint8).reshape(side_px, side_px, 3)
        return Decoded(pixels, decode_s, preprocess_s)

    def end(self) -> None:
        """End the process at once; a task that waits for it fails."""
        self._process.kill()

    def kill(self) -> None:
        """End the process at once, and free what it holds here; may be called twice.

        No task may be waiting for it.
        """
        if self._life >= 0:
            os.close(self._life)
            self._life = -1
        self._socket.close()
        self._process.kill()

    def reap(self) -> None:
        """Wait, after `kill`, until the kernel has ended the process; blocking."""
        self._process.wait()

    async def wait(self) -> int:
        """Wait for the end of the process; return its exit code, -N after signal N."""
        return await asyncio.get_running_loop().run_in_executor(None, self._process.wait)

    async def _answer(self, pixel_bytes: int) -> tuple[bool, float, float, memoryview]:
        """Receive an answer in as few calls as its pixels need; one that fails is shorter."""
        data = bytearray(ANSWER.size + pixel_bytes)
        got = await self._received(data, 0, ANSWER.size)
        good, count, decode_s, preprocess_s = ANSWER.unpack_from(data)
        end = ANSWER.size + count
        if end > len(data):
            data = data[:got] + bytes(end - got)
        await self._received(data, got, end)
        return good, decode_s, preprocess_s, memoryview(data)[ANSWER.size : end]

    async def _received(self, data: bytearray, at: int, least: int) -> int:
        """Receive into `data` from `at` on, until there are `least` bytes; return how many."""
        loop = asyncio.get_running_loop()
        view = memoryview(data)
        while at < least:
            got = await loop.sock_recv_into(self._socket, view[at:])
            if not got:
                raise ConnectionResetError
            at += got
        return at

    async def _death(self) -> Exception:
        """Return why there is no answer, after the process has ended."""
        self.kill()
        return (
            ImageTooComplex(TOO_LONG) if await self.wait() in _OUT_OF_TIME else DecodeWorkerDied()
        )


def _environment() -> dict[str, str]:
    """Return the worker's environment: where modules lie, one thread, none of our secrets."""
    return {
        "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path),
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }
