"""Accepting every connection that waits, each time the event loop looks."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import time
from collections.abc import Callable

_AT_ONCE = 16
"""Connections accepted each turn; one that is refused keeps its file until a later turn."""
_MOST_AT_ONCE = 256
_START_S = 200e-6
"""About twice what a connection's beginning takes."""
_PAUSE_S = 0.01
"""A refused connection gives its file back within a turn or two."""
_SAY_AGAIN_S = 10.0
_NO_ROOM = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_log = logging.getLogger("otmv.server")


class Acceptor:
    """Accepts connections of one listening socket, which stays its owner's.

    uvloop's own accepts one connection each turn of the loop, so that many clients which connect at
    once wait for each other's requests. A turn under a flood is long, so more are accepted after
    it, until they take about half of the loop's time.

    Args:
        sock: listens.
        make_protocol: makes what speaks on a connection.
        room: how many more connections may be open; beyond that, few are accepted and refused at
            once, because each has a file until then.
    """

    def __init__(
        self,
        sock: socket.socket,
        make_protocol: Callable[[], asyncio.Protocol],
        room: Callable[[], int],
    ) -> None:
        self._sock = sock
        self._make_protocol = make_protocol
        self._room = room
        self._accepted_s = 0.0
        self._loop = asyncio.get_running_loop()
        self._starting: set[asyncio.Task[None]] = set()
        self._closed = False
        self._said_s = -_SAY_AGAIN_S
        sock.setblocking(False)
        self._loop.add_reader(sock, self._accept)

    def close(self) -> None:
        """Accept nothing more; connections that are open stay."""
        if not self._closed:
            self._closed = True
            self._loop.remove_reader(self._sock)

    async def begun(self) -> None:
        """Wait until every connection that was accepted has begun."""
        while self._starting:
            await asyncio.wait(self._starting)

    def _count(self) -> int:
        """Return how many to accept now."""
        before_s, self._accepted_s = self._accepted_s, time.perf_counter()
        in_time = min(int((self._accepted_s - before_s) / _START_S), _MOST_AT_ONCE)
        return max(_AT_ONCE, min(in_time, self._room() - len(self._starting)))

    def _accept(self) -> None:
        for _ in range(self._count()):
            try:
                connection, _ = self._sock.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in _NO_ROOM:
                    self._pause(error)
                    return
                continue  # a client that had left before we looked
            task = self._loop.create_task(self._start(connection))
            self._starting.add(task)
            task.add_done_callback(self._starting.discard)

    async def _start(self, connection: socket.socket) -> None:
        try:
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await self._loop.connect_accepted_socket(self._make_protocol, connection)
        except OSError as error:
            _log.debug("a connection ended as it began: %s", error)
            connection.close()

    def _pause(self, error: OSError) -> None:
        now_s = self._loop.time()
        if now_s - self._said_s >= _SAY_AGAIN_S:
            self._said_s = now_s
            _log.error("connections wait to be accepted: %s", error.strerror)
        self._loop.remove_reader(self._sock)
        self._loop.call_later(_PAUSE_S, self._go_on)

    def _go_on(self) -> None:
        if not self._closed:
            self._loop.add_reader(self._sock, self._accept)
