"""Few requests are in the front; the rest waits, or is refused at once. Times are simulated."""

from __future__ import annotations

import math

import pytest

from server.errors import FrontBusy, ShareUsedUp
from server.front.gate import At, Gate, Visit


def visit(arrived_s: float = 0.0, limit_s: float = 1.0, share: str = "a") -> Visit:
    return Visit(share, "vqa", arrived_s, limit_s)


def gate(places: int = 1, most_waiting: int = 100) -> Gate:
    return Gate(places, most_waiting)


def entered(found: Gate, each: Visit, now: float) -> Visit:
    found.enter(each, now)
    return each


def learned(found: Gate, seconds: float, now: float, limit_s: float = 1.0) -> None:
    """Teach a gate what requests with a budget need."""
    for _ in range(16):
        each = entered(found, visit(now, limit_s), now)
        found.learn(each, now + seconds, now)
        found.end(each, now)


def test_whoever_finds_a_place_enters_whatever_was_learned() -> None:
    found = gate()
    learned(found, 5.0, 0.0)
    assert found.needed_s(visit(limit_s=1.0), 0.0) > 4.9
    assert entered(found, visit(limit_s=0.001), 0.0).at is At.FRONT


def test_without_a_place_it_waits_and_enters_when_one_is_free() -> None:
    found, told = gate(), []
    first = entered(found, visit(), 0.0)
    second = visit()
    second.told = told.append
    assert entered(found, second, 0.0).at is At.LINE
    found.send_away(first, 0.01)
    assert (second.at, second.entered_s, told) == (At.FRONT, 0.01, [None])


def test_what_would_come_too_late_is_refused_before_it_waits() -> None:
    found = gate()
    learned(found, 0.1, 0.0, limit_s=0.2)
    learned(found, 0.1, 0.0, limit_s=0.05)
    entered(found, visit(), 0.0)
    found.check(visit(limit_s=0.2), 0.0)
    with pytest.raises(FrontBusy) as refused:
        found.check(visit(limit_s=0.05), 0.0)
    assert refused.value.wait_s > 0
    assert found.waiting == 0


def test_the_hurried_are_judged_by_what_the_hurried_needed() -> None:
    """The engine lets them go first: what the patient needed would shut them out for ever."""
    found = gate()
    learned(found, 0.5, 0.0, limit_s=1.0)
    entered(found, visit(), 0.0)
    found.check(visit(limit_s=0.1), 0.0)
    hopeless = visit(limit_s=0.1)
    found.enter(hopeless, 0.0)
    found.learn(hopeless, 0.2, 0.0)
    with pytest.raises(FrontBusy):
        found.check(visit(limit_s=0.1), 0.0)
    found.check(visit(limit_s=1.0), 0.0)


@pytest.mark.parametrize("limit_s", [0.0, -1.0, 1e-9, 1e300, math.inf, math.nan, 0.07, 3.0])
def test_whatever_budgets_are_named_few_are_told_apart(limit_s: float) -> None:
    found = gate()
    each = visit(limit_s=limit_s)
    learned(found, 0.1, 0.0, limit_s)
    assert found.needed_s(each, 0.0) == pytest.approx(0.1)
    for number in range(2000):
        learned(found, 0.1, 0.0, limit_s * 1.01**number)
    assert len(found._needed) <= 21


def test_the_time_since_the_first_byte_counts() -> None:
    found = gate()
    learned(found, 0.1, 5.0, limit_s=0.2)
    entered(found, visit(5.0), 5.0)
    found.check(visit(5.0, limit_s=0.2), 5.0)
    with pytest.raises(FrontBusy):
        found.check(visit(4.9, limit_s=0.2), 5.0)


def test_the_wait_is_predicted_from_the_pace_of_the_line() -> None:
    found = gate()
    running = entered(found, visit(limit_s=100.0), 0.0)
    now = 0.0
    for _ in range(100):
        following = entered(found, visit(now, limit_s=100.0), now)
        now += 0.05
        found.end(running, now)
        running = following
    entered(found, visit(now, 100.0), now)
    with pytest.raises(FrontBusy) as refused:
        found.check(visit(now, limit_s=0.08), now)
    assert refused.value.wait_s == pytest.approx(0.1, rel=0.1)
    found.check(visit(now, limit_s=0.12), now)


