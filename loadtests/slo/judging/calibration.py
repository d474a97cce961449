"""Predicted chances of being on time against what came of them, as our server recorded both."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from loadtests.kit.bars import Bar
from loadtests.kit.errors import BenchError
from loadtests.kit.intervals import LEAST_VISITS, Interval, bootstrap, too_few

MEAN_ERROR = 0.03
TENTHS = 10
_NAME = "otmv_on_time_chance"


@dataclass(frozen=True)
class Tenth:
    """Answers whose chance lay in one tenth: how many, the sum of their chances, how many met."""

    count: float = 0.0
    chances: float = 0.0
    met: float = 0.0

    @property
    def error(self) -> float:
        """Share of them on time minus their mean chance."""
        return (self.met - self.chances) / self.count if self.count else 0.0


def read_tenths(exposition: str) -> list[Tenth]:
    """Return the ten tenths of a server's metrics, as text."""
    found = [[0.0, 0.0, 0.0] for _ in range(TENTHS)]
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            if sample.name not in (f"{_NAME}_count", f"{_NAME}_sum"):
                continue
            tenth, counted = found[int(sample.labels["tenth"])], sample.name.endswith("_count")
            tenth[0 if counted else 1] += sample.value
            tenth[2] += sample.value * (counted and sample.labels["met"] == "true")
    return [Tenth(*each) for each in found]


def scrape(host: str, port: int) -> list[Tenth]:
    """Return the tenths of a running server.

    Raises:
        BenchError: it does not answer.
    """
    try:
        with urllib.request.urlopen(f"http://{host}:{port}/metrics", timeout=10) as response:
            return read_tenths(response.read().decode())
    except OSError as error:
        raise BenchError(f"the server's metrics cannot be read: {error}") from error


def less(after: Sequence[Tenth], before: Sequence[Tenth]) -> tuple[Tenth, ...]:
    """Return what came to the tenths of one server between two readings."""
    return tuple(
        Tenth(late.count - soon.count, late.chances - soon.chances, late.met - soon.met)
        for late, soon in zip(after, before, strict=True)
    )


def together(visits: Iterable[Sequence[Tenth]]) -> list[Tenth]:
    """Return the tenths of several servers as one."""
    return [
        Tenth(
            sum(each.count for each in same),
            sum(each.chances for each in same),
            sum(each.met for each in same),
        )
        for same in zip(*visits, strict=True)
    ]


def mean_error(tenths: Sequence[Tenth]) -> float:
    """Return the mean error over all answers: each counts with its tenth's error."""
    count = sum(tenth.count for tenth in tenths)
    return sum(tenth.count * abs(tenth.error) for tenth in tenths) / max(1.0, count)


def chances_bar(name: str, tenths: Sequence[Tenth], interval: Interval | None = None) -> Bar:
    """Return the bar on the mean error over all answers."""
    if not sum(tenth.count for tenth in tenths):
        return Bar(name, None, MEAN_ERROR, False, "no answer with a deadline was recorded")
    shown = [
        f"{tenth.chances / tenth.count:.2f}: {tenth.met / tenth.count:.2f} of {tenth.count:.0f}"
        for tenth in tenths
        if tenth.count
    ]
    spread, evidence = "; ".join(shown), {"tenths": record(tenths)}
    return Bar(name, mean_error(tenths), MEAN_ERROR, False, spread, evidence, interval)


def chances_bar_of_turns(name: str, turns: Sequence[Sequence[Tenth]]) -> Bar:
    """Return the bar with its interval over turns; not run if they are too few."""
    if len(turns) < LEAST_VISITS:
        return Bar(name, None, MEAN_ERROR, False, too_few(len(turns)))

    def error(drawn: Sequence[int]) -> dict[str, float]:
        return {name: mean_error(together([turns[number] for number in drawn]))}

    return chances_bar(name, together(turns), bootstrap(error, len(turns))[name])


def record(tenths: Sequence[Tenth]) -> list[dict[str, float]]:
    """Return what a results file holds of them."""
    return [
        {"count": each.count, "chances": round(each.chances, 3), "met": each.met} for each in tenths
    ]


def plot_tenths(tenths: Sequence[Tenth], path: Path) -> None:
    """Draw predicted against actual share, a mark a tenth, larger where there were more.

    Raises:
        OSError: the file cannot be written.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    known = [tenth for tenth in tenths if tenth.count]
    most = max((tenth.count for tenth in known), default=1.0)
    figure, axes = pyplot.subplots(figsize=(4.4, 4.4), layout="constrained")
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    axes.scatter(
        [tenth.chances / tenth.count for tenth in known],
        [tenth.met / tenth.count for tenth in known],
        s=[20 + 180 * (tenth.count / most) ** 0.5 for tenth in known],
        color="#d1495b",
    )
    _label(axes)
    figure.savefig(path, dpi=130)
    pyplot.close(figure)


def _label(axes: Any) -> None:
    axes.set_xlabel("predicted chance of being on time")
    axes.set_ylabel("share that was on time")
    axes.set_xlim(-0.03, 1.03)
    axes.set_ylim(-0.03, 1.03)
    axes.grid(alpha=0.3)
