"""A real server process for end-to-end tests."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
_READY = re.compile(r"ready: (http://\S+)")


def otmv(*arguments: object, **environment: str) -> subprocess.Popen[str]:
    """Start one `otmv` command."""
    inherited = {name: v for name, v in os.environ.items() if not name.startswith("OTMV_")}
    return subprocess.Popen(
        [sys.executable, "-m", "cli.main", *map(str, arguments)],
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
    """A running `otmv serve`."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self.process = process
        self.url = url

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.url.removeprefix("http://").split(":")
        return host, int(port)

    def stop(self) -> int:
        """Send SIGTERM and return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=60)
        return self.process.returncode


@contextmanager
def serving(artifact: Path, cache_dir: Path, **environment: str) -> Iterator[LiveServer]:
    """Serve an artifact on a free port until the block ends."""
    arguments = ("serve", artifact, "--port", 0, "--cache-dir", cache_dir)
    process = otmv(*arguments, OTMV_ACCESS_LOG="false", **environment)
    try:
        yield LiveServer(process, _wait_ready(process))
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def _wait_ready(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    seen = []
    for line in process.stderr:
        seen.append(line)
        if found := _READY.search(line):
            return found[1]
    raise AssertionError("".join(seen))
