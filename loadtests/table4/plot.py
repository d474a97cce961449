"""The measured table as one picture: ours with quartiles, the ideal, and the paper's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from loadtests.table4.rows import Speed, of_task
from models.comparators.methods import FULL, METHODS
from monitoring.table4 import SOURCE
from monitoring.tasks import TITLES

_INK, _GRID, _OURS = "#22303c", "#dfe5ea", "#d1495b"
_COLOURS = {"added": "#c78a1b", "less": "#2e6f95", None: "#8a949c"}


def plot(found: Sequence[Speed], preset: str, path: Path) -> None:
    """Draw a results picture.

    Raises:
        OSError: the file cannot be written.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    tasks = list(dict.fromkeys(speed.task for speed in found))
    measured = {speed.method for speed in found} - {FULL}
    methods = [method for method in METHODS if method in measured]
    pyplot.rcParams.update({"font.size": 9.5, "text.color": _INK, "axes.labelcolor": _INK})
    figure, axes = pyplot.subplots(
        1,
        len(tasks),
        figsize=(2.0 + 3.5 * len(tasks), 1.7 + 0.36 * len(methods)),
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for axis, task in zip(axes[0], tasks, strict=True):
        by_method = {speed.method: speed for speed in of_task(found, task)}
        _task(axis, [by_method[method] for method in methods])
        axis.set_title(TITLES[task].long, fontweight="bold", fontsize=10)
        axis.set_xlabel("speed over full fine-tuning")
    axes[0, 0].set_yticks(range(len(methods)), [METHODS[method].title for method in methods])
    axes[0, 0].invert_yaxis()
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(tasks), frameon=False)
    figure.suptitle(f"Table 4, preset {preset}", fontsize=11)
    figure.savefig(path, dpi=130)
    pyplot.close(figure)


def _task(axis: Any, found: Sequence[Speed]) -> None:
    for place, speed in enumerate(found):
        low, middle, high = speed.ratio
        colour = _OURS if speed.method == "otmv" else _COLOURS[METHODS[speed.method].kind]
        axis.barh(place, middle, 0.62, color=colour, alpha=0.85, zorder=2)
        axis.errorbar(
            middle,
            place,
            xerr=[[middle - low], [high - middle]],
            color=_INK,
            capsize=3,
            linewidth=1.2,
            zorder=4,
            label="ours: median and quartiles" if place == 0 else None,
        )
    _marks(axis, found)
    axis.axvline(1.0, color=_INK, linewidth=0.9, linestyle=":", zorder=1)
    axis.set_xlim(0, 1.08 * max(1.0, *(max(s.ideal, s.ratio[2], s.paper or 0) for s in found)))
    axis.grid(axis="x", color=_GRID, linewidth=0.8)
    axis.set_axisbelow(True)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)


def _marks(axis: Any, found: Sequence[Speed]) -> None:
    """Draw the ideals, and the paper's numbers."""
    places = range(len(found))
    axis.scatter(
        [speed.ideal for speed in found],
        places,
        marker="|",
        s=230,
        linewidths=2.2,
        color=_INK,
        zorder=3,
        label="ideal: operations of full / its own",
    )
    known = [(speed.paper, place) for place, speed in enumerate(found) if speed.paper is not None]
    axis.scatter(
        [paper for paper, _ in known],
        [place for _, place in known],
        marker="o",
        s=46,
        facecolors="white",
        edgecolors=_INK,
        linewidths=1.3,
        zorder=5,
        label=SOURCE,
    )
