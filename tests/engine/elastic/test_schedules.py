from __future__ import annotations

import pytest

from tests.engine.elastic.fake_loop import PATTERNS, Owner, value

STEPS_PER_ROW = 400


def play(seed: int) -> Owner:
    """Random arrivals, cancels and budgets until everybody has ended."""
    owner = Owner(seed)
    offered = owner.random.randint(1, 24)
    number = steps = 0
    while number < offered or owner.rows:
        if number < offered and (not owner.rows or owner.random.random() < 0.4):
            owner.offer(number)
            number += 1
        if owner.rows and owner.random.random() < 0.03:
            owner.cancel()
        if owner.rows:
            assert owner.decide(), "rows wait and nothing happens"
        steps += 1
        assert steps < STEPS_PER_ROW * offered, "somebody waits for ever"
    assert sorted(owner.ends) == list(range(offered))
    return owner


def check(owner: Owner) -> None:
    for number, ends in owner.ends.items():
        assert len(ends) == 1, "ended more than once"
        assert (ends == ["answered"]) == (number in owner.answers)
    for number, (variant, answer) in owner.answers.items():
        assert answer == value(number, PATTERNS[variant].executed), "company changed an answer"


@pytest.mark.parametrize("block", range(10))
def test_random_schedules(block: int) -> None:
    for seed in range(block * 30, block * 30 + 30):
        check(play(seed))


@pytest.mark.slow
@pytest.mark.parametrize("block", range(10))
def test_ten_thousand_random_schedules(block: int) -> None:
    for seed in range(block * 1000, block * 1000 + 1000):
        check(play(seed))
