from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from loadtests.slo.tuning.search import (
    FINALISTS,
    SettingsSpace,
    Trial,
    Tuned,
    cells_for,
    most_trials,
    search,
)
from loadtests.slo.tuning.settings import RivalSettings
from loadtests.slo.workload import Cell

CELLS = (Cell(1.0, 4.0), Cell(1.0, 1.0))
SPACE = SettingsSpace(cores=2, spins=True)

Scored = Callable[[Trial], float]


def followed(space: SettingsSpace, scored: Scored) -> tuple[list[Trial], Tuned]:
    """Answer a search until it ends; return what it asked for and found."""
    searching, asked = search(space, CELLS), []
    try:
        now = next(searching)
        while True:
            asked.append(now)
            now = searching.send(scored(now))
    except StopIteration as end:
        return asked, end.value


def near(wanted: RivalSettings) -> Scored:
    """Score settings by how many are as wanted; batches by how near."""

    def scored(asked: Trial) -> float:
        found = asked.settings
        same = [found.wait_ms == wanted.wait_ms, found.spin == wanted.spin]
        same += [found.timeout_over_solo == wanted.timeout_over_solo]
        same += [(found.workers, found.threads) == (wanted.workers, wanted.threads)]
        return sum(same) - abs(found.max_batch - wanted.max_batch)

    return scored


@pytest.mark.parametrize(
    "wanted",
    [
        RivalSettings(3, 20, 8, 1, workers=2, spin=False),
        RivalSettings(6, 1, 2, 1, workers=1, spin=True),
        RivalSettings(8, 5, 4, 2, workers=1, spin=False),
        RivalSettings(2, 1, 8, 2, workers=1, spin=True),
    ],
)
def test_the_best_of_each_setting_is_found(wanted: RivalSettings) -> None:
    asked, tuned = followed(SPACE, near(wanted))
    assert tuned.settings == wanted
    assert len(asked) == len(set(asked)) <= most_trials(SPACE, CELLS)
    assert set(tuned.scores) == set(asked)


def test_batch_one_is_tried_and_waits_for_nothing() -> None:
    asked, tuned = followed(SPACE, near(RivalSettings(1, 20, 4, 2)))
    assert tuned.settings.max_batch == 1
    assert {each.settings.wait_ms for each in asked} == {SPACE.start.wait_ms}


def test_everything_is_tried() -> None:
    asked, _ = followed(SPACE, lambda asked: 0.0)
    tried = [each.settings for each in asked]
    assert {each.max_batch for each in tried} >= {1, 2, 4, 8}
    assert {each.spin for each in tried} == {True, False}
    assert {(each.workers, each.threads) for each in tried} == {(1, 2), (1, 1), (2, 1)}
    assert {each.timeout_over_solo for each in tried} == {2, 4, 8}
    assert {each.wait_ms for each in tried} == {1, 5, 20}
    assert len(asked) == most_trials(SPACE, CELLS)


def test_what_cannot_spin_is_not_asked_to() -> None:
    asked, _ = followed(SettingsSpace(cores=2, spins=False), lambda asked: 0.0)
    assert {each.settings.spin for each in asked} == {True}


def test_one_core_has_one_way_to_share_it() -> None:
    assert SettingsSpace(1, True).shares == [(1, 1)]
    assert SettingsSpace(8, True).shares == [(1, 8), (1, 4), (8, 1)]


def test_a_lucky_first_cell_does_not_win_alone() -> None:
    """The finalists are measured at every cell; the mean counts."""
    lucky = RivalSettings(8, 5, 4, 2)
    steady = SPACE.start

    def scored(asked: Trial) -> float:
        known: Mapping[RivalSettings, tuple[float, float]] = {
            lucky: (60.0, 10.0),
            steady: (59.0, 50.0),
        }
        return known.get(asked.settings, (0.0, 0.0))[CELLS.index(asked.cell)]

    asked, tuned = followed(SPACE, scored)
    assert tuned.settings == steady
    assert sum(each.cell == CELLS[1] for each in asked) == FINALISTS


def test_the_same_scores_lead_the_same_way() -> None:
    scored = near(RivalSettings(3, 1, 8, 1, spin=False))
    assert followed(SPACE, scored) == followed(SPACE, scored)


def test_a_variant_is_tuned_at_the_highest_load_that_it_carries() -> None:
    assert cells_for(1.0) == CELLS
    assert cells_for(3.9) == (Cell(2.0, 4.0), Cell(2.0, 1.0))
    assert cells_for(1.7)[0].load == 1.5
    assert cells_for(0.3)[0].load == 0.5
