"""Clients that all connect in the same moment: `python -m loadtests.siege.crowd < JOB`."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from loadtests.kit.processes.message import Message
from loadtests.siege.processes import go_first, raise_files

_REQUEST = b"GET /healthz HTTP/1.1\r\nHost: siege\r\nConnection: close\r\n\r\n"
_LIMIT_S = 60.0
_FAILED_S = 1e9


@dataclass(frozen=True)
class CrowdJob(Message):
    """How many connect where."""

    host: str
    port: int
    clients: int


@dataclass(frozen=True)
class Crowd(Message):
    """From the moment all set out to the first byte of each one's answer; 1e9 if it had no 200."""

    took_s: Sequence[float]

    @property
    def answered(self) -> int:
        """How many were answered."""
        return sum(took < _FAILED_S for took in self.took_s)


async def run(job: CrowdJob) -> Crowd:
    """Let all of them connect, ask, and wait for their answers."""
    begun_s = time.perf_counter()

    async def one() -> float:
        try:
            async with asyncio.timeout(_LIMIT_S):
                reader, writer = await asyncio.open_connection(job.host, job.port)
                writer.write(_REQUEST)
                said = await reader.read(12)
                took_s = time.perf_counter() - begun_s
                writer.close()
        except (OSError, TimeoutError):
            return _FAILED_S
        return took_s if said == b"HTTP/1.1 200" else _FAILED_S

    return Crowd(await asyncio.gather(*(one() for _ in range(job.clients))))


if __name__ == "__main__":
    raise_files()
    go_first()
    print(asyncio.run(run(CrowdJob.from_json(sys.stdin.read()))).to_json())
