"""What a run adds up to: attainment, thresholds, the timeline, and the page that shows it."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from loadtests.cases import CONTENT_TYPE, ReasonCase, load_cases
from loadtests.checks import Score, WrongAnswer, check_reason
from loadtests.locust_ import page
from loadtests.locust_.asking import judge, request_for
from loadtests.locust_.errors import OptionError
from loadtests.locust_.marks import REJECTED, Mark, Outcome, attainment, summary, timeline
from loadtests.locust_.schedules import Arrival
from loadtests.locust_.thresholds import check_scopes, read_threshold, with_default
from server.http.multipart import parse_multipart
from tests.loadtests.test_cases import answered, served

FULL, SMALL = Outcome("full", 0.9), Outcome("d3", 0.7)
REFUSED, BROKEN = Outcome(miss=REJECTED), Outcome(miss="429 queue-full")


def mark(
    budget: str,
    latency_s: float,
    outcome: Outcome = FULL,
    stretch: str = "steady",
    at_s: float = 0.5,
) -> Mark:
    deadline_s = None if budget == "patient" else 0.2
    return Mark(Arrival(at_s, "vqa", budget, stretch), 0.0, latency_s, deadline_s, outcome)


RUN = [
    mark("hurried", 0.1, SMALL),
    mark("hurried", 0.2),
    mark("hurried", 0.3, stretch="spike", at_s=1.5),
    mark("interactive", 0.1, BROKEN, stretch="spike", at_s=1.6),
    mark("strict", 0.1, REFUSED, stretch="spike", at_s=2.5),
    mark("patient", 9.0),
]


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


def test_quality_that_nobody_measured_makes_no_effective_accuracy() -> None:
    assert summary([mark("hurried", 0.1, Outcome("full", None))], 1.0)["effective_accuracy"] is None


def test_late_sends_are_told() -> None:
    late = [Mark(RUN[0].arrival, s, 0.1, None, FULL) for s in (0.0, 0.002, 0.007)]
    assert summary(late, 1.0)["late_sends"] == {"over_1_ms": 2, "over_5_ms": 1, "max_ms": 7.0}


def test_the_last_send_has_its_place_in_the_timeline() -> None:
    assert timeline([mark("patient", 0.1, at_s=2.0)], 2.0) == [{}, {"full": 1}]


@pytest.mark.parametrize(
    ("kind", "text", "measured", "verdict"),
    [
        ("attainment", "0.5", 0.5, "ok"),
        ("attainment", "0.51", 0.5, "short"),
        ("attainment", "strict=0.1", 0.0, "short"),
        ("attainment", "spike=0.5", 0.0, "short"),
        ("attainment", "relaxed=0", None, "not-run"),
        ("p99-ms", "hurried=298", 298.0, "ok"),
        ("p99-ms", "297", 8738.0, "short"),
        ("error-share", "0.2", 1 / 6, "ok"),
        ("error-share", "interactive=0.9", 1.0, "short"),
    ],
)
def test_thresholds(kind: Any, text: str, measured: float | None, verdict: str) -> None:
    bar = read_threshold(kind, text).bar(RUN)
    assert bar.measured == (None if measured is None else pytest.approx(measured, abs=1))
    assert bar.verdict == verdict
    assert bar.line().startswith(f"BAR locust.{kind}")


@pytest.mark.parametrize("text", ["", "much", "-1", "1.5", "hurried=", "hurried=2"])
def test_what_is_no_threshold_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match="--min-attainment"):
        read_threshold("attainment", text)


def test_no_request_may_fail_unless_something_is_said_about_errors() -> None:
    asked = [read_threshold("attainment", "0.9")]
    assert [bar.kind for bar in with_default(asked)] == ["attainment", "error-share"]
    said = read_threshold("error-share", "0.1")
    assert with_default([said]) == [said]


def test_a_scope_that_nothing_falls_into_is_refused() -> None:
    check_scopes([read_threshold("attainment", "spike=0.9")], ["before", "spike"])
    check_scopes([read_threshold("p99-ms", "hurried=900")], [])
    with pytest.raises(OptionError, match="'spike' is none of"):
        check_scopes([read_threshold("attainment", "spike=0.9")], ["steady"])


@pytest.mark.parametrize("task", ["vqa", "caption", "reason"])
def test_requests_are_ones_the_server_reads(task: str) -> None:
    request = request_for(task, load_cases(None), {"on_miss": "reject"}, Score(), random.Random(0))
    parts = [(part.name, part.data) for part in parse_multipart(request.body, CONTENT_TYPE)]
    names = [name for name, _ in parts]
    text = {"vqa": ["question"], "caption": [], "reason": ["statement"]}[task]
    assert names == [*text, "on_miss", *["image"] * (2 if task == "reason" else 1)]
    assert len({data for _, data in parts}) == len(parts), "the same picture twice"


def test_replies_are_judged() -> None:
    cases = load_cases(None)
    request = request_for("vqa", cases, {}, Score(), random.Random(0))
    good = json.dumps(answered(question=cases.vqa[0].question))
    problem = json.dumps({"type": "urn:otmv:problem:deadline"})
    assert judge(200, good, False, request) == Outcome("full", 0.9)
    assert judge(504, problem, True, request) == Outcome(miss=REJECTED)
    assert judge(504, problem, False, request) == Outcome(miss="504 deadline")
    assert judge(0, "ConnectionRefusedError", True, request).miss == "0 ConnectionRefusedError"
    assert judge(200, "{}", False, request).miss.startswith("not a whole answer")
    assert judge(200, "oops", False, request).miss.startswith("not a whole answer")


def test_statements_are_checked_and_scored() -> None:
    case, score = ReasonCase(b"", b"", "both are red", truth=True), Score()
    said = {**served(), "statement": "both are red"}
    check_reason({**said, "answer": True}, case, score)
    check_reason({**said, "answer": False}, case, score)
    assert score.lines() == ["full       0.500 of 2"]
    for wrong in ({**said, "answer": "yes"}, {**said, "statement": "?", "answer": True}, said):
        with pytest.raises(WrongAnswer):
            check_reason(wrong, case, score)


def record(**changes: Any) -> dict[str, Any]:
    bar = read_threshold("attainment", "0.99").bar(RUN)
    return {
        **summary(RUN, 3.0),
        "model": "<demo>",
        "user": "VqaUser",
        "shape": {"name": "spike", "peak": "3x"},
        "capacity_hz": 9.5,
        "seed": 0,
        "machine": "here",
        "client_cpu": 0.05,
        "command": "locust",
        "budgets": {"hurried": {"deadline_ms": {"vqa": 200.0}}},
        "bars": [bar.record()],
        **changes,
    }


def test_the_section_shows_what_was_measured_and_escapes_it() -> None:
    found = page.section(record())
    assert "0.5000 of 4 requests that may degrade" in found
    assert '<p class="short">locust.attainment: 0.5, wanted ≥ 0.99: short</p>' in found
    assert "&lt;demo&gt;" in found
    assert "<demo>" not in found
    assert found.count("<rect") == 4, "one for each variant, and for what was missed, of a second"
    assert "<title>1 s: missed 2</title>" in found


def test_the_section_stands_above_locusts_own() -> None:
    whole = '<body>\n<script>x = "<body>"</script><div id="root"></div></body>'
    found = page.insert(whole, "<section></section>")
    assert found == whole.replace('<div id="root">', '<section></section><div id="root">')
    assert page.insert("another page", "<section></section>") == "another page<section></section>"
