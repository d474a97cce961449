"""The attacker's process: `python -m loadtests.siege.attackers.attack < JOB`.

It sends attacks in turn at a fixed rate, each on a connection of its own, until its time is over.
"""

from __future__ import annotations

import socket
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from loadtests.kit.processes.message import Message
from loadtests.siege.attackers.payloads import ATTACKS

_ANSWER_BYTES = 4096
CLOSED = 0
"""Stands for a status where the server closed the connection and said nothing."""


@dataclass(frozen=True)
class AttackJob(Message):
    """Which of `ATTACKS` to send where, how many a second, for how long."""

    host: str
    port: int
    names: Sequence[str]
    rate_hz: float
    seconds: float


@dataclass(frozen=True)
class Attacked(Message):
    """How many were sent, and how many of each kind ended with which status."""

    sent: int
    ended: Mapping[str, Mapping[str, int]]


def send(host: str, port: int, request: bytes, limit_s: float = 60.0) -> int:
    """Send a request, and return its answer's status, or `CLOSED`."""
    try:
        with socket.create_connection((host, port), timeout=limit_s) as found:
            with suppress(OSError):  # refused before it was read: the answer may be there
                found.sendall(request)
            words = found.recv(_ANSWER_BYTES).split(b" ", 2)
            return int(words[1]) if len(words) > 1 else CLOSED
    except (OSError, ValueError):
        return CLOSED


def run(job: AttackJob, on_ready: Callable[[], None] = lambda: None) -> Attacked:
    """Send all of it; an attack that is not answered does not hold up the next one.

    `on_ready` is called when all requests are made, before the first is sent.
    """
    requests = {name: ATTACKS[name]() for name in job.names}
    on_ready()
    ended: dict[str, Counter[str]] = {name: Counter() for name in job.names}
    count = int(job.rate_hz * job.seconds)

    def one(name: str) -> None:
        ended[name][str(send(job.host, job.port, requests[name]))] += 1

    begun_s = time.monotonic()
    with ThreadPoolExecutor(64) as senders:
        for number in range(count):
            time.sleep(max(0.0, begun_s + number / job.rate_hz - time.monotonic()))
            senders.submit(one, job.names[number % len(job.names)])
    return Attacked(count, {name: dict(counts) for name, counts in ended.items()})


if __name__ == "__main__":
    job = AttackJob.from_json(sys.stdin.read())
    print(run(job, lambda: print("ready", flush=True)).to_json())
