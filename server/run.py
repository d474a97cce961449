"""Running the app on uvicorn: bind first, load, serve, drain on SIGTERM."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import resource
import signal
import socket
import sys
import threading
from collections.abc import Callable, Coroutine
from types import FrameType

import uvicorn
from fastapi import FastAPI

from engine.loop.executor import ENGINE_THREAD
from server.apis.registry import routes_that_answer
from server.engine_pool import LOADER_THREAD
from server.errors import ArtifactRefused, ServerError
from server.http.connection.accepting import Acceptor
from server.http.connection.head_admission import HeadAdmission
from server.http.connection.limits import ConnectionLimits
from server.http.connection.protocol import LimitedProtocol
from server.lifecycle.serving import Serving

_BACKLOG = 2**16 - 1
_LINGER_S = 0.5
_CLOSING_S = 5
_KEEP_ALIVE_S = 75
_SWITCH_S = 5e-4
"""How soon a busy request thread lets the engine's thread go on after a step (default: 5 ms)."""
_OWN_FILES = 64
"""Files left for the engine, a reload and the event loop."""
_log = logging.getLogger("otmv.server")


class AddressUnavailable(Exception):
    """The server cannot listen on the given address."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(
            f"cannot listen on {host}:{port}: {reason} "
            "(stop what listens there, or choose another --port)"
        )


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket before anything is loaded, so that a taken port fails at once.

    Raises:
        AddressUnavailable: the port is taken, or the address is not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(_BACKLOG)
    except OSError as error:
        sock.close()
        raise AddressUnavailable(host, port, error.strerror or str(error)) from error
    return sock


def run(app: FastAPI, sock: socket.socket, on_ready: Callable[[Serving], None]) -> None:
    """Serve until a signal; `on_ready` is called once, when requests are taken.

    Raises:
        Exception: whatever loading the engine raised; EngineStopped: a fault has ended it.
    """
    serving: Serving = app.state.serving
    sys.setswitchinterval(_SWITCH_S)
    gc.freeze()  # what was imported is no garbage; to look through it again takes 50 ms each time
    server = draining_server(app, on_ready, _most_connections())
    server.run(sockets=[sock])
    if serving.failure is not None:
        raise serving.failure
    _leave_what_runs(asked_twice=server.force_exit)


def _leave_what_runs(asked_twice: bool) -> None:
    """End the process at once if a library still runs: the interpreter's end would crash in it.

    A second signal asks for that.
    """
    busy = {thread.name for thread in threading.enumerate()} & {LOADER_THREAD, ENGINE_THREAD}
    if busy:
        what = "loading" if LOADER_THREAD in busy else "the engine hung"
        if not asked_twice:
            _log.warning("stopped while %s", what)
        logging.shutdown()
        os._exit(0)


def draining_server(
    app: FastAPI, on_ready: Callable[[Serving], None], most_connections: int = 1024
) -> DrainingServer:
    """Return the server that `run` runs."""
    serving: Serving = app.state.serving
    config = uvicorn.Config(
        app,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_CLOSING_S,
    )
    limits = ConnectionLimits.of(
        serving.settings,
        most_connections,
        serving.clock,
        serving.telemetry,
        HeadAdmission(serving.front, serving.shares.of, routes_that_answer().kind_of),
    )
    return DrainingServer(config, serving, limits, on_ready)


def _most_connections() -> int:
    """Raise the limit of open files as far as we may; return how many of them are for clients."""
    files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        files = most
    except (OSError, ValueError):  # some systems allow less than they say
        pass
    if files == resource.RLIM_INFINITY:
        return sys.maxsize
    return max(files - _OWN_FILES, files // 2)


class DrainingServer(uvicorn.Server):
    """uvicorn, but the first signal drains while it still listens; the second one stops at once."""

    def __init__(
        self,
        config: uvicorn.Config,
        serving: Serving,
        limits: ConnectionLimits,
        on_ready: Callable[[Serving], None],
    ) -> None:
        super().__init__(config)
        self._serving = serving
        self.limits = limits
        self._on_ready = on_ready
        self._signals = 0
        self._acceptors: list[Acceptor] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and call `on_ready` when the engine is loaded."""
        self._loop = asyncio.get_running_loop()
        await super().startup([])
        if self._serving.failure is None:
            self._acceptors = [
                Acceptor(sock, self._connection, self._room) for sock in sockets or []
            ]
        self._start(self._announce())
        self._reload_on_hangup()

    def _room(self) -> int:
        """Return how many more connections may be open."""
        return self.limits.most_connections - len(self.server_state.connections)

    def _connection(self) -> asyncio.Protocol:
        state = self.lifespan.state
        return LimitedProtocol(self.config, self.server_state, state, self.limits)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept nothing more, and end what is open."""
        for acceptor in self._acceptors:
            acceptor.close()
            await acceptor.begun()  # one that began later would not be told to end
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Drain at the first signal, stop at the second."""
        self._signals += 1
        if self._signals == 1 and self._loop is not None:
            self._loop.call_soon_threadsafe(lambda: self._start(self._stop()))
        else:
            # uvicorn would log its own end of the app as an error, with a traceback
            logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
            self.should_exit = self.force_exit = True

    def _reload_on_hangup(self) -> None:
        """Take SIGHUP as a reload, if reloads are allowed and signals come to this thread."""
        in_main = threading.current_thread() is threading.main_thread()
        if self._loop is not None and in_main and self._serving.settings.reload:
            self._loop.add_signal_handler(signal.SIGHUP, lambda: self._start(self._reload()))

    async def _reload(self) -> None:
        try:
            await self._serving.reloader.reload()
        except ArtifactRefused:
            pass  # logged with its cause
        except ServerError as error:
            _log.warning("SIGHUP: %s", error)
        except Exception:
            _log.exception("SIGHUP: the reload failed")

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _announce(self) -> None:
        await self._serving.settled()
        if self._serving.failure is not None:
            self.should_exit = True
        else:
            self._on_ready(self._serving)
            self._start(self._leave_when_stopped())

    async def _leave_when_stopped(self) -> None:
        """End the process if a fault has ended the engine: its supervisor starts another."""
        await self._serving.engine_stopped()
        _log.error("the engine has stopped: the server ends, to be started again")
        await self._drain()

    async def _stop(self) -> None:
        _log.info("stopping, when what runs is answered; a second signal stops at once")
        await self._drain()

    async def _drain(self) -> None:
        try:
            if await self._serving.drain():
                await asyncio.sleep(_LINGER_S)  # requests already sent still get their 503
            else:
                _log.warning("requests were still running when the drain timeout passed")
        finally:
            self.should_exit = True
