"""Table 4 on this device as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from loadtests.gpu.suite.run import PartOutcome
from monitoring.table4 import COLUMNS


def plot(outcomes: Mapping[str, PartOutcome], path: Path) -> bool:
    """Draw measured, ideal and the paper's speeds; return whether there was something to draw.

    Raises:
        ImportError: matplotlib is not installed.
        OSError: the file cannot be written.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    found = outcomes["table4"].found if "table4" in outcomes else {}
    columns = {
        task: {m: row for m, row in found[task]["methods"].items() if "speed" in row}
        for task in COLUMNS
        if found.get(task, {}).get("methods")
    }
    if not columns:
        return False
    figure, axes = pyplot.subplots(len(columns), 1, figsize=(11, 3 * len(columns)), squeeze=False)
    for axis, (task, rows) in zip(axes[:, 0], columns.items(), strict=True):
        places = range(len(rows))
        axis.bar(places, [row["speed"]["median"] for row in rows.values()], color="0.75")
        axis.scatter(places, [row["ideal"] for row in rows.values()], marker="_", label="ideal")
        known = [(x, row["paper"]) for x, row in enumerate(rows.values()) if row["paper"]]
        axis.scatter([x for x, _ in known], [y for _, y in known], marker="x", label="paper")
        axis.set_xticks(list(places), list(rows), rotation=30, fontsize=8)
        axis.set_ylabel(f"{task}: speed over full", fontsize=8)
        axis.legend(fontsize=8, frameon=False)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
    return True