def test_one_whose_time_runs_out_in_the_line_is_told() -> None:
    found, told = gate(places=2), []
    learned(found, 0.1, 0.0, limit_s=0.15)
    first = entered(found, visit(limit_s=9.0), 0.0)
    entered(found, visit(limit_s=9.0), 0.0)
    late, patient = visit(limit_s=0.15), visit(limit_s=9.0)
    late.told = told.append
    found.enter(late, 0.0)
    found.enter(patient, 0.0)
    found.end(first, 0.1)
    assert isinstance(told[0], FrontBusy)
    assert patient.at is At.FRONT


def test_a_full_line_refuses_even_the_patient() -> None:
    found = gate(most_waiting=1)
    entered(found, visit(), 0.0)
    entered(found, visit(), 0.0)
    with pytest.raises(FrontBusy):
        found.check(visit(limit_s=1e9), 0.0)


def test_answers_go_before_new_requests() -> None:
    found = gate()
    first = entered(found, visit(), 0.0)
    found.send_away(first, 0.0)
    found.take_back(first)
    second = entered(found, visit(), 0.0)
    assert second.at is At.LINE
    found.end(first, 0.1)
    assert second.at is At.FRONT


def test_one_client_alone_may_use_everything_and_two_take_turns() -> None:
    found = gate()
    running = entered(found, visit(), 0.0)
    mine = [entered(found, visit(), 0.0) for _ in range(5)]
    other = entered(found, visit(share="b"), 0.0)
    found.end(running, 0.01)
    assert mine[0].at is At.FRONT
    found.end(mine[0], 0.02)
    assert other.at is At.FRONT


def test_who_sends_more_than_a_share_is_told_so() -> None:
    found = gate(most_waiting=6)
    entered(found, visit(), 0.0)
    for _ in range(5):
        entered(found, visit(), 0.0)
    entered(found, visit(share="b"), 0.0)
    with pytest.raises(ShareUsedUp):
        found.check(visit(), 0.0)
    with pytest.raises(FrontBusy) as refused:
        found.check(visit(share="b"), 0.0)
    assert not isinstance(refused.value, ShareUsedUp)


def test_who_leaves_the_line_takes_no_place() -> None:
    found = gate()
    first = entered(found, visit(), 0.0)
    second = entered(found, visit(), 0.0)
    found.end(second, 0.0)
    found.end(first, 0.0)
    found.end(first, 0.0)
    assert (found.waiting, found.inside) == (0, 0)


def test_what_was_learned_in_a_spike_is_forgotten_after_two_seconds() -> None:
    found = gate()
    learned(found, 5.0, 0.0)
    assert found.needed_s(visit(limit_s=1.0), 2.1) == 0.0


def test_it_waits_a_pace_for_each_that_is_let_in_before() -> None:
    found = gate()
    entered(found, visit(), 0.0)
    with pytest.raises(FrontBusy) as first:
        found.check(visit(limit_s=0.0), 0.0)
    for _ in range(3):
        entered(found, visit(), 0.0)
    with pytest.raises(FrontBusy) as fourth:
        found.check(visit(limit_s=0.0), 0.0)
    assert fourth.value.wait_s == pytest.approx(4 * first.value.wait_s)


@pytest.mark.parametrize(("share", "used_up"), [("a", False), ("b", True), ("c", False)])
def test_a_share_is_used_up_by_more_than_its_part_of_the_line(share: str, used_up: bool) -> None:
    found = gate()
    entered(found, visit(), 0.0)
    for each in "aabbbc":
        entered(found, visit(share=each), 0.0)
    with pytest.raises(FrontBusy) as refused:
        found.check(visit(limit_s=0.0, share=share), 0.0)
    assert isinstance(refused.value, ShareUsedUp) is used_up


def test_nothing_needs_less_than_no_time() -> None:
    found = gate()
    learned(found, -0.5, 1.0)
    assert found.needed_s(visit(), 1.0) == 0.0
