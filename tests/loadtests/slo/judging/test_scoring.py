from __future__ import annotations

import json

import pytest

from loadtests.slo.client import LEFT, Reply, Sent
from loadtests.slo.judging.scoring import judge, score
from loadtests.slo.workload import FACTORS, PlannedCell, PlannedRequest
from tests.loadtests.slo.made_up_rows import QUALITY, SOLO_S


def answer(variant: str, ended_s: float, sent_s: float = 0.0) -> Reply:
    return Reply(sent_s, ended_s, 200, json.dumps({"answers": [{"variant": variant}]}))


def test_latency_counts_from_the_intended_send_and_a_miss_is_a_miss() -> None:
    offers = [PlannedRequest(1.0, 2, 0) for _ in range(6)]
    problem = json.dumps({"type": "urn:otmv:problem:deadline-expired"})
    replies = [
        answer("full", 1.15),
        answer("full", 1.25, sent_s=1.2),  # quick once it was sent, but sent late
        Reply(1.0, 1.1, 504, problem),
        Reply(1.0, 1.1, 408, "too slow"),
        Reply(1.0, 5.0, LEFT, "TimeoutError"),
        Reply(1.0, 1.1, 500, "[]"),
    ]
    marks = judge(offers, replies, SOLO_S)
    assert [mark.miss for mark in marks] == [
        "",
        "late",
        "504 deadline-expired",
        "408",
        "TimeoutError",
        "500",
    ]
    assert marks[1].latency_s == pytest.approx(0.25)
    assert marks[1].late_send_s == pytest.approx(0.2)


def test_the_deadline_is_the_class_own() -> None:
    offers = [PlannedRequest(0.0, factor, 0) for factor in FACTORS]
    marks = judge(offers, [answer("d3", 0.5) for _ in offers], SOLO_S)
    assert [mark.miss for mark in marks] == ["late", "late", ""]


def test_a_score_adds_up() -> None:
    offers = [
        PlannedRequest(0.1, 2, 0),
        PlannedRequest(0.2, 4, 0),
        PlannedRequest(1.5, 8, 0),
        PlannedRequest(1.6, 8, 0),
    ]
    replies = [
        answer("full", 0.2, sent_s=0.1015),
        answer("d3", 0.3, sent_s=0.2),
        answer("full", 9.0, sent_s=1.5),
        Reply(1.61, 1.7, 504, "{}"),
    ]
    sent = Sent(replies, 10.0, 0.5)
    planned = PlannedCell(tuple(offers), 0.0, 2.0)
    found = score(planned, judge(offers, replies, SOLO_S), QUALITY, sent, 15.0)
    assert (found.offered, found.seconds, found.offered_hz) == (4, 2.0, 2.0)
    assert found.attainment == 0.5
    assert found.effective == pytest.approx(100 * (0.95 + 0.7) / 4)
    assert found.goodput_hz == 1.0
    assert found.variants == {"d3": 1, "full": 1}
    assert found.misses == {"late": 1, "504": 1}
    assert found.timeline == [{"d3": 1, "full": 1}, {"miss": 2}]
    assert found.late_sends["over_1_ms"] == 2
    assert found.late_sends["over_5_ms"] == 1
    assert found.late_sends["max_ms"] == pytest.approx(10.0)
    assert (found.client_cpu, found.server_cpu) == (0.05, 1.5)
    assert found.classes["8x"]["offered"] == 2
    assert found.classes["8x"]["attainment"] == 0
    assert found.classes["8x"]["p50_ms"] == pytest.approx(7500)  # late, and counted; refused: not
    assert found.classes["2x"]["p99_ms"] == pytest.approx(100)


def test_nothing_offered_is_no_division_by_zero() -> None:
    found = score(PlannedCell((), 0.0, 1.0), [], QUALITY, Sent([], 1.0, 0.0), 0.0)
    assert (found.offered, found.attainment, found.effective) == (0, 0.0, 0.0)
    assert found.classes["2x"]["p50_ms"] is None


def test_the_warm_part_does_not_count() -> None:
    offers = [PlannedRequest(at_s, 2, 0) for at_s in (0.5, 1.9, 2.0, 3.5)]
    replies = [Reply(at_s, at_s, 500, "[]") for at_s in (0.5, 1.9)]
    replies += [answer("full", 2.1, 2.0), answer("d3", 3.6, 3.5)]
    planned = PlannedCell(tuple(offers), 2.0, 2.0)
    found = score(planned, judge(offers, replies, SOLO_S), QUALITY, Sent(replies, 4.0, 0.0), 0.0)
    assert (found.offered, found.offered_hz, found.attainment) == (2, 1.0, 1.0)
    assert found.timeline == [{"full": 1}, {"d3": 1}]
    assert found.misses == {}
