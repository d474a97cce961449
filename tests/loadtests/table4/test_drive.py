"""The table's traffic, sent to the real server code before a pool without an engine."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import Future
from dataclasses import dataclass, replace

import pytest

from engine.errors import QueueFull
from engine.requests.request import Request
from engine.tasks.caption import CaptionInput
from engine.tasks.reason import ReasonInput
from engine.types import Answer, Input
from loadtests.kit.errors import BenchError
from loadtests.kit.processes.ports import free_port
from loadtests.table4.drive import Drive, run
from server.engine_pool import OnText
from tests.server.kit.fake_pool import FakePool
from tests.server.kit.live_server import serving_fake

ONE_ROUND = Drive("", "vqa", 1e-3, concurrency=4, per_turn=6, words=3)
WARM = 2
"""One request for each of the two variants, alone."""


def silent(what: str, share: float) -> None:
    assert 0 <= share <= 1


def asked_for(pool: FakePool) -> list[str]:
    return [ticket.budget.variant or "" for ticket in pool.admitted]


def test_every_variant_is_asked_equally_often_in_turns() -> None:
    pool = FakePool()
    with serving_fake(pool) as server:
        ledger = run(replace(ONE_ROUND, url=server.url, seconds=1.5, concurrency=1), silent)
    names = asked_for(pool)
    assert names[:WARM] == ["full", "d2"]
    turns = [names[first : first + 6] for first in range(WARM, len(names), 6)]
    assert len(turns) > 4
    assert all(len(set(turn)) == 1 for turn in turns)
    firsts = [turn[0] for turn in turns]
    assert firsts[:4] == ["full", "d2", "d2", "full"]  # the next round begins one further on
    counts = Counter(names)
    assert counts["full"] == counts["d2"] == ledger.variants["full"].answered
    assert ledger.variants["d2"].pictures == counts["d2"]
    assert ledger.begun_at_s < ledger.ended_at_s


@dataclass
class Gathering(FakePool):
    """Answers, past the first requests, only when four wait."""

    def submit(
        self, ticket: Request, request: Input, on_text: OnText | None = None
    ) -> Future[Answer]:
        self.hold = len(self.seen) >= WARM
        future = super().submit(ticket, request, on_text)
        if self.waiting == ONE_ROUND.concurrency:
            self.release()
        return future


def test_as_many_requests_are_open_as_asked_and_never_more() -> None:
    pool = Gathering(limit=ONE_ROUND.concurrency)
    with serving_fake(pool) as server:
        ledger = run(replace(ONE_ROUND, url=server.url), silent)
    counts = ledger.variants.values()
    assert all(count.answered == count.pictures == 1 + 6 for count in counts)
    assert not any(count.refused for count in counts)


def test_captions_are_bounded_and_statements_have_two_pictures() -> None:
    pool = FakePool()
    with serving_fake(pool) as server:
        run(replace(ONE_ROUND, url=server.url, task="caption"), silent)
        described = list(pool.seen)
        pool.seen.clear()
        ledger = run(replace(ONE_ROUND, url=server.url, task="reason"), silent)
    assert all(isinstance(each, CaptionInput) for each in described)
    assert {each.max_new_tokens for each in described if isinstance(each, CaptionInput)} == {3}
    assert all(isinstance(each, ReasonInput) for each in pool.seen)
    full = ledger.variants["full"]
    assert full.pictures == 2 * full.answered


def test_only_the_variants_asked_for_and_full() -> None:
    pool = FakePool()
    with serving_fake(pool) as server:
        drive = replace(ONE_ROUND, url=server.url, variants=("full",))
        assert list(run(drive, silent).variants) == ["full"]
        with pytest.raises(BenchError, match="has no upop for vqa; there are full, d2"):
            run(replace(drive, variants=("upop",)), silent)


def test_what_the_server_refuses_at_first_ends_the_run() -> None:
    pool = FakePool(admit_error=QueueFull(1, 1.0))
    with serving_fake(pool) as server, pytest.raises(BenchError, match="answered 429: "):
        run(replace(ONE_ROUND, url=server.url), silent)


@dataclass
class Filling(FakePool):
    """Refuses every request after the first few."""

    def submit(
        self, ticket: Request, request: Input, on_text: OnText | None = None
    ) -> Future[Answer]:
        if len(self.seen) >= WARM + 6:
            self.admit_error = QueueFull(1, 1.0)
        return super().submit(ticket, request, on_text)


def test_what_is_refused_later_is_counted_apart() -> None:
    pool = Filling()
    with serving_fake(pool) as server:
        ledger = run(replace(ONE_ROUND, url=server.url, concurrency=1), silent)
    refused = sum(count.refused.get("429", 0) for count in ledger.variants.values())
    answered = sum(count.answered for count in ledger.variants.values())
    assert (answered, refused) == (WARM + 7, 5)


def test_a_server_that_is_not_there_is_one_line() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(BenchError, match=f"cannot reach {url}") as told:
        run(replace(ONE_ROUND, url=url), silent)
    assert "start `otmv serve` there" in str(told.value)
