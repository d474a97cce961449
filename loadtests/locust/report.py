"""What a run is shown as: lines on the terminal, and a results file."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from loadtests.kit.bars import Bar
from loadtests.kit.origin import LIBRARIES, Origin, library_versions
from loadtests.kit.results import results, rounded, write_results
from loadtests.locust.budgets import CLASSES
from loadtests.locust.marks import summary
from loadtests.locust.run import LoadRun, RunBasis


def record(run: LoadRun, bars: Sequence[Bar]) -> dict[str, Any]:
    """Return what the results file holds."""
    basis = run.basis
    sent_s = max((mark.arrival.at_s for mark in run.marks), default=0.0)
    measured = basis.options.capacity_hz is None and basis.capacity_hz is not None
    origin = Origin(shlex.join(["locust", *sys.argv[1:]]), basis.options.seed)
    facts = {
        "libraries": library_versions((*LIBRARIES, "locust")),
        "model": basis.offer.model,
        "artifact_sha256": basis.offer.artifact_sha256,
        "user": basis.user,
        "tasks": dict(basis.mix.tasks),
        "shape": basis.options.record(),
        "capacity_hz": rounded(basis.capacity_hz),
        "capacity_measured": measured,
        "budgets": _budgets(basis, [mark.arrival.budget for mark in run.marks]),
        "seconds": rounded(run.seconds),
        "client_cpu": rounded(run.client_cpu),
        "sent": run.sent,
        **rounded(summary(run.marks, sent_s)),
    }
    return results(origin, facts, bars)


def _budgets(basis: RunBasis, used: Sequence[str]) -> dict[str, Any]:
    """Return each budget class of the mix or the trace, with its deadlines in ms by task."""
    return {
        name: {
            "weight": basis.mix.classes.get(name, 0),
            "on_miss": CLASSES[name].on_miss,
            "over_solo": CLASSES[name].over_solo,
            "deadline_ms": {
                task: None if limit_s is None else round(limit_s * 1e3, 3)
                for task, solo_s in basis.solo_s.items()
                for limit_s in (CLASSES[name].deadline_s(solo_s),)
            },
        }
        for name in dict.fromkeys([*basis.mix.classes, *used])
    }


def write(run: LoadRun, bars: Sequence[Bar]) -> dict[str, Any]:
    """Return the results, after writing them if a file was named.

    Raises:
        OSError: it cannot be written.
    """
    found = record(run, bars)
    if run.basis.options.report is not None:
        write_results(run.basis.options.report, found)
    return found


def lines(run: LoadRun, found: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the terminal shows of a run, apart from counts and bars."""
    for task, score in run.score.items():
        if score.asked:
            yield f"\nright {task} answers by variant"
            yield from score.lines()
    yield "\nanswered by the deadline asked for, from the intended send"
    for kind in ("classes", "stretches"):
        for name, group in found[kind].items():
            yield _group_line(name, group)
    variants = ", ".join(f"{name} {count}" for name, count in found["variants"].items())
    misses = ", ".join(f"{name} {count}" for name, count in found["misses"].items())
    yield f"answered with: {variants or 'nothing'}; missed: {misses or 'none'}"
    late = found["late_sends"]
    yield (
        f"client: {found['client_cpu']:.0%} of one core; sends late by more than 1 ms "
        f"{late['over_1_ms']}, 5 ms {late['over_5_ms']}, at most {late['max_ms']:.1f} ms"
    )
    if found["capacity_hz"] is not None:
        how = "measured" if found["capacity_measured"] else "given"
        yield f"capacity {found['capacity_hz']:.2f}/s ({how})"


def _group_line(name: str, group: Mapping[str, Any]) -> str:
    p99 = group["p99_ms"]
    shown = "" if p99 is None else f", p50 {group['p50_ms']:.0f} ms, p99 {p99:.0f} ms"
    return f"{name:12} {group['attainment']:.4f} of {group['offered']}{shown}"
