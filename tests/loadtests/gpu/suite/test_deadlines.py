from __future__ import annotations

import pytest

from loadtests.gpu.suite.deadlines import TimeLimit, allotted_s


class Now:
    def __init__(self) -> None:
        self.s = 100.0

    def __call__(self) -> float:
        return self.s


def test_a_deadline_counts_down_and_may_be_over_before_it_comes() -> None:
    now = Now()
    deadline = TimeLimit(10.0, now)
    assert deadline.left_s == 10.0
    now.s += 8
    assert not deadline.over(2.0)
    assert deadline.over(2.5)
    now.s += 2
    assert deadline.over()


def test_a_piece_gets_a_share_of_what_is_left() -> None:
    now = Now()
    deadline = TimeLimit(10.0, now)
    now.s += 4
    piece = deadline.part(0.5)
    assert piece.left_s == pytest.approx(3.0)
    now.s += 20
    assert deadline.part(0.5).over()


def test_unused_time_falls_to_those_after() -> None:
    assert allotted_s(60.0, [1, 2, 3]) == pytest.approx(10.0)
    assert allotted_s(58.0, [2, 3]) == pytest.approx(23.2)
    assert allotted_s(-1.0, [2, 3]) == 0.0
