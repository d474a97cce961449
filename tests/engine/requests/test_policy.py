from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import DeadlineUnattainable, InvalidInput, NoVariantFits, UnknownVariant
from engine.requests.policy import (
    check_budget,
    choose,
    expires_s,
    least_chance,
    nearest,
    preference,
    qualifying,
)
from engine.types import Budget, Offer

MB = 1_000_000


def offer(
    depth: int, quality: float | None = None, memory_mb: float = 1.0, resident: bool = True
) -> Offer:
    return Offer(
        task="vqa",
        variant=f"d{depth}",
        executed=tuple(range(depth)),
        bits="1" * depth,
        keys=(0,),
        quality=quality,
        predicted_s=depth / 10,
        memory_bytes=round(memory_mb * MB),
        resident=resident,
    )


def time_s(variant: str) -> float:
    return int(variant[1:]) / 10


LADDER = [offer(4, 0.9, 8), offer(3, 0.85, 8), offer(2, 0.8, 5), offer(1, 0.5, 5)]

qualities = st.none() | st.integers(0, 100).map(lambda q: q / 100)
families = st.lists(
    st.tuples(qualities, st.integers(1, 50), st.booleans()), min_size=1, max_size=6
).map(lambda facts: [offer(i + 1, q, mb, resident) for i, (q, mb, resident) in enumerate(facts)])
budgets = st.builds(
    Budget,
    max_latency_ms=st.none() | st.floats(1, 1000),
    max_memory_mb=st.none() | st.floats(0.5, 60),
    min_quality=st.none() | st.floats(0.01, 1),
    variant=st.none() | st.integers(1, 6).map(lambda n: f"d{n}"),
    on_miss=st.sampled_from(["degrade", "reject"]),
)


def test_no_budget_gives_the_best() -> None:
    choice = choose(qualifying(LADDER, Budget()), Budget(), math.inf, time_s)
    assert (choice.variant, choice.degraded, choice.lost) == ("d4", False, False)


def test_unmeasured_variants_rank_by_depth() -> None:
    ladder = [offer(2), offer(4), offer(3)]
    assert [o.variant for o in qualifying(ladder, Budget())] == ["d4", "d3", "d2"]


def test_a_measured_variant_ranks_before_an_unmeasured_one() -> None:
    assert max([offer(4), offer(2, 0.1)], key=preference).variant == "d2"


@pytest.mark.parametrize(
    ("slack_s", "wait_s", "variant", "degraded", "lost"),
    [
        (0.4, 0.0, "d4", False, False),
        (0.39, 0.0, "d3", True, False),
        (0.4, 0.15, "d2", True, False),
        (0.1, 0.0, "d1", True, False),
        (0.05, 0.0, "d1", True, True),
        (-1.0, 0.0, "d1", True, True),
    ],
)
def test_latency_lowers_the_variant(
    slack_s: float, wait_s: float, variant: str, degraded: bool, lost: bool
) -> None:
    budget = Budget(max_latency_ms=400)
    choice = choose(qualifying(LADDER, budget), budget, slack_s, time_s, wait_s)
    assert (choice.variant, choice.degraded, choice.lost) == (variant, degraded, lost)
    why = choice.degraded_because
    if why is not None:
        assert (why.reason, why.left_s) == ("late" if lost else "time", slack_s)
        assert why.variant == f"d{int(variant[1:]) + 1}"
        assert why.predicted_s == wait_s + time_s(why.variant) > slack_s


def test_reject_refuses_what_cannot_finish() -> None:
    budget = Budget(max_latency_ms=150, on_miss="reject")
    with pytest.raises(DeadlineUnattainable) as caught:
        choose(qualifying(LADDER, budget), budget, 0.1, time_s, wait_s=0.02)
    assert caught.value.variant == "d1"
    assert caught.value.predicted_ms == pytest.approx(50 + 20 + 100)


def test_a_memory_budget_keeps_to_small_variants_and_is_not_degradation() -> None:
    budget = Budget(max_memory_mb=6)
    choice = choose(qualifying(LADDER, budget), budget, math.inf, time_s)
    assert (choice.variant, choice.degraded) == ("d2", False)


@pytest.mark.parametrize(
    ("budget", "variant"),
    [
        (Budget(max_memory_mb=1), "d2"),
        (Budget(min_quality=0.99), "d4"),
        (Budget(max_memory_mb=4, min_quality=0.85), "d2"),
        (Budget(max_memory_mb=4, variant="d4"), "d4"),
    ],
)
def test_the_nearest_offer(budget: Budget, variant: str) -> None:
    with pytest.raises(NoVariantFits) as caught:
        qualifying(LADDER, budget)
    assert caught.value.nearest is not None
    assert caught.value.nearest.variant == variant
    assert variant in str(caught.value)


