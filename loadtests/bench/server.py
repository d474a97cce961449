"""A real `otmv serve` process, and the leanest client that can talk to it."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from loadtests.bench.artifacts import environment
from loadtests.bench.setup import BenchError
from loadtests.cases import CONTENT_TYPE, encode_form

_READY = re.compile(r"ready: http://([^:\s]+):(\d+)")
_START_LIMIT_S = 300.0


@dataclass(frozen=True)
class Server:
    """Where a running server listens."""

    process: subprocess.Popen[bytes]
    host: str
    port: int

    def cpu_s(self) -> float:
        """Return the processor seconds it has used; 0 where Linux's /proc is not there."""
        stat = Path(f"/proc/{self.process.pid}/stat")
        if not stat.is_file():
            return 0.0
        fields = stat.read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def serving(artifact: Path, backend: str, cache: Path) -> Iterator[Server]:
    """Serve an artifact on a free port until the block ends.

    Raises:
        BenchError: it did not become ready.
    """
    words = ["serve", str(artifact), "--port", "0", "--backend", backend, "--cache-dir", str(cache)]
    with tempfile.TemporaryFile("w+b") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "cli.main", *words],
            env={**environment(), "OTMV_ACCESS_LOG": "false", "COLUMNS": "200"},
            stdout=subprocess.DEVNULL,
            stderr=log,
        )
        try:
            host, port = _wait_ready(process, log.fileno())
            yield Server(process, host, port)
        finally:
            process.terminate()
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_ready(process: subprocess.Popen[bytes], log: int) -> tuple[str, int]:
    limit_s = time.monotonic() + _START_LIMIT_S
    while time.monotonic() < limit_s:
        ended = process.poll() is not None
        text = os.pread(log, 1 << 20, 0).decode("utf-8", "replace")
        if found := _READY.search(text):
            return found[1], int(found[2])
        if ended:
            raise BenchError(f"the server ended: {(text.strip().splitlines() or ['?'])[-1]}")
        time.sleep(0.05)
    raise BenchError(f"the server was not ready within {_START_LIMIT_S:.0f} s")


def question_bytes(picture: bytes, question: str, variant: str) -> bytes:
    """Return a whole HTTP request, head and body, ready to be sent many times."""
    body = encode_form(picture, {"question": question, "variant": variant})
    head = (
        "POST /v1/vqa HTTP/1.1\r\nHost: bench\r\n"
        f"Content-Type: {CONTENT_TYPE}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Connection:
    """One keep-alive connection; requests go out as given, only what is needed is parsed."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, server: Server) -> Self:
        """Connect."""
        return cls(*await asyncio.open_connection(server.host, server.port))

    async def exchange(self, request: bytes) -> bytes:
        """Send one request and return the body of its answer.

        Raises:
            BenchError: the status is not 200.
        """
        self._writer.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        body = await self._reader.readexactly(length)
        if head.split(b" ", 2)[1] != b"200":
            raise BenchError(f"the server answered {body[:200].decode('utf-8', 'replace')}")
        return body

    def close(self) -> None:
        """Close at once, whatever is open; the server then cancels it."""
        self._writer.transport.abort()
