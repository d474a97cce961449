"""How many requests are open at once, by the server's answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.commands.ask.batch.pace import Pace


def test_answers_raise_the_limit_by_one_in_a_round() -> None:
    pace = Pace(most=64)
    for _ in range(4):
        pace.answered()
    assert pace.limit == pytest.approx(4.9, abs=0.1)
    for _ in range(10_000):
        pace.answered()
    assert pace.limit == 64


def test_a_refusal_halves_it_once_for_all_that_were_sent_before() -> None:
    pace = Pace(most=64, limit=16)
    for now_s in (10.0, 10.1, 10.2):
        pace.refused(sent_s=9.0, now_s=now_s, wait_s=1.0)
    assert pace.limit == 8
    pace.refused(sent_s=10.5, now_s=11.0, wait_s=1.0)
    assert pace.limit == 4


def test_nothing_is_sent_before_the_server_wants_it() -> None:
    pace = Pace(most=64, limit=16)
    pace.refused(sent_s=9.0, now_s=10.0, wait_s=2.0)
    pace.refused(sent_s=9.0, now_s=10.1, wait_s=0.5)
    assert not pace.may_send(0, 11.9)
    assert pace.may_send(0, 12.0)
    assert pace.may_send(7, 12.0)
    assert not pace.may_send(8, 12.0)


@given(st.integers(1, 64), st.lists(st.booleans(), max_size=200))
def test_it_stays_between_one_and_the_most(most: int, answers: list[bool]) -> None:
    pace = Pace(most=most)
    for now_s, answered in enumerate(answers):
        if answered:
            pace.answered()
        else:
            pace.refused(now_s, now_s, 0.0)
        assert 1 <= pace.limit <= most
        assert pace.may_send(0, now_s)
