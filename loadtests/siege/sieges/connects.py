"""Many clients that connect at once: each one's first answer from /healthz."""

from __future__ import annotations

from loadtests.kit.bars import Bar
from loadtests.kit.latencies import percentile_ms
from loadtests.kit.progress import Report
from loadtests.siege.crowd import Crowd, CrowdJob
from loadtests.siege.processes import run_beside
from loadtests.siege.setup import SiegeSetup

_LIMITS_S = {400: 1.0, 2000: 3.0}


def run(setup: SiegeSetup, report: Report) -> list[Bar]:
    """Let 400, then 2,000 clients connect at the same time.

    Raises:
        BenchError: a process failed.
    """
    bars = []
    with setup.server() as server:
        for clients, limit_s in _LIMITS_S.items():
            report(f"{clients} clients connect", clients / sum(_LIMITS_S))
            job = CrowdJob(server.host, server.port, clients)
            crowd = Crowd.from_json(run_beside("loadtests.siege.crowd", job.to_json(), "the crowd"))
            found_ms = {each: percentile_ms(crowd.took_s, each) for each in (50, 99)}
            p99_s = (found_ms[99] or 0.0) / 1e3
            measured = p99_s if crowd.answered == clients else None
            said = f"{crowd.answered} of {clients} answered, median {found_ms[50] or 0:.0f} ms"
            bars.append(Bar(f"siege.connects.{clients}.p99-s", measured, limit_s, False, said))
    return bars
