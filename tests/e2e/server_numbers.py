"""Numbers of a running server: its metrics and its memory."""

from __future__ import annotations

import re
from pathlib import Path

import httpx

from tests.server.kit.live_server import LiveServer


def metric(server: LiveServer, name: str) -> dict[str, float]:
    """Return a metric's values by its labels, as text."""
    page = httpx.get(f"{server.url}/metrics", timeout=60).text
    found = re.findall(rf"^otmv_{name}(?:\{{(.*)\}})? (\S+)$", page, re.MULTILINE)
    return {labels: float(value) for labels, value in found}


def ended(server: LiveServer) -> dict[str, float]:
    """Return how many requests ended, by outcome."""
    found: dict[str, float] = {}
    for labels, value in metric(server, "requests_total").items():
        outcome = re.search(r'outcome="(\w+)"', labels)
        assert outcome is not None
        found[outcome[1]] = found.get(outcome[1], 0.0) + value
    return found


def resident_bytes(server: LiveServer) -> int:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1024
