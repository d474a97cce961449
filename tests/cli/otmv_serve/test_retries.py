"""When a request is sent again: facts in, seconds or nothing out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otmv_serve import OtmvError, ReplyUnreadable, Retries, ServerUnreachable
from otmv_serve.errors import failure

OURS = "urn:otmv:problem:"


def busy(wait_s: float | None = None) -> OtmvError:
    said = {} if wait_s is None else {"retry_after_s": wait_s}
    return failure(429, {"type": OURS + "queue-full", **said})


@pytest.mark.parametrize(
    ("error", "sent_again"),
    [
        (busy(1.0), True),
        (failure(503, {"type": OURS + "draining", "retry_after_s": 1}), True),
        (failure(503, {"type": OURS + "parity-failed"}), False),
        (failure(503, None), True),
        (failure(502, None), True),
        (failure(503, None, "3"), True),
        (failure(500, {"type": OURS + "internal"}), False),
        (failure(504, {"type": OURS + "deadline-expired"}), False),
        (failure(409, {"retry_after_s": 1}), False),
        (failure(422, {}), False),
        (failure(401, {}), False),
        (ServerUnreachable("refused", again=True), True),
        (ServerUnreachable("silent", again=False), False),
        (ReplyUnreadable("no JSON"), False),
    ],
)
def test_only_what_may_meet_a_server_that_takes_it_is_sent_again(
    error: OtmvError, sent_again: bool
) -> None:
    assert (Retries().wait_s(error, 0, None, 0.5) is not None) is sent_again
    assert Retries(most=0).wait_s(error, 0, None, 0.5) is None


def test_it_ends_after_as_many_as_allowed() -> None:
    retries = Retries(most=3)
    waits = [retries.wait_s(busy(1.0), done, None, 0.0) for done in range(5)]
    assert waits == [1.0, 1.0, 1.0, None, None]


def test_without_a_word_of_the_server_each_wait_is_twice_as_long_up_to_the_longest() -> None:
    retries = Retries(most=6, first_wait_s=0.5, longest_wait_s=4.0)
    error = failure(502, None)
    assert [retries.wait_s(error, done, None, 1.0) for done in range(5)] == [0.5, 1, 2, 4, 4]
    assert [retries.wait_s(error, done, None, 0.0) for done in range(5)] == [0.25, 0.5, 1, 2, 2]


@given(st.floats(0, 60), st.floats(0, 1))
def test_it_is_never_sent_earlier_than_the_server_asked(asked_s: float, chance: float) -> None:
    retries = Retries(longest_wait_s=30.0)
    wait_s = retries.wait_s(busy(asked_s), 0, None, chance)
    if asked_s > 30:
        assert wait_s is None
    else:
        assert wait_s is not None
        assert asked_s <= wait_s <= min(30.0, asked_s * 1.25)


def test_an_answer_later_than_its_budget_is_not_waited_for() -> None:
    retries = Retries()
    assert retries.wait_s(busy(1.0), 0, 0.99, 0.0) is None
    assert retries.wait_s(busy(1.0), 0, 1.01, 0.0) == 1.0
    assert retries.wait_s(busy(1.0), 0, -3.0, 0.0) is None
