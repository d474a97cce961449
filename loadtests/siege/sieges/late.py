"""Answers under twice the load that came late by the client's own clock and say they did not."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from loadtests.kit.bars import Bar
from loadtests.kit.progress import Report
from loadtests.siege.setup import SiegeSetup, send

_LOAD = 2.0
_PIECES = 40


def run(setup: SiegeSetup, report: Report) -> list[Bar]:
    """Send twice the capacity over HTTP, in pieces, until there are answers enough.

    Raises:
        BenchError: a process failed.
    """
    pieces: list[dict[str, Any]] = []
    answers = claimed = 0
    with setup.server() as server:
        rate_hz = _LOAD * setup.capacity_hz(server, report)
        while answers < setup.answers and len(pieces) < _PIECES:
            report(f"{answers} answers at {rate_hz:.0f}/s", answers / setup.answers)
            found = send(setup.load(server, rate_hz, setup.seconds / 2))
            pieces.append(asdict(found))
            answers += found.answers
            claimed += found.claimed_late
    share = claimed / answers if answers >= setup.answers else None
    said = f"{claimed} of {answers} answers at {rate_hz:.0f} requests a second"
    evidence = {"deadline_ms": setup.deadline_ms, "rate_hz": rate_hz, "pieces": pieces}
    return [Bar("siege.late.claimed-share", share, 0.001, False, said, evidence)]
