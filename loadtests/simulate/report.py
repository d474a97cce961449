"""A study as a table, a picture and a file."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from loadtests.simulate.bars import by_point, mean_effective
from loadtests.simulate.study import ELASTIC, FIXED, Result


def points_table(name: str, results: Sequence[Result]) -> Table:
    """Return effective accuracy per load; of the fixed variants only the one best there."""
    policies = [outcome.policy for outcome in results[0].outcomes]
    shown = [policy for policy in policies if not policy.startswith(FIXED)]
    title = f"effective accuracy, points of 100: {name}"
    head = box.SIMPLE_HEAD  # with nothing beside cells, all of it fits 80 columns
    table = Table(title=title, title_style="bold", box=head, show_edge=False, padding=0)
    table.add_column("load", overflow="fold")
    for heading in (*shown, "best fixed", "bound"):
        words = heading.replace("-", " ")
        width = max(len("82.30"), *map(len, words.split()))
        table.add_column(words, justify="right", width=width)
    table.columns[-2].width = len("82.30 d24")
    for point, seeds in by_point(results).items():
        table.add_row(escape(point.replace(",", "")), *_cells(seeds, shown, policies, 1))
    table.add_section()
    table.add_row("mean", *_cells(results, shown, policies, 2))
    return table


def _cells(
    results: Sequence[Result], shown: Sequence[str], policies: Sequence[str], digits: int
) -> list[str]:
    means = {policy: mean_effective(results, policy) for policy in policies}
    best = max((p for p in policies if p.startswith(FIXED)), key=means.__getitem__, default="")
    fixed = f"{means[best]:.{digits}f} {best.removeprefix(FIXED).strip()}" if best else "-"
    return [*(f"{means[policy]:.{digits}f}" for policy in shown), fixed, _bound(results, digits)]


def _bound(results: Sequence[Result], digits: int) -> str:
    found = [result.bound for result in results if result.bound is not None]
    return f"{statistics.fmean(found):.{digits}f}" if found else "-"


def plot(results: Sequence[Result], path: Path) -> None:
    """Draw attainment against mean quality, one mark per policy and point.

    Raises:
        ImportError: matplotlib is not installed (the `loadtest` extra has it).
        OSError: the file cannot be written.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(9, 5), layout="constrained")
    names = [outcome.policy for outcome in results[0].outcomes]
    markers = dict(zip((n for n in names if not n.startswith(FIXED)), "oDs^vP", strict=False))
    for name in sorted(names, key=lambda n: (n == ELASTIC, not n.startswith(FIXED))):
        found = [[result.of(name) for result in seeds] for seeds in by_point(results).values()]
        across = [statistics.fmean(o.mean_quality for o in seeds) for seeds in found]
        up = [statistics.fmean(o.attainment for o in seeds) * 100 for seeds in found]
        if name.startswith(FIXED):
            label = "fixed variants" if name == names[-1] else None
            axes.scatter(across, up, s=16, marker="x", color="0.65", label=label)
        else:
            axes.scatter(
                across, up, s=70 if name == ELASTIC else 26, marker=markers[name], label=name
            )
    axes.set_title("one mark per policy and load, mean over seeds", fontsize=10)
    axes.set_xlabel("mean quality of answers in time, points")
    axes.set_ylabel("answered in time, % of offered")
    figure.legend(loc="outside right upper", fontsize=9, frameon=False)
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def studies_record(studies: Mapping[str, Sequence[Result]]) -> dict[str, Any]:
    """Return what the results file holds of the studies: means per point and policy."""
    return {"studies": {name: _study(found) for name, found in studies.items()}}


def _study(results: Sequence[Result]) -> dict[str, Any]:
    return {
        point: {
            "bound": _bound(seeds, 3),
            "policies": {o.policy: _policy(seeds, o.policy) for o in seeds[0].outcomes},
        }
        for point, seeds in by_point(results).items()
    }


def _policy(seeds: Sequence[Result], policy: str) -> dict[str, float | None]:
    found = [result.of(policy) for result in seeds]
    effective = [outcome.effective for outcome in found]
    covered = [o.coverage for o in found if o.coverage is not None]
    return {
        "effective": round(statistics.median(effective), 3),
        "effective_min": round(min(effective), 3),
        "effective_max": round(max(effective), 3),
        "attainment": round(statistics.fmean(o.attainment for o in found), 5),
        "mean_quality": round(statistics.fmean(o.mean_quality for o in found), 3),
        "before_p90": round(statistics.fmean(covered), 4) if covered else None,
    }
