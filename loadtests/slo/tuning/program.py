"""`otmv bench slo --tune-rivals`: every rival, every variant, kept trial by trial in a journal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from artifact.latency.machine import usable_cores
from loadtests.kit.errors import BenchError
from loadtests.kit.journal import Journal
from loadtests.kit.progress import Report
from loadtests.slo import servers
from loadtests.slo.bench import SloBench, kept_yardstick, started_rival
from loadtests.slo.capacity import best
from loadtests.slo.plan import in_words, visit_s
from loadtests.slo.tuning.search import SettingsSpace, Trial, Tuned, cells_for, most_trials, search
from loadtests.slo.workload import Cell
from loadtests.slo.yardstick import Yardstick

_FAILED = -1.0
"""Stands for the score of settings with which a rival did not start, or died."""

Pair = tuple[str, str]
"""Rival and variant."""


@dataclass(frozen=True)
class Tuning:
    """One rival's variant that is tuned: on which yardstick, at which cells, within which space."""

    rival: str
    variant: str
    yardstick: Yardstick
    cells: tuple[Cell, ...]
    space: SettingsSpace

    @property
    def expected_trials(self) -> int:
        """The most scores that its search asks for."""
        return most_trials(self.space, self.cells)

    def key(self, asked: Trial) -> str:
        """Return the journal's key of a trial."""
        settings = json.dumps(asdict(asked.settings))
        return f"{self.rival} {self.variant}, {asked.cell.name}: {settings}"


def plan_tunings(
    rivals: Sequence[str], setup: SloBench, journal: Journal, report: Report
) -> list[Tuning]:
    """Return what is tuned, after measuring each backend's yardstick.

    Raises:
        BenchError: a yardstick could not be measured.
    """
    backends = dict.fromkeys(servers.RIVALS[rival].backend for rival in rivals)
    yardsticks = {each: kept_yardstick(each, setup, journal, report) for each in backends}
    found = []
    for rival in rivals:
        known = servers.RIVALS[rival]
        yardstick = yardsticks[known.backend]
        space = SettingsSpace(usable_cores(), known.spins)
        for variant in yardstick.quality:
            carried = best(yardstick.rates[variant]) / yardstick.capacity_hz
            found.append(Tuning(rival, variant, yardstick, cells_for(carried), space))
    return found


def tune(
    tunings: Sequence[Tuning], setup: SloBench, journal: Journal, report: Report
) -> dict[Pair, Tuned]:
    """Search the settings of each; return them by rival and variant.

    Raises:
        BenchError: a rival does not run with the settings that the search begins with.
    """
    whole_s = expected_s(tunings, setup)
    found: dict[Pair, Tuned] = {}
    done_s = 0.0
    for each in tunings:
        found[each.rival, each.variant] = _tune_one(each, setup, journal, report, done_s / whole_s)
        done_s += _expected_s(each, setup)
    return found


def expected_s(tunings: Sequence[Tuning], setup: SloBench) -> float:
    """Return about how long tuning takes, from the start."""
    return sum(_expected_s(each, setup) for each in tunings)


def said(tunings: Sequence[Tuning], setup: SloBench, journal: Journal) -> str:
    """Return what there is to do, in a line."""
    took = in_words(expected_s(tunings, setup))
    most = sum(each.expected_trials for each in tunings)
    return (
        f"{len(tunings)} searches, at most {most} trials, about {took} from the start; "
        f"{len(journal)} entries are there; journal: {journal.path}"
    )


def _expected_s(tuning: Tuning, setup: SloBench) -> float:
    trial_s = visit_s(tuning.cells[:1], tuning.yardstick.capacity_hz, setup.length)
    return tuning.expected_trials * trial_s


def _tune_one(
    tuning: Tuning, setup: SloBench, journal: Journal, report: Report, share: float
) -> Tuned:
    searching = search(tuning.space, tuning.cells)
    asked, number = next(searching), 1
    while True:
        key = tuning.key(asked)
        if key not in journal:
            named = f"{tuning.rival} {tuning.variant}"
            report(f"{named}, trial {number} of {tuning.expected_trials} at most", share)
            journal.add(key, _trial(tuning, asked, setup, begins=number == 1))
        known: Mapping[str, Any] = journal.get(key) or {}
        try:
            asked, number = searching.send(float(known["effective"])), number + 1
        except StopIteration as end:
            tuned: Tuned = end.value
            return tuned


def _trial(tuning: Tuning, asked: Trial, setup: SloBench, *, begins: bool) -> dict[str, Any]:
    """Measure settings at a cell; what does not run at all is a score below all others."""
    yardstick = tuning.yardstick
    offering = setup.offering(yardstick, setup.seed)
    chosen = (tuning.rival, tuning.variant, asked.settings)
    try:
        with started_rival(setup, yardstick, chosen) as server:
            offering.warm(server)
            score = offering.cell(server, asked.cell, yardstick.quality)
    except BenchError as error:
        if begins:
            raise BenchError(f"{tuning.rival}: {error}") from error
        return {"effective": _FAILED, "failed": str(error)}
    found = {"effective": score.effective, "attainment": score.attainment}
    return {**found, "offered": score.offered, "offered_hz": score.offered_hz}


def tuned_record(tuning: Tuning, tuned: Tuned, journal: Journal) -> dict[str, Any]:
    """Return what the settings file of a rival's variant holds."""
    trials = [
        {**asdict(asked.cell), **asdict(asked.settings), **(journal.get(tuning.key(asked)) or {})}
        for asked in tuned.scores
    ]
    return {
        "rival": tuning.rival,
        "variant": tuning.variant,
        "settings": asdict(tuned.settings),
        "solo_ms": round(tuning.yardstick.solo_s * 1e3, 3),
        "capacity_hz": round(tuning.yardstick.capacity_hz, 3),
        "trials": trials,
    }
