"""The process that decodes: one picture at a time from a socket, with nothing else loaded.

A task is `TASK` and the picture's bytes; an answer is `ANSWER` and then the pixels, or, where
decoding failed, what is wrong as JSON. Nothing is pickled: what a picture makes of this process
cannot become code in the server's.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import math
import os
import resource
import select
import signal
import socket
import struct
import sys
import time
from pathlib import Path

from pictures.errors import ImageError, ImageNotRecognised, ImageTooManyPixels, ImageUnreadable
from pictures.images import decode_rgb, prepare_decoders
from pictures.picture import ACCEPTED_FORMATS
from pictures.view import View

TASK = struct.Struct("!QQIddddd?")
"""Bytes of the picture, most pixels, side of the result in pixels, processor seconds at most; then
the fields of a `View`."""
ANSWER = struct.Struct("!?Idd")
"""Whether it was decoded, bytes that follow, seconds of decoding, seconds of resizing."""
READY = b"!"
"""What a worker says once, when it takes tasks."""
_MEMORY = "memory"
_LONG_S = 0.02
"""Pictures that take longer are large enough that their memory is worth giving back."""


def main(socket_fd: int, life_fd: int, memory_bytes: int, niceness: int) -> None:
    """Decode until the server closes its end.

    `life_fd`: the reading end of a pipe that the server holds open while it lives.
    `memory_bytes`: address space that decoding may take beyond what is taken now.
    `niceness`: how far others go before it where the processor is short.
    """
    os.nice(niceness)
    _end_with_server(life_fd)
    prepare_decoders()
    _limit_memory(memory_bytes)
    with socket.socket(fileno=socket_fd) as server:
        server.sendall(READY)
        while head := _received(server, TASK.size):
            picture_bytes, max_pixels, side_px, cpu_s, *view = TASK.unpack(head)
            picture = _received(server, picture_bytes)
            _limit_cpu(cpu_s)
            started_s = time.perf_counter()
            answer, payload = _decoded(picture, max_pixels, side_px, View(*view))
            signal.setitimer(signal.ITIMER_PROF, 0)
            sent = server.sendmsg([answer, payload])  # one call, so that the server wakes up once
            server.sendall(memoryview(payload)[max(0, sent - len(answer)) :])
            del picture, payload
            if time.perf_counter() - started_s > _LONG_S:
                _give_memory_back()


def error_of(payload: bytes) -> Exception:
    """Return the error that a worker wrote down."""
    kind, *facts = json.loads(payload)
    if kind == _MEMORY:
        return MemoryError("a picture needs more memory than one may have")
    if kind == ImageNotRecognised.__name__:
        return ImageNotRecognised(ACCEPTED_FORMATS)
    if kind == ImageTooManyPixels.__name__:
        return ImageTooManyPixels(*facts)
    return ImageUnreadable(*facts)


def _decoded(
    picture: bytearray, max_pixels: int, side_px: int, view: View
) -> tuple[bytes, bytes | memoryview]:
    """Return the answer to one task, and what follows it."""
    started_s = time.perf_counter()
    try:
        image = decode_rgb(picture, max_pixels, view.least_px(side_px))
        decoded_s = time.perf_counter()
        pixels = view.pixels(image, side_px)
    except (ImageError, MemoryError) as error:
        payload = json.dumps(_facts(error)).encode()
        return ANSWER.pack(False, len(payload), 0.0, 0.0), payload
    resized_s = time.perf_counter()
    answer = ANSWER.pack(True, pixels.nbytes, decoded_s - started_s, resized_s - decoded_s)
    return answer, pixels.data.cast("B")


def _facts(error: ImageError | MemoryError) -> list[object]:
    if isinstance(error, ImageTooManyPixels):
        return [ImageTooManyPixels.__name__, error.width, error.height, error.limit_pixels]
    if isinstance(error, ImageUnreadable):
        return [ImageUnreadable.__name__, error.reason]
    return [_MEMORY if isinstance(error, MemoryError) else type(error).__name__]


def _received(server: socket.socket, count: int) -> bytearray:
    """Return `count` bytes, or none where the server closed its end."""
    data = bytearray(count)
    view = memoryview(data)
    while view:
        got = server.recv_into(view, flags=socket.MSG_WAITALL)
        if not got:
            return bytearray()
        view = view[got:]
    return data


def _end_with_server(life_fd: int) -> None:
    """Let the kernel end this process, whatever it does, when the server's process has ended.

    The pipe carries nothing: its only event is that its other end closes, which raises SIGIO.
    """
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(life_fd, fcntl.F_SETOWN, os.getpid())
    flags = fcntl.fcntl(life_fd, fcntl.F_GETFL)
    fcntl.fcntl(life_fd, fcntl.F_SETFL, flags | os.O_ASYNC)
    watch = select.poll()
    watch.register(life_fd, 0)
    if watch.poll(0):  # it ended before the kernel was asked
        sys.exit()


def _give_memory_back() -> None:
    """Let the C library return what a large picture took; only glibc has to be asked."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _limit_memory(memory_bytes: int) -> None:
    """Limit the address space to what is taken now and this much more; leave no core files."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except OSError:  # no Linux: RLIMIT_AS means nothing reliable there
        return
    limit = pages * resource.getpagesize() + memory_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _limit_cpu(cpu_s: float) -> None:
    """End this process by SIGPROF after this much processor time, or by SIGXCPU a little later."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    latest_s = math.ceil(used.ru_utime + used.ru_stime + cpu_s) + 1
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (latest_s, most))
    signal.setitimer(signal.ITIMER_PROF, cpu_s)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
