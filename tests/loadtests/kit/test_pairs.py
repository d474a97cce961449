from __future__ import annotations

import pytest

from loadtests.kit.pairs import Pairs, difference_bar, ratio_bar, take_pairs
from loadtests.kit.quartiles import quartiles


def test_sides_take_turns_and_the_first_alternates() -> None:
    seen: list[str] = []

    def side(name: str, value: float) -> float:
        seen.append(name)
        return value

    reported: list[tuple[str, float]] = []
    pairs = take_pairs(
        lambda: side("ours", 2.0),
        lambda: side("theirs", 1.0),
        3,
        lambda what, share: reported.append((what, share)),
    )
    assert seen == ["ours", "theirs", "theirs", "ours", "ours", "theirs"]
    assert pairs == Pairs((2.0, 2.0, 2.0), (1.0, 1.0, 1.0))
    assert [what for what, _ in reported] == ["pair 1 of 3", "pair 2 of 3", "pair 3 of 3"]
    assert [share for _, share in reported] == pytest.approx([0, 1 / 3, 2 / 3])


def test_the_measured_ratio_is_the_median_of_the_pairs_own() -> None:
    pairs = Pairs((1.0, 3.0, 10.0), (1.0, 2.0, 4.0))
    bar = ratio_bar("r", pairs, 1.2, "s", library="x 1")
    assert (bar.measured, bar.verdict) == (1.5, "short")
    assert bar.evidence["ours"]["quartiles"] == [2.0, 3.0, 6.5]
    assert bar.evidence["theirs"]["values"] == [1.0, 2.0, 4.0]
    assert bar.evidence["library"] == "x 1"
    assert difference_bar("d", pairs, 1.0, "ms").measured == 1.0
    assert quartiles([4.0]) == (4.0, 4.0, 4.0)


@pytest.mark.parametrize(("count", "claimed"), [(14, False), (15, True)])
def test_few_pairs_are_not_claimed(count: int, claimed: bool) -> None:
    bar = ratio_bar("r", Pairs((1.0,) * count, (1.0,) * count), 1.2, "s")
    assert bar.evidence["claimed"] is claimed
    assert ("too few to claim" in bar.spread) is not claimed
