"""A summary as one picture: a panel beside the other, means with their intervals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from loadtests.tuning.ablate.summary import Line, Panel, Summary

_INK, _GRID = "#22303c", "#dfe5ea"
_COLOURS = ("#d1495b", "#2e6f95", "#5f9e6e", "#c78a1b", "#7d5ba6", "#8a949c", "#3a9d9d", "#b0653a")
_MARKERS = "oDs^vPXd"
_A_ROW = 3
_LONG_NAME = 9
"""Names of places longer than this are written aslant."""


def draw(summary: Summary, title: str, path: Path) -> None:
    """Draw the picture.

    Raises:
        OSError: the file cannot be written.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    panels = list(summary.panels)
    columns = min(_A_ROW, len(panels))
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
    count = len(panel.lines)
    for number, line in enumerate(panel.lines):
        aside = 0.0 if not panel.names else 0.12 * (number - (count - 1) / 2)
        _line(axis, line, number, aside, joined=not panel.names)
    if panel.zero:
        axis.axhline(0.0, color=_INK, linewidth=0.9, linestyle=":", zorder=1)
    if panel.names:
        aslant = max(map(len, panel.names)) > _LONG_NAME
        turned = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"} if aslant else {}
        axis.set_xticks(range(len(panel.names)), panel.names, **turned)
        axis.margins(x=0.12)
    elif panel.log:
        axis.set_xscale("log", base=2)
        axis.xaxis.set_major_formatter("{x:g}")
    places = sorted({place for line in panel.lines for place in line.places})
    if not panel.names and len(places) <= 2 * len(_COLOURS):
        axis.set_xticks(places, [f"{place:g}" for place in places])
        axis.minorticks_off()
    axis.set_title(panel.title, fontsize=10, fontweight="bold")
    axis.set_xlabel(panel.across)
    axis.set_ylabel(panel.up)
    axis.grid(axis="y", color=_GRID, linewidth=0.8)
    axis.set_axisbelow(True)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
    if len(panel.lines) > 1 or any(line.marks for line in panel.lines):
        axis.legend(frameon=False, fontsize=8.5)


def _line(axis: Any, line: Line, number: int, aside: float, *, joined: bool) -> None:
    colour = _INK if line.dashed else _COLOURS[number % len(_COLOURS)]
    places = [place + aside for place in line.places]
    means = [each.mean for each in line.found]
    below = [each.mean - each.low for each in line.found]
    above = [each.high - each.mean for each in line.found]
    style = {"linestyle": "--" if line.dashed else "-"} if joined else {"linestyle": "none"}
    axis.errorbar(
        places,
        means,
        yerr=[below, above],
        color=colour,
        marker=_MARKERS[number % len(_MARKERS)],
        markersize=5,
        linewidth=1.8,
        elinewidth=1.1,
        capsize=3,
        label=line.label,
        zorder=3,
        **style,
    )
    marked = [(at, mark) for at, mark in zip(places, line.marks, strict=False) if mark is not None]
    if marked:
        across, up = zip(*marked, strict=True)
        axis.plot(across, up, "x", color=_INK, markersize=8, label="the paper's, BEiT-3", zorder=4)
