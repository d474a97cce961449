"""A server in a process of its own, ours or a rival: started, ready, stopped."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from loadtests.kit.errors import BenchError
from loadtests.kit.processes.tree import stop_tree

T = TypeVar("T")

_POLL_S = 0.05


@contextmanager
def started(
    words: Sequence[str],
    environment: Mapping[str, str],
    ready: Callable[[str], T | None],
    limit_s: float,
    grace_s: float,
    folder: Path | None = None,
) -> Iterator[tuple[subprocess.Popen[bytes], T]]:
    """Run a command until the block ends, and yield its process with what `ready` found.

    Args:
        words: the command.
        environment: of the process.
        ready: from what the process has said so far to where it listens; None: not yet.
        limit_s: how long it may take to be ready.
        grace_s: how long it may take to end, before it is killed with its descendants.
        folder: the process works in; None: this one.

    Raises:
        BenchError: it ended before it was ready, or was not ready in time.
    """
    with tempfile.TemporaryFile("w+b") as log:
        process = subprocess.Popen(words, env=environment, cwd=folder, stdout=log, stderr=log)
        try:
            yield process, _wait(process, log.fileno(), ready, limit_s)
        finally:
            stop_tree(process, grace_s)


def _wait(
    process: subprocess.Popen[bytes], log: int, ready: Callable[[str], T | None], limit_s: float
) -> T:
    over_s = time.monotonic() + limit_s
    while time.monotonic() < over_s:
        ended = process.poll() is not None
        said = _said(log)
        found = ready(said)
        if found is not None:
            return found
        if ended:
            raise BenchError(f"the server ended: {_last_line(said)}")
        time.sleep(_POLL_S)
    raise BenchError(f"the server was not ready within {limit_s:.0f} s: {_last_line(_said(log))}")


def _said(log: int) -> str:
    """Return what the process has written, its first MiB."""
    return os.pread(log, 1 << 20, 0).decode("utf-8", "replace")


def _last_line(said: str) -> str:
    return (said.strip().splitlines() or ["no reason given"])[-1]
