"""Ten times more than the server can do, for a minute, from a load that does not wait.

Steps of one row keep the capacity so low that ten times as much, and its sender, fit on two cores.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

from loadtests.kit.asking.forms import CONTENT_TYPE, encode_form
from otmv_serve import OtmvClient, RequestBudget
from tests.e2e.demo_copies import DEMO, ROOT
from tests.e2e.http_load import Load, Post, closed_loop, open_loop
from tests.e2e.server_numbers import ended, metric
from tests.server.kit.live_server import LiveServer, serving

pytestmark = pytest.mark.e2e

PICTURE = ROOT / "examples" / "images" / "shapes.jpg"
FRONT_BUSY = "urn:otmv:problem:front-busy"
QUEUE_LIMIT = 16
OVERLOAD = 10
MEASURE_S = 3.0
SETTLED_S = 10.0
MOST_GROWTH_BYTES = 32 * 2**20
"""From ten seconds on. Sixteen open requests need 2 MB, a thousand connections with their buffers
some 10 more. Were only the body of each refused request kept, a minute would be over 100 MB."""

BUDGETS: tuple[dict[str, str], ...] = (
    {},
    {"max_latency_ms": "2000"},
    {"max_latency_ms": "100"},
    {"max_latency_ms": "1"},
    {"max_latency_ms": "1000", "on_miss": "reject"},
    {"max_latency_ms": "50", "on_miss": "reject"},
    {"min_quality": "0.5", "max_latency_ms": "3000"},
    {"max_memory_mb": "1000"},
    {"variant": "full"},
    {"variant": "d1", "max_latency_ms": "500"},
)


def posts(seed: int) -> Iterator[Post]:
    """Captions and questions with every budget, in random order, without end."""
    picture = PICTURE.read_bytes()
    captions = [Post("/v1/caption", CONTENT_TYPE, encode_form(picture, b)) for b in BUDGETS]
    asked = {"question": "what color is the cross?"}
    questions = [Post("/v1/vqa", CONTENT_TYPE, encode_form(picture, asked | b)) for b in BUDGETS]
    pick = random.Random(seed)
    while True:
        yield pick.choice(pick.choice((captions, captions, questions)))


def resident_bytes(server: LiveServer) -> int:
    status = Path(f"/proc/{server.process.pid}/status")
    if not status.is_file():
        return 0
    found = re.search(r"VmRSS:\s+(\d+) kB", status.read_text())
    assert found is not None
    return int(found[1]) * 1024


def check_replies(load: Load) -> None:
    """Everything sent has exactly one reply, and it is one that may be."""
    assert not load.lost, list(load.lost.items())[:3]
    assert load.surplus_bytes == 0
    assert set(load.replies) == {f"load-{number}" for number in range(load.sent)}
    assert all(len(replies) == 1 for replies in load.replies.values())
    assert {reply.status for reply in load.all} <= {200, 429, 503, 504}
    for reply in load.of(429, 503, 504):
        assert reply.headers["content-type"] == "application/problem+json"
        assert json.loads(reply.body)["status"] == reply.status
    for reply in load.of(429, 503):
        assert 1 <= int(reply.headers["retry-after"]) <= 60
    answers, refusals = load.of(200), load.of(429, 503)
    assert answers
    assert len(refusals) > load.sent / 2
    took_s = median(r.took_s for r in refusals), median(r.took_s for r in answers)
    assert took_s[0] < took_s[1], "a refusal takes as long as an answer"


def late_replies(server: LiveServer) -> float:
    """Return how many answers would have been written late, and were refused instead."""
    return metric(server, "late_replies_total")[""]


def check_counts(
    load: Load, before: dict[str, float], after: dict[str, float], unwritten: float
) -> None:
    """The server counted what went past the front's gate, and ended each as the client saw it."""
    turned_away = load.of(503)
    assert {json.loads(reply.body)["type"] for reply in turned_away} <= {FRONT_BUSY}
    grown = {outcome: count - before.get(outcome, 0.0) for outcome, count in after.items()}
    assert sum(grown.values()) == load.sent - len(turned_away)
    assert grown.get("ok", 0) + grown.get("late", 0) - unwritten == len(load.of(200))
    ended = sum(grown.get(outcome, 0) for outcome in ("refused", "expired"))
    assert ended + unwritten == len(load.of(429, 504))


def overload(server: LiveServer, seconds: float) -> None:
    address = server.address
    capacity = asyncio.run(closed_loop(address, posts(1), QUEUE_LIMIT - 4, MEASURE_S))
    rate_hz = OVERLOAD * len(capacity.of(200)) / MEASURE_S
    memory: list[tuple[float, int]] = []
    before, late_before = ended(server), late_replies(server)
    load = asyncio.run(
        open_loop(
            address,
            posts(2),
            rate_hz,
            seconds,
            lambda since_s: memory.append((since_s, resident_bytes(server))),
        )
    )
    memory.append((seconds, resident_bytes(server)))
    print(_summary(load, rate_hz, memory))
    check_replies(load)
    check_counts(load, before, ended(server), late_replies(server) - late_before)
    settled = next((held for since_s, held in memory if since_s >= SETTLED_S), memory[0][1])
    assert memory[-1][1] - settled <= MOST_GROWTH_BYTES
    with OtmvClient(server.url) as client:
        for variant in (None, "full", "d3"):
            budget = RequestBudget(max_latency_ms=20_000, variant=variant)
            found = client.ask(PICTURE, "what color is the cross?", budget)
            assert (found.answer, found.deadline_met) == ("red", True)
            assert variant in (None, found.variant)
        assert client.caption(PICTURE, RequestBudget(max_latency_ms=20_000)).variant == "full"


def _summary(load: Load, rate_hz: float, memory: list[tuple[float, int]]) -> str:
    statuses = {status: len(load.of(status)) for status in (200, 429, 503, 504)}
    took = {
        s: round(median([r.took_s for r in load.of(s)]) * 1e3) for s, n in statuses.items() if n
    }
    held = [round(held / 1e6) for _, held in itertools.islice(memory, 0, None, 10)]
    return (
        f"{rate_hz:.0f}/s, {load.sent} sent (latest {load.late_s:.2f} s late), {statuses}, "
        f"median ms {took}, resident MB {held} to {memory[-1][1] / 1e6:.0f}"
    )


@pytest.fixture
def small_queue(tmp_path: Path) -> Iterator[LiveServer]:
    limits = {"OTMV_QUEUE_LIMIT": str(QUEUE_LIMIT), "OTMV_MAX_BATCH": "1"}
    with serving(DEMO, tmp_path / "cache", **limits) as live:
        yield live


def test_three_seconds_of_ten_times_too_much(small_queue: LiveServer) -> None:
    overload(small_queue, 3.0)


@pytest.mark.slow
def test_a_minute_of_ten_times_too_much(small_queue: LiveServer) -> None:
    overload(small_queue, 60.0)
