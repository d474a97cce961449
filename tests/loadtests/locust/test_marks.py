from __future__ import annotations

import pytest

from loadtests.locust.marks import JudgedReply, RequestMark, answers_over_time, attainment, summary
from tests.loadtests.locust.made_up_marks import FULL, RUN, mark


def test_late_refused_and_broken_are_misses_and_no_deadline_is_never_late() -> None:
    assert [each.miss for each in RUN] == ["", "", "late", "429 queue-full", "rejected", ""]
    assert [each.failed for each in RUN] == [False, False, False, True, False, False]
    assert attainment(RUN) == 0.5
    assert attainment([]) is None


def test_the_summary_counts_by_class_phase_and_variant() -> None:
    found = summary(RUN, 3.0)
    assert found["offered"] == 6
    assert found["may_degrade"] == {"offered": 4, "attainment": 0.5}
    assert found["error_share"] == pytest.approx(1 / 6)
    assert found["effective_accuracy"] == pytest.approx((0.7 + 0.9 + 0.9) / 6)
    assert found["variants"] == {"d3": 1, "full": 3}
    assert found["misses"] == {"late": 1, "429 queue-full": 1, "rejected": 1}
    assert list(found["classes"]) == ["patient", "interactive", "hurried", "strict"]
    assert found["classes"]["hurried"]["attainment"] == pytest.approx(2 / 3)
    assert found["classes"]["hurried"]["p50_ms"] == pytest.approx(200)
    assert found["classes"]["strict"]["p50_ms"] is None
    assert found["stretches"]["spike"]["attainment_may_degrade"] == 0.0
    assert found["timeline"] == [
        {"d3": 1, "full": 2},
        {"429 queue-full": 1, "late": 1},
        {"rejected": 1},
    ]


def test_a_quality_that_was_never_measured_makes_no_effective_accuracy() -> None:
    assert (
        summary([mark("hurried", 0.1, JudgedReply("full", None))], 1.0)["effective_accuracy"]
        is None
    )


def test_late_sends_are_reported() -> None:
    late = [RequestMark(RUN[0].arrival, s, 0.1, None, FULL) for s in (0.0, 0.002, 0.007)]
    assert summary(late, 1.0)["late_sends"] == {"over_1_ms": 2, "over_5_ms": 1, "max_ms": 7.0}


def test_the_last_send_has_its_place_in_the_timeline() -> None:
    assert answers_over_time([mark("patient", 0.1, at_s=2.0)], 2.0) == [{}, {"full": 1}]
