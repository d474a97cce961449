"""The most that a generator sends for a minute, then twice the load for long."""

from __future__ import annotations

from dataclasses import asdict

from loadtests.kit.bars import Bar
from loadtests.kit.progress import Report
from loadtests.siege.resident import resident_mb
from loadtests.siege.setup import SiegeSetup, send
from loadtests.siege.tally import LoadFound

_FLOOD, _LONG = 20.0, 2.0
_LEAST_FLOOD = 8.0


def run(setup: SiegeSetup, report: Report) -> list[Bar]:
    """Send 20 times the capacity over HTTP for a minute, then twice for `soak_minutes`.

    Raises:
        BenchError: a process failed.
    """
    with setup.server() as server:
        capacity_hz = setup.capacity_hz(server, report)
        report(f"{_FLOOD:g} times the load", 0.05)
        flood = send(setup.load(server, _FLOOD * capacity_hz, setup.seconds))
        first_mb = resident_mb(server.process.pid)
        report(f"{_LONG:g} times the load", 0.1)
        long = send(setup.load(server, _LONG * capacity_hz, 60 * setup.soak_minutes))
        last_mb = resident_mb(server.process.pid)
    found_flood = flood.sent_hz / capacity_hz
    said = f"{flood.sent_hz:.0f}/s sent, capacity {capacity_hz:.0f}/s"
    memory = f"{first_mb:.0f} MB after the first minute, {last_mb:.0f} MB at the end"
    return [
        Bar("siege.soak.flood", found_flood, _LEAST_FLOOD, True, said),
        *_bars("flood", flood),
        *_bars("long", long),
        Bar("siege.soak.memory-ratio", last_mb / first_mb, 1.05, False, memory),
    ]


def _bars(stretch: str, found: LoadFound) -> list[Bar]:
    said = f"{found.sent} requests, {found.answers} answers"
    name = f"siege.soak.{stretch}"
    return [
        Bar(f"{name}.past-grace", found.past_grace, 0, False, said, asdict(found)),
        Bar(f"{name}.lost", found.lost, 0, False, said),
        Bar(f"{name}.doubled", found.foreign, 0, False, said),
    ]
