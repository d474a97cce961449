"""Real servers for tests: a process, or a thread, with an artifact or a fake pool."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from artifact.store import open_artifact
from cli.commands.serve import engine_config
from engine.pool import EnginePool
from engine.telemetry import Telemetry
from server.app import create_app
from server.configuration.settings import Settings
from server.engine_pool import OpenPool, Pool, Progress
from server.run import DrainingServer, bind, draining_server
from tests.server.kit.fake_pool import FakePool

ROOT = Path(__file__).parents[3]
_READY = re.compile(r"ready: (http://\S+)")


def otmv(
    *arguments: object, wrapper: Sequence[str] = (), **environment: str
) -> subprocess.Popen[str]:
    """Start one `otmv` command; `wrapper` are the words of a command that runs it."""
    inherited = {name: v for name, v in os.environ.items() if not name.startswith("OTMV_")}
    return subprocess.Popen(
        [*wrapper, sys.executable, "-m", "cli.main", *map(str, arguments)],
        cwd=ROOT,
        env={**inherited, "COLUMNS": "200", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_otmv(*arguments: object, **environment: str) -> tuple[int, str, str]:
    """Run one `otmv` command; return its exit code, output and errors."""
    process = otmv(*arguments, **environment)
    out, errors = process.communicate(timeout=60)
    return process.returncode, out, errors


class LiveServer:
    """A running `otmv serve`. `lines` are those it wrote to standard error so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self.url = ""
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._ready.wait()
        if not self.url:
            raise AssertionError("".join(self.lines))

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)
            if not self.url and (found := _READY.search(line)):
                self.url = found[1]
                self._ready.set()
        self._ready.set()

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.url.removeprefix("http://").split(":")
        return host, int(port)

    def stop(self) -> int:
        """Send SIGTERM and return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        """Wait for the end and return the exit code."""
        code = self.process.wait(60)
        self._reader.join(10)
        return code


@contextmanager
def serving(
    artifact: Path, cache_dir: Path, wrapper: Sequence[str] = (), **environment: str
) -> Iterator[LiveServer]:
    """Serve an artifact on a free port until the block ends."""
    arguments = ("serve", artifact, "--port", 0, "--cache-dir", cache_dir)
    settings = {"OTMV_ACCESS_LOG": "false"} | environment
    process = otmv(*arguments, wrapper=wrapper, **settings)
    try:
        yield LiveServer(process)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


class ServerThread:
    """The real server code on a real socket, in a thread of this process."""

    def __init__(
        self,
        settings: Settings,
        open_pool: OpenPool,
        telemetry: Telemetry,
        most_connections: int = 1024,
    ) -> None:
        self.app = create_app(settings, open_pool, telemetry)
        self._ready = threading.Event()
        self._server: DrainingServer = draining_server(
            self.app, lambda _: self._ready.set(), most_connections
        )
        self.limits = self._server.limits
        sock = bind("127.0.0.1", 0)
        self.address: tuple[str, int] = sock.getsockname()
        self.url = f"http://127.0.0.1:{self.address[1]}"
        self.thread = threading.Thread(target=self._server.run, kwargs={"sockets": [sock]})

    def start(self) -> None:
        """Wait until requests are taken; raise what loading raises."""
        self.thread.start()
        while self.thread.is_alive() and not self._ready.wait(0.05):
            pass
        if (failure := self.app.state.serving.failure) is not None:
            raise failure
        assert self._ready.is_set()

    @property
    def open_connections(self) -> int:
        return len(self._server.server_state.connections)

    def wait_until(self, holds: Callable[[], bool], timeout_s: float = 10.0) -> None:
        """Wait for something that the event loop does by itself."""
        end_s = time.monotonic() + timeout_s
        while not holds():
            assert time.monotonic() < end_s
            time.sleep(0.005)

    def on_loop(self, act: Callable[[], object]) -> None:
        """Do something in the event loop's thread."""
        assert self._server._loop is not None
        self._server._loop.call_soon_threadsafe(act)

    def terminate(self) -> None:
        """Do what SIGTERM does."""
        self._server.handle_exit(signal.SIGTERM, None)

    def end(self) -> None:
        """End without draining."""
        self._server.should_exit = True

    def join(self) -> None:
        """Wait for the end."""
        self.thread.join(20)
        assert not self.thread.is_alive()


@contextmanager
def serving_fake(
    pool: FakePool, most_connections: int = 1024, **changes: Any
) -> Iterator[ServerThread]:
    """Serve a fake pool on a free port, with some settings changed, until the block ends."""
    settings = Settings(artifact=Path("/nowhere"), access_log=False, **changes)
    server = ServerThread(settings, lambda progress: pool, Telemetry(), most_connections)
    server.start()
    try:
        yield server
    finally:
        if server.thread.is_alive():
            server.terminate()
        pool.release()
        server.join()


@contextmanager
def serving_here(artifact: Path, cache_dir: Path, **changes: Any) -> Iterator[ServerThread]:
    """Serve an artifact from this process, so that what a test has patched holds there too."""
    settings = Settings(artifact=artifact, cache_dir=cache_dir, access_log=False, **changes)
    telemetry = Telemetry()

    def open_pool(progress: Progress) -> Pool:
        config = engine_config(settings)
        return EnginePool.open(open_artifact(artifact), config, telemetry, on_progress=progress)

    server = ServerThread(settings, open_pool, telemetry)
    server.start()
    try:
        yield server
    finally:
        server.terminate()
        server.join()
