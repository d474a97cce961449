"""Asks /healthz over one open connection: `python -m loadtests.siege.health_watch < JOB`.

A process of its own, so that what the attacker computes is not measured.
"""

from __future__ import annotations

import http.client
import signal
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from loadtests.kit.processes.message import Message
from loadtests.siege.processes import go_first

_EVERY_S = 0.005


@dataclass(frozen=True)
class WatchJob(Message):
    """Where, and for how long unless SIGTERM comes first."""

    host: str
    port: int
    seconds: float


@dataclass(frozen=True)
class Health(Message):
    """How long each answer took."""

    took_s: Sequence[float]


def run(job: WatchJob, over: threading.Event) -> Health:
    """Ask again and again, each time after the last answer and a short pause."""
    connection = http.client.HTTPConnection(job.host, job.port, timeout=60)
    took_s: list[float] = []
    over_s = time.monotonic() + job.seconds
    while (now_s := time.monotonic()) < over_s and not over.is_set():
        connection.request("GET", "/healthz")
        connection.getresponse().read()
        took_s.append(time.monotonic() - now_s)
        time.sleep(_EVERY_S)
    connection.close()
    return Health(took_s)


if __name__ == "__main__":
    go_first()
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    print(run(WatchJob.from_json(sys.stdin.read()), stopped).to_json())
