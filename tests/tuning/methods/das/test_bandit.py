"""The bandit against a straight loop written from the paper's facts."""

from __future__ import annotations

import math
import random
from collections import Counter

import pytest

from tuning.methods.das.bandit import Bandit, SearchPlan, random_subnetwork

SCOPE = (1, 2, 3, 5, 8)


def test_an_update_is_the_papers_loop() -> None:
    rng = random.Random(3)
    bandit = Bandit(SCOPE, 2, tuple(rng.uniform(-2, 2) for _ in SCOPE), rate=0.7)
    sets, losses = ((1, 2), (2, 8), (3, 5)), (0.4, 1.3, 0.9)

    expected = dict(zip(SCOPE, bandit.preferences, strict=True))
    p = {i: 1 / (1 + math.exp(-s)) for i, s in expected.items()}
    rewards = [math.exp(-loss) for loss in losses]
    baseline = (rewards[0] + rewards[1] + rewards[2]) / 3
    for k in range(3):
        for i in sets[k]:
            expected[i] += 0.7 * (rewards[k] - baseline) * p[i] * (1 - p[i])

    found = bandit.updated(sets, losses)
    assert dict(zip(SCOPE, found.preferences, strict=True)) == pytest.approx(expected, rel=1e-12)


def test_orders_outside_of_every_set_are_untouched() -> None:
    bandit = Bandit.fresh(SCOPE, 2)
    found = bandit.updated([(1, 2), (1, 3)], [0.1, 2.0])
    assert found.preferences[3:] == (0.0, 0.0)
    assert found.preferences[1] > 0 > found.preferences[2]


def test_draws_are_without_replacement_and_by_weight() -> None:
    bandit = Bandit((1, 2, 3), 2, (2.0, 0.0, -2.0))
    rng, drawn = random.Random(0), Counter[tuple[int, ...]]()
    for _ in range(20_000):
        drawn[bandit.draw(rng)] += 1
    p1, p2, p3 = bandit.chances
    total = p1 + p2 + p3
    both = p1 / total * p2 / (p2 + p3) + p2 / total * p1 / (p1 + p3)
    assert drawn[1, 2] / 20_000 == pytest.approx(both, abs=0.01)
    assert set(drawn) == {(1, 2), (1, 3), (2, 3)}


def test_trials_differ_from_each_other() -> None:
    bandit = Bandit((1, 2, 3), 2, (9.0, 9.0, -9.0))
    assert set(bandit.draw_different(random.Random(0), 3)) == {(1, 2), (1, 3), (2, 3)}
    with pytest.raises(ValueError, match="4 different sets of 3"):
        bandit.draw_different(random.Random(0), 4)


def test_the_largest_preferences_are_skipped() -> None:
    assert Bandit(SCOPE, 3, (0.1, 0.5, 0.1, -1.0, 0.4)).best == (1, 2, 8)


def test_a_search_finds_what_hurts_least() -> None:
    hurts = {1: 1.0, 2: 0.9, 3: 0.05, 4: 0.8, 5: 0.02, 6: 0.7}
    bandit, rng = Bandit.fresh(tuple(hurts), 2), random.Random(1)
    for _ in range(300):
        sets = bandit.draw_different(rng, 3)
        bandit = bandit.updated(sets, [sum(hurts[i] for i in each) for each in sets])
    assert bandit.best == (3, 5)


def test_a_plan_warms_up_and_learns_at_intervals() -> None:
    plan = SearchPlan(steps=40, warmup_steps=11, interval=10)
    learning = [step for step in range(60) if plan.learns_after(step)]
    assert learning == [20, 30]
    assert [plan.learnt_before(step) for step in (20, 21, 31, 99)] == [0, 1, 2, 2]


def test_what_cannot_be_skipped_is_refused() -> None:
    with pytest.raises(ValueError, match="6 of 5 orders"):
        Bandit.fresh(SCOPE, 6)


def test_random_subnetworks_are_even() -> None:
    rng = random.Random(0)
    drawn = Counter(random_subnetwork(rng, (1, 2, 3), 1) for _ in range(9000))
    assert all(count / 9000 == pytest.approx(1 / 3, abs=0.02) for count in drawn.values())