def test_an_unknown_variant_is_named_with_the_known_ones() -> None:
    with pytest.raises(UnknownVariant, match="d4, d3, d2, d1"):
        qualifying(LADDER, Budget(variant="d9"))


def test_a_variant_that_is_not_resident_is_not_swapped() -> None:
    ladder = [offer(4, 0.9, resident=False), offer(2, 0.8)]
    with pytest.raises(NoVariantFits) as caught:
        qualifying(ladder, Budget(variant="d4"))
    assert caught.value.nearest == ladder[1]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0.0, -1.0])
@pytest.mark.parametrize("field", ["max_latency_ms", "max_memory_mb", "min_quality"])
def test_numbers_that_mean_nothing(field: str, value: float) -> None:
    with pytest.raises(InvalidInput, match=field):
        check_budget(Budget(**{field: value}))


@pytest.mark.parametrize("chance", [-0.01, 1.01, math.nan, math.inf])
def test_a_chance_is_a_share(chance: float) -> None:
    with pytest.raises(InvalidInput, match="min_on_time_probability"):
        check_budget(Budget(min_on_time_probability=chance))


def test_only_reject_is_strict_unless_it_says_otherwise() -> None:
    assert least_chance(Budget()) is None
    assert least_chance(Budget(on_miss="reject")) == 0.99
    assert least_chance(Budget(on_miss="reject", min_on_time_probability=0.0)) == 0.0
    assert least_chance(Budget(min_on_time_probability=1.0)) == 1.0


def test_quality_is_a_share_and_on_miss_a_word() -> None:
    with pytest.raises(InvalidInput, match="min_quality"):
        check_budget(Budget(min_quality=76.5))
    with pytest.raises(InvalidInput, match="on_miss"):
        check_budget(Budget(on_miss="panic"))  # type: ignore[arg-type]


@given(families, budgets, st.floats(-1, 1), st.floats(0, 1))
def test_hard_budgets_are_never_broken(
    family: list[Offer], budget: Budget, slack_s: float, wait_s: float
) -> None:
    known = {o.variant: o for o in family}
    try:
        fitting = qualifying(family, budget)
        choice = choose(fitting, budget, slack_s, time_s, wait_s)
    except UnknownVariant:
        assert budget.variant not in known
        return
    except NoVariantFits:
        assert not [o for o in family if fits(o, budget)]
        return
    except DeadlineUnattainable:
        assert budget.on_miss == "reject"
        assert all(wait_s + time_s(o.variant) > slack_s for o in fitting)
        return
    chosen = known[choice.variant]
    assert fits(chosen, budget)
    assert budget.variant in (None, choice.variant)
    in_time = [o for o in fitting if wait_s + time_s(o.variant) <= slack_s]
    assert choice.lost == (not in_time)
    if in_time:
        assert preference(chosen) == max(map(preference, in_time))
    else:
        assert budget.on_miss == "degrade"
        assert time_s(choice.variant) == min(time_s(o.variant) for o in fitting)
    assert choice.degraded == (chosen != fitting[0])


@given(families, budgets)
def test_the_nearest_offer_misses_least(family: list[Offer], budget: Budget) -> None:
    resident = [o for o in family if o.resident]
    found = nearest(resident, budget)
    assert (found is None) == (not resident)
    if found is None:
        return
    named = [o for o in resident if o.variant == budget.variant] or resident
    least = min(miss(o, budget) for o in named)
    assert found in named
    assert miss(found, budget) == least
    tied = [o for o in named if miss(o, budget) == least]
    assert preference(found) == max(map(preference, tied))


def fits(o: Offer, budget: Budget) -> bool:
    """Say again, the plain way, what the hard budgets are."""
    if budget.min_quality is not None and (o.quality is None or o.quality < budget.min_quality):
        return False
    too_big = budget.max_memory_mb is not None and o.memory_bytes > budget.max_memory_mb * MB
    return o.resident and not too_big and budget.variant in (None, o.variant)


def miss(o: Offer, budget: Budget) -> float:
    shares = [0.0]
    if budget.max_memory_mb is not None:
        shares.append(o.memory_bytes / (budget.max_memory_mb * MB) - 1)
    if budget.min_quality is not None:
        shares.append(math.inf if o.quality is None else 1 - o.quality / budget.min_quality)
    return max(shares)


def test_work_ends_so_early_that_its_reply_is_written_within_the_grace() -> None:
    assert expires_s(1.0, reject=False, grace_s=10.0) == 11.0
    assert expires_s(1.0, reject=False, grace_s=10.0, reply_s=0.2) == pytest.approx(10.6)
    assert expires_s(1.0, reject=False, grace_s=0.1, reply_s=0.2) == 1.0
    assert expires_s(1.0, reject=True, grace_s=10.0, reply_s=0.2) == 1.0
    assert expires_s(math.inf, reject=False, grace_s=10.0, reply_s=0.2) == math.inf
