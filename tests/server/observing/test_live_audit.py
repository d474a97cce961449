"""A real server audits the demo's lower answers once the load has ended, and counts rightly."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from engine.telemetry import ZERO_WHEN_IDLE
from otmv_serve import OtmvClient, RequestBudget
from tests.server.kit.live_server import ROOT, LiveServer, serving

pytestmark = pytest.mark.e2e

DEMO = ROOT / "examples" / "demo-artifact"
PICTURE = ROOT / "examples" / "images" / "shapes.jpg"
PATIENCE_S = 30.0
COLOURS, SHAPES = ("red", "green", "blue", "yellow"), ("cross", "circle", "square", "triangle")

Key = tuple[str, str, str]
"""Task, variant, whether it agrees: true or false."""


def asked(client: OtmvClient) -> dict[str, list[Callable[[RequestBudget], object]]]:
    """Return, by task, what gives the answer to each question under a budget."""
    questions = [f"what color is the {shape}?" for shape in SHAPES]
    questions += [f"is there a {colour} {shape}?" for colour in COLOURS for shape in SHAPES[:2]]
    statements = [f"both pictures show a {colour} cross" for colour in COLOURS]
    return {
        "vqa": [
            lambda budget, asked=each: client.ask(PICTURE, asked, budget).answer
            for each in [*questions, "how many objects are there?"]
        ],
        "reason": [
            lambda budget, asked=each: client.reason(PICTURE, PICTURE, asked, budget).answer
            for each in statements
        ],
        "caption": [lambda budget: client.caption(PICTURE, budget).caption],
    }


def page(server: LiveServer) -> str:
    return httpx.get(f"{server.url}/metrics", timeout=30).text


def counted(text: str, metric: str) -> dict[str, float]:
    lines = re.findall(rf"^{metric}(?:{{(.*)}})? (\S+)$", text, re.MULTILINE)
    return {labels: float(value) for labels, value in lines}


def compared(text: str) -> Counter[Key]:
    """Return how many answers were compared."""
    found: Counter[Key] = Counter()
    for labels, value in counted(text, "otmv_audited_answers_total").items():
        label = dict(re.findall(r'(\w+)="(\w+)"', labels))
        found[label["task"], label["variant"], label["agrees"]] += int(value)
    return +found


def test_what_it_counts_is_what_asking_both_variants_gives(tmp_path: Path) -> None:
    expected: Counter[Key] = Counter()
    with serving(DEMO, tmp_path, OTMV_AUDIT_SHARE="1") as server:
        with OtmvClient(server.url) as client:
            for task, asks in asked(client).items():
                for ask in asks:
                    full, least = (
                        ask(RequestBudget(variant=variant, max_latency_ms=30_000))
                        for variant in ("full", "d1")
                    )
                    expected[task, "d1", str(full == least).lower()] += 1
        ended = counted(page(server), "otmv_requests_total")
        until_s = time.monotonic() + PATIENCE_S
        while compared(page(server)) != expected:
            assert time.monotonic() < until_s, (compared(page(server)), expected)
            time.sleep(0.1)
        text = page(server)
        assert counted(text, "otmv_requests_total") == ended
        assert sum(ended.values()) == 2 * expected.total()
        for gauge in ZERO_WHEN_IDLE:
            assert counted(text, gauge) == {"": 0.0}, gauge
    assert {agrees for _, _, agrees in expected} == {"true", "false"}
