"""The token bucket, held against what it promises for any times at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.access.rates import TokenBucket

RATES = st.floats(0.01, 1000)
CAPACITIES = st.integers(1, 50)
TIMES = st.lists(st.floats(0, 1e4), min_size=1, max_size=120).map(sorted)


@given(RATES, CAPACITIES, TIMES)
def test_no_span_of_time_passes_more_than_was_promised(
    rate_per_s: float, capacity: int, times_s: list[float]
) -> None:
    bucket = TokenBucket(rate_per_s, capacity)
    passed = [at_s for at_s in times_s if bucket.take(at_s) == 0]
    for first, from_s in enumerate(passed):
        for last, to_s in enumerate(passed[first:], first):
            limit = capacity + rate_per_s * (to_s - from_s)
            assert last - first + 1 <= limit * (1 + 1e-9) + 1e-6


@given(RATES, CAPACITIES, TIMES)
def test_a_request_that_waits_as_long_as_the_answer_says_passes(
    rate_per_s: float, capacity: int, times_s: list[float]
) -> None:
    bucket = TokenBucket(rate_per_s, capacity)
    for at_s in times_s:
        wait_s = bucket.take(at_s)
        assert 0 <= wait_s <= 1 / rate_per_s
        if wait_s > 0:
            assert bucket.take(at_s + wait_s * (1 + 1e-9) + 1e-6) == 0
            return


@given(RATES, CAPACITIES, st.floats(0, 1e4))
def test_a_rested_bucket_is_full_and_no_fuller(
    rate_per_s: float, capacity: int, start_s: float
) -> None:
    bucket = TokenBucket(rate_per_s, capacity)
    while bucket.take(start_s) == 0:
        pass
    later_s = start_s + 2 * capacity / rate_per_s + 1
    taken = [bucket.take(later_s) for _ in range(capacity + 1)]
    assert taken[:capacity] == [0.0] * capacity
    assert taken[capacity] == pytest.approx(1 / rate_per_s)


def test_a_clock_that_goes_back_gives_nothing() -> None:
    bucket = TokenBucket(1.0, 1)
    assert bucket.take(100.0) == 0
    assert bucket.take(50.0) == 1.0
    assert bucket.take(100.5) == 0.5
    assert bucket.take(101.0) == 0
