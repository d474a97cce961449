"""A study as a table, a picture and a file."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from artifact.latency import machine_fingerprint
from loadtests.kit.bars import Bar
from loadtests.kit.origin import commit_here
from loadtests.simulate.bars import by_point, mean_effective
from loadtests.simulate.study import ELASTIC, FIXED, Result


def points_table(name: str, results: Sequence[Result]) -> Table:
    """Return effective accuracy per load; of the fixed variants only the one best there."""
    policies = [outcome.policy for outcome in results[0].outcomes]
    shown = [policy for policy in policies if not policy.startswith(FIXED)]
    table = Table(title=f"effective accuracy, points of 100: {name}", title_style="bold")
    table.add_column("load", no_wrap=True)
    for title in (*shown, "best fixed", "bound"):
        table.add_column(title, justify="right")
    for point, seeds in by_point(results).items():
        table.add_row(escape(point), *_cells(seeds, shown, policies, 1))
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


def write_json(
    path: Path, bars: Sequence[Bar], studies: Mapping[str, Sequence[Result]], facts: dict[str, Any]
) -> None:
    """Write bars, means per point and policy, and where they come from.

    Raises:
        OSError: the file cannot be written.
    """
    body = {
        "machine": machine_fingerprint(),
        "commit": commit_here(),
        **facts,
        "bars": [bar.record() for bar in bars],
        "studies": {name: _study(results) for name, results in studies.items()},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(body, indent=1, ensure_ascii=False) + "\n", "utf-8")


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
