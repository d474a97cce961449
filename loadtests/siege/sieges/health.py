"""Every attack in turn, and how soon /healthz is answered meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from loadtests.kit.bars import Bar
from loadtests.kit.latencies import percentile_ms
from loadtests.kit.processes.serving import ServerProcess
from loadtests.kit.progress import Report
from loadtests.siege.attackers.attack import AttackJob
from loadtests.siege.attackers.payloads import ATTACKS
from loadtests.siege.health_watch import Health, WatchJob
from loadtests.siege.processes import Beside, beside
from loadtests.siege.setup import SiegeSetup, attacked, attacking

_EACH_S = 2.0
_PER_S = 1.0
_LATE_S = 60.0


def run(setup: SiegeSetup, report: Report) -> list[Bar]:
    """Send each attack once a second for two seconds, one kind after the other.

    Raises:
        BenchError: a process failed.
    """
    by_attack: dict[str, list[float]] = {}
    with setup.server() as server:
        for number, name in enumerate(ATTACKS):
            report(name, number / len(ATTACKS))
            target = server.host, server.port
            job = AttackJob(*target, [name], _PER_S, _EACH_S)
            with attacking(job) as attacker, _watched(server) as watcher:
                attacked(attacker)
                watcher.process.terminate()
                by_attack[name] = list(Health.from_json(watcher.result()).took_s)
    every = [took_s for found in by_attack.values() for took_s in found]
    worst = {name: max(found, default=0.0) * 1e3 for name, found in by_attack.items()}
    p99s = {name: percentile_ms(found, 99) for name, found in by_attack.items()}
    slowest = max(worst, key=lambda name: worst[name])
    evidence = {"worst_ms": worst, "p99_ms": p99s}
    said = f"{len(every)} answers during {len(by_attack)} attacks, slowest in {slowest}"
    return [
        Bar("siege.health.p99-ms", percentile_ms(every, 99), 20, False, said, evidence),
        Bar("siege.health.worst-ms", max(worst.values()), 100, False, said),
    ]


@contextmanager
def _watched(server: ServerProcess) -> Iterator[Beside]:
    job = WatchJob(server.host, server.port, _LATE_S)
    with beside("loadtests.siege.health_watch", job.to_json(), "the watcher") as watcher:
        yield watcher
