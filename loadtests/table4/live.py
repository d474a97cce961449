"""The table from a running Prometheus, and whether it agrees with the client of the run."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from artifact.task import TaskName
from loadtests.kit.bars import Bar
from loadtests.kit.errors import BenchError
from loadtests.kit.progress import Report
from loadtests.table4.ledger import Ledger
from loadtests.table4.report import Direct
from models.comparators.methods import FULL
from monitoring import table4
from monitoring.prometheus import MetricSeries, NoData, Prometheus, Sample
from monitoring.promql import Scope
from monitoring.table4 import COLUMNS

MOST_APART = 0.05
"""Largest relative difference between counters and ledger, and between the two measurements."""

_PATIENCE_S = 180.0
_POLL_S = 0.5
_MARGIN_S = 600
"""How long before a run the last scrape may lie."""

_DRIVE = "send some with `otmv bench table4 --drive URL`"


@dataclass(frozen=True)
class LiveRow:
    """A variant's traffic in the window: pictures, pictures per busy second, and over `full`'s."""

    task: TaskName
    variant: str
    pictures: float
    throughput: float
    relative: float


@dataclass(frozen=True)
class LiveWindow:
    """What Prometheus says of a window that ends at `at_s` (Unix seconds).

    `rows_per_step` is of all traffic in the window; `words` are those per caption, by variant.
    """

    window: str
    at_s: float
    rows: tuple[LiveRow, ...]
    rows_per_step: float | None
    words: Mapping[str, float]


def check_window(window: str) -> None:
    """Check that a window is written as PromQL writes it.

    Raises:
        BenchError: it is not.
    """
    if not re.fullmatch(r"(\d+(ms|s|m|h|d))+", window):
        raise BenchError(f"--window {window}: write it as Prometheus does, as in 90s, 5m or 1h")


def read_live(prometheus: Prometheus, window: str, at_s: float) -> LiveWindow:
    """Return the table of a window.

    Raises:
        PrometheusError: it cannot be asked, or `full` had no traffic that was scraped twice.
    """
    ask, scope = prometheus.values, Scope(window)
    relative = _by_variant(ask(table4.throughput_over_full(scope), at_s))
    if not relative:
        where = f"for {FULL} in {window}"
        raise NoData(table4.BUSY, where, f"two scrapes must see its traffic; {_DRIVE}")
    throughput = _by_variant(ask(table4.throughput(scope), at_s))
    pictures = _by_variant(ask(table4.pictures(scope), at_s))
    rows_per_step = ask(table4.rows_per_step(scope), at_s)
    words = ask(table4.words_per_caption(scope), at_s)
    rows = [
        LiveRow(task, key[1], pictures.get(key, 0.0), throughput[key], relative[key])
        for task in COLUMNS
        for key in relative
        if key[0] == task
    ]
    return LiveWindow(
        window,
        at_s,
        tuple(rows),
        rows_per_step[0].value if rows_per_step else None,
        {sample.labels["variant"]: sample.value for sample in words},
    )


def _by_variant(found: list[Sample]) -> dict[tuple[str, str], float]:
    return {(each.labels["task"], each.labels["variant"]): each.value for each in found}


@dataclass(frozen=True)
class Counted:
    """What the server's counters say of a run: pictures by variant, and when that was scraped."""

    pictures: Mapping[str, float]
    at_s: float


def await_counted(
    prometheus: Prometheus,
    ledger: Ledger,
    report: Report,
    now_s: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> Counted:
    """Return the counters over a run, once they have been scraped after it.

    From the last scrape before the run to the first one after it, as they were scraped: nothing is
    extrapolated. Whatever else was sent meanwhile counts too.

    Raises:
        PrometheusError: it cannot be asked, or has not scraped the server after the run in time.
    """
    limit_s = now_s() + _PATIENCE_S
    while True:
        at_s = now_s()
        window = f"{math.ceil(at_s - ledger.begun_at_s) + _MARGIN_S}s"
        found = counted(
            prometheus.scraped(table4.scraped_pictures(ledger.task, window), at_s), ledger
        )
        if found is not None:
            return found
        if now_s() >= limit_s:
            where = f"for {ledger.task} after the run of the ledger"
            raise NoData(table4.IMAGES, where, f"let it scrape {ledger.url}/metrics")
        report("waiting for a scrape after the run", 1.0)
        sleep(_POLL_S)


def counted(series: list[MetricSeries], ledger: Ledger) -> Counted | None:
    """Return the counters over a run; None if some variant was not scraped after it."""
    pictures: dict[str, float] = {}
    last_s = 0.0
    for each in series:
        after = [point for point in each.points if point[0] >= ledger.ended_at_s]
        if not after:
            continue  # of a server that is gone, or not scraped yet
        before = [value for at_s, value in each.points if at_s <= ledger.begun_at_s]
        variant = each.labels.get("variant", "")
        grown = after[0][1] - (before[-1] if before else 0.0)
        pictures[variant] = pictures.get(variant, 0.0) + grown
        last_s = max(last_s, after[0][0])
    expected = {name for name, count in ledger.variants.items() if count.pictures}
    return Counted(pictures, last_s) if expected <= pictures.keys() else None


def with_counted(live: LiveWindow, task: TaskName, found: Counted) -> LiveWindow:
    """Return the table with the counted pictures instead of what PromQL estimates."""
    rows = [
        replace(row, pictures=found.pictures.get(row.variant, 0.0)) if row.task == task else row
        for row in live.rows
    ]
    return replace(live, rows=tuple(rows))


def run_window(ledger: Ledger, found: Counted) -> str:
    """Return the window that ends with the counters' scrape and holds the run."""
    return f"{math.ceil(found.at_s - ledger.begun_at_s)}s"


def counters_bar(ledger: Ledger, found: Counted) -> Bar:
    """Return the bar on the server's counters against the client's, worst variant."""
    apart = {
        name: abs(found.pictures.get(name, 0.0) - count.pictures) / max(1, count.pictures)
        for name, count in ledger.variants.items()
    }
    worst = max(apart, key=apart.__getitem__)
    sent = ledger.variants[worst].pictures
    spread = f"worst {worst}: {found.pictures.get(worst, 0.0):g} counted, {sent} answered"
    evidence = {
        name: {"counted": found.pictures.get(name, 0.0), "answered": count.pictures}
        for name, count in ledger.variants.items()
    }
    return Bar("table4.prometheus.counters", apart[worst], MOST_APART, False, spread, evidence)


def direct_bars(live: LiveWindow, direct: Direct) -> list[Bar]:
    """Return a bar for every method that both know: how far the two ratios are apart."""
    bars = []
    for row in live.rows:
        theirs = direct.get((row.task, row.variant))
        if theirs is None or row.variant == FULL:
            continue
        spread = f"{row.relative:.3f} from Prometheus, {theirs:.3f} direct"
        name = f"table4.prometheus.{row.task}.{row.variant}"
        bars.append(Bar(name, abs(row.relative / theirs - 1), MOST_APART, False, spread))
    return bars
