"""Decode bombs at a fixed rate beside a polite client: it goes on being answered in time."""

from __future__ import annotations

from dataclasses import asdict

from loadtests.kit.bars import Bar
from loadtests.kit.progress import Report
from loadtests.siege.attackers.attack import AttackJob
from loadtests.siege.attackers.payloads import BOMBS
from loadtests.siege.resident import watching
from loadtests.siege.setup import SiegeSetup, attacked, attacking, send

_BOMBS_HZ = 4.0
_POLITE_LOAD = 0.6
_WARM_S = 5.0


def run(setup: SiegeSetup, report: Report) -> list[Bar]:
    """Send four bombs a second, each kind in turn, beside 0.6 of the capacity over HTTP.

    Raises:
        BenchError: a process failed.
    """
    with setup.server() as server:
        capacity_hz = setup.capacity_hz(server, report)
        polite_hz = _POLITE_LOAD * capacity_hz
        report("the polite client alone", 0.2)
        alone = send(setup.load(server, polite_hz, _WARM_S))
        report(f"{_BOMBS_HZ:g} bombs a second", 0.3)
        target = server.host, server.port
        job = AttackJob(*target, list(BOMBS), _BOMBS_HZ, setup.seconds)
        with watching(server.process.pid) as memory, attacking(job) as attacker:
            polite = send(setup.load(server, polite_hz, setup.seconds))
            bombs = attacked(attacker)
    evidence = {
        "capacity_hz": capacity_hz,
        "deadline_ms": setup.deadline_ms,
        "alone": asdict(alone),
        "polite": asdict(polite),
        "bombs": asdict(bombs),
    }
    mb = {"first_mb": memory.first_mb, "most_mb": memory.most_mb}
    said = f"{polite.sent} requests, {bombs.sent} bombs"
    return [
        Bar("siege.bombs.attainment", polite.attainment, 0.99, True, said, evidence),
        Bar("siege.bombs.memory-growth-mb", memory.grew_mb, 300, False, said, mb),
    ]
