"""The search for one rival's settings for one variant: one setting at a time, coarse, then fine.

Pure: a generator that asks for scores and returns what was best, so that a run that was stopped
goes the same way again from the scores that are known.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace

from loadtests.slo.plan import BURSTS, LOADS
from loadtests.slo.tuning.settings import RivalSettings
from loadtests.slo.workload import Cell

BATCHES = (1, 2, 4, 8)
WAITS_MS = (1, 5, 20)
TIMEOUTS = (2, 4, 8)
_BETWEEN = {1: (), 2: (3,), 4: (3, 6), 8: (6,)}
"""Batches between the coarse ones, beside the best of them."""
FINALISTS = 2


@dataclass(frozen=True)
class Trial:
    """Which settings to measure at which cell."""

    settings: RivalSettings
    cell: Cell


@dataclass(frozen=True)
class Tuned:
    """The settings found, and every score on the way."""

    settings: RivalSettings
    scores: Mapping[Trial, float]


Search = Generator[Trial, float, Tuned]


@dataclass(frozen=True)
class SettingsSpace:
    """What can be set of a rival on this machine."""

    cores: int
    spins: bool

    @property
    def start(self) -> RivalSettings:
        """Where the search begins: the middle of what is tried, on all cores."""
        return RivalSettings(4, 5, 4, self.cores)

    @property
    def shares(self) -> list[tuple[int, int]]:
        """(workers, threads of each): one on all cores, one on half, one worker a core."""
        some = max(1, self.cores // 2)
        return list(dict.fromkeys([(1, self.cores), (1, some), (self.cores, 1)]))


def search(space: SettingsSpace, cells: Sequence[Cell]) -> Search:
    """Find a variant's settings: at the first cell; the last of the finalists at every cell.

    Returns:
        Those of the best mean over the cells; of equals the first measured.
    """
    scores: dict[Trial, float] = {}

    def best_of(candidates: Sequence[RivalSettings]) -> Generator[Trial, float, RivalSettings]:
        for each in candidates:
            yield from _score(Trial(each, cells[0]), scores)
        return max(candidates, key=lambda each: scores[Trial(each, cells[0])])

    now = yield from best_of([space.start])
    now = yield from best_of([now, *(replace(now, max_batch=each) for each in BATCHES)])
    shares = [replace(now, workers=workers, threads=threads) for workers, threads in space.shares]
    now = yield from best_of([now, *shares])
    if space.spins:
        now = yield from best_of([now, replace(now, spin=not now.spin)])
    now = yield from best_of([now, *(replace(now, timeout_over_solo=each) for each in TIMEOUTS)])
    if now.max_batch > 1:
        now = yield from best_of([now, *(replace(now, wait_ms=each) for each in WAITS_MS)])
    yield from best_of([now, *(replace(now, max_batch=each) for each in _BETWEEN[now.max_batch])])
    last = sorted(scores, key=scores.__getitem__, reverse=True)[:FINALISTS]
    for finalist in last:
        for cell in cells[1:]:
            yield from _score(Trial(finalist.settings, cell), scores)
    won = max(last, key=lambda each: sum(scores[Trial(each.settings, cell)] for cell in cells))
    return Tuned(won.settings, scores)


def _score(asked: Trial, scores: dict[Trial, float]) -> Generator[Trial, float, None]:
    """Ask for a score unless it is known."""
    if asked not in scores:
        scores[asked] = yield asked


def most_trials(space: SettingsSpace, cells: Sequence[Cell]) -> int:
    """Return the most scores that a search asks for."""
    coarse = len(BATCHES) + len(space.shares) - 1 + space.spins + len(TIMEOUTS) - 1
    return (
        coarse + len(WAITS_MS) - 1 + max(map(len, _BETWEEN.values())) + FINALISTS * (len(cells) - 1)
    )


def cells_for(rate_over_full: float) -> tuple[Cell, ...]:
    """Return where a variant is tuned: the highest load that it could carry, in both bursts."""
    load = max((load for load in LOADS if load <= rate_over_full), default=LOADS[0])
    return tuple(Cell(load, cv2) for cv2 in BURSTS)
