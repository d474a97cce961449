"""A real server audits the demo's lower answers once the load has ended, and counts rightly."""

from __future__ import annotations

import re
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

from engine.telemetry import ZERO_WHEN_IDLE
from tests.server.kit.live_server import ROOT, LiveServer, serving

pytestmark = pytest.mark.e2e

DEMO = ROOT / "examples" / "demo-artifact"
PICTURE = (ROOT / "examples" / "images" / "shapes.jpg").read_bytes()
PATIENCE_S = 30.0
COLOURS, SHAPES = ("red", "green", "blue", "yellow"), ("cross", "circle", "square", "triangle")

Key = tuple[str, str, str]
"""Task, variant, whether it agrees: true or false."""


def asked() -> list[tuple[str, dict[str, str], int]]:
    """Return path, fields and number of pictures of each request."""
    questions = [f"what color is the {shape}?" for shape in SHAPES]
    questions += [f"is there a {colour} {shape}?" for colour in COLOURS for shape in SHAPES[:2]]
    questions.append("how many objects are there?")
    statements = [f"both pictures show a {colour} cross" for colour in COLOURS]
    return [
        *(("/v1/vqa", {"question": question}, 1) for question in questions),
        *(("/v1/reason", {"statement": statement}, 2) for statement in statements),
        ("/v1/caption", {}, 1),
    ]


def said(client: httpx.Client, path: str, fields: dict[str, str], pictures: int) -> Any:
    """Return what is answered: the best label, whether a statement holds, or the text."""
    files = [("image", ("shapes.jpg", PICTURE))] * pictures
    response = client.post(path, data={**fields, "max_latency_ms": "30000"}, files=files)
    assert response.status_code == 200, response.text
    body = response.json()
    assert body["variant"] == fields["variant"]
    return body[{"/v1/vqa": "answer", "/v1/reason": "answer", "/v1/caption": "caption"}[path]]


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
        with httpx.Client(base_url=server.url, timeout=30) as client:
            for path, fields, pictures in asked():
                full, least = (
                    said(client, path, {**fields, "variant": variant}, pictures)
                    for variant in ("full", "d1")
                )
                task = path.removeprefix("/v1/")
                expected[task, "d1", str(full == least).lower()] += 1
        ended = counted(page(server), "otmv_requests_total")
        until_s = time.monotonic() + PATIENCE_S
        while compared(page(server)) != expected:
            assert time.monotonic() < until_s, (compared(page(server)), expected)
            time.sleep(0.1)
        text = page(server)
        assert counted(text, "otmv_requests_total") == ended
        assert sum(ended.values()) == 2 * len(asked())
        for gauge in ZERO_WHEN_IDLE:
            assert counted(text, gauge) == {"": 0.0}, gauge
    assert {agrees for _, _, agrees in expected} == {"true", "false"}
