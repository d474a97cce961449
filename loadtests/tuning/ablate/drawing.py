"""A summary as one picture: a panel beside the other, means with their intervals."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

from loadtests.tuning.ablate.summary import Line, Panel, Summary

_INK, _GRID = "#22303c", "#dfe5ea"
_COLOURS = ("#d1495b", "#2e6f95", "#5f9e6e", "#c78a1b", "#7d5ba6", "#8a949c", "#3a9d9d", "#b0653a")
_MARKERS = "oDs^vPXd"
_A_ROW = 3
_IN_A_ROW = 44
"""Letters of names that stand side by side; more are written aslant."""
_TICKS = 10
_ASIDE = 0.07
"""Share of a step to the next place that lines stand apart, so that no interval hides another."""


def draw(summary: Summary, title: str, path: Path) -> None:
    """Draw the picture.

    Raises:
        OSError: the file cannot be written.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    panels = list(summary.panels)
    columns = 2 if len(panels) == 4 else min(_A_ROW, len(panels))
    rows = -(-len(panels) // columns)
    pyplot.rcParams.update({"font.size": 9.5, "text.color": _INK, "axes.labelcolor": _INK})
    figure, axes = pyplot.subplots(
        rows,
        columns,
        figsize=(1.4 + 4.6 * columns, 0.9 + 4.1 * rows),
        squeeze=False,
        layout="constrained",
    )
    for axis, panel in zip(axes.flat, panels, strict=False):
        _panel(axis, panel)
    for axis in list(axes.flat)[len(panels) :]:
        axis.set_visible(False)
    figure.suptitle(title, fontsize=11, fontweight="bold")
    figure.savefig(path, dpi=130)
    pyplot.close(figure)


def _panel(axis: Any, panel: Panel) -> None:
    solid = [line for line in panel.lines if not line.dashed]
    apart = 0.0 if panel.log else _ASIDE * _step(panel)
    for number, line in enumerate(solid):
        _points(axis, line, number, apart * (number - (len(solid) - 1) / 2), not panel.names)
    for line in panel.lines:
        if line.dashed:
            _reference(axis, line)
    if panel.zero:
        axis.axhline(0.0, color=_INK, linewidth=0.9, linestyle=":", zorder=1)
    _across(axis, panel)
    axis.set_title(panel.title, fontsize=10, fontweight="bold")
    axis.set_xlabel(panel.across)
    axis.set_ylabel(panel.up)
    axis.grid(axis="y", color=_GRID, linewidth=0.8)
    axis.set_axisbelow(True)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
    if len(panel.lines) > 1 or any(line.marks for line in panel.lines):
        axis.legend(frameon=False, fontsize=8.5)


def _places(panel: Panel) -> list[float]:
    return sorted({place for line in panel.lines for place in line.places})


def _step(panel: Panel) -> float:
    """Return the smallest distance between two places."""
    return min((b - a for a, b in itertools.pairwise(_places(panel))), default=1.0)


def _across(axis: Any, panel: Panel) -> None:
    """Write the places below the panel."""
    if panel.names:
        aslant = sum(map(len, panel.names)) > _IN_A_ROW
        turned = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"} if aslant else {}
        axis.set_xticks(range(len(panel.names)), panel.names, **turned)
        axis.set_xlim(-0.6, len(panel.names) - 0.4)
        return
    if panel.log:
        axis.set_xscale("log", base=2)
        axis.xaxis.set_major_formatter("{x:g}")
    one_by_one = len(panel.lines) == 1 or not panel.log or panel.lines[-1].dashed
    if one_by_one and len(_places(panel)) <= _TICKS:
        axis.set_xticks(_places(panel), [f"{place:g}" for place in _places(panel)])
        axis.minorticks_off()


def _points(axis: Any, line: Line, number: int, aside: float, joined: bool) -> None:
    """Draw means with their intervals, and the paper's numbers."""
    places = [place + aside for place in line.places]
    below = [each.mean - each.low for each in line.found]
    above = [each.high - each.mean for each in line.found]
    axis.errorbar(
        places,
        [each.mean for each in line.found],
        yerr=[below, above],
        color=_COLOURS[number % len(_COLOURS)],
        marker=_MARKERS[number % len(_MARKERS)],
        markersize=5,
        linestyle="-" if joined else "none",
        linewidth=1.8,
        elinewidth=1.1,
        capsize=3,
        label=line.label or None,
        zorder=3,
    )
    marked = [(at, mark) for at, mark in zip(places, line.marks, strict=False) if mark is not None]
    if marked:
        across, up = zip(*marked, strict=True)
        axis.plot(across, up, "x", color=_INK, markersize=8, label="the paper's, BEiT-3", zorder=4)


def _reference(axis: Any, line: Line) -> None:
    """Draw what is compared with: dashed, its interval as a band."""
    low, high = ([getattr(each, end) for each in line.found] for end in ("low", "high"))
    axis.fill_between(line.places, low, high, color=_INK, alpha=0.1, linewidth=0, zorder=1)
    means = [each.mean for each in line.found]
    axis.plot(line.places, means, color=_INK, linestyle="--", linewidth=1.5, label=line.label)
