"""A real `otmv serve` process."""

from __future__ import annotations

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

from loadtests.kit.errors import BenchError
from loadtests.kit.processes.child import environment

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
