"""The live benchmark as one picture: quality and attainment against load, variants over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from loadtests.kit.latencies import BIN_S
from loadtests.slo.judging.scoring import MISS
from loadtests.slo.judging.table import CellTable, Turns
from loadtests.slo.visits import OURS, CellResult
from loadtests.slo.workload import Cell
from loadtests.slo.yardstick import Yardstick

_INK, _GRID, _OURS = "#22303c", "#dfe5ea", "#d1495b"
_RIVALS = ("#2e6f95", "#5f9e6e", "#c78a1b")
_DEPTHS = ("#f6d3b3", "#eda27c", "#d96c5f", "#a63d57")
_MISSED = "#c9d1d8"


def plot(rows: Sequence[CellResult], yardstick: Yardstick, path: Path) -> None:
    """Draw a results picture.

    Raises:
        OSError: the file cannot be written.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    table = CellTable(rows, yardstick.quality)
    bursts = sorted({cell.cv2 for cell in table.cells}, reverse=True)
    pyplot.rcParams.update({"font.size": 9.5, "text.color": _INK, "axes.labelcolor": _INK})
    figure, axes = pyplot.subplots(
        3, len(bursts), figsize=(1.6 + 4.8 * len(bursts), 9.6), squeeze=False, layout="constrained"
    )
    for column, cv2 in enumerate(bursts):
        cells = sorted((c for c in table.cells if c.cv2 == cv2), key=lambda cell: cell.load)
        above, middle, below = axes[:, column]
        _lines(above, table, yardstick, cells, "effective")
        _lines(middle, table, yardstick, cells, "attainment")
        above.set_title(f"{'bursts' if cv2 > 1 else 'Poisson'}, CV² {cv2:g}", fontweight="bold")
        middle.set_xlabel("offered load / capacity of the full variant")
        _variants(below, table, yardstick, cells[-1])
    axes[0, 0].set_ylabel("effective accuracy, points")
    axes[1, 0].set_ylabel("answered on time, %")
    axes[2, 0].set_ylabel("share of our answers, %")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2 * len(bursts), frameon=False)
    figure.savefig(path, dpi=130)
    pyplot.close(figure)


def _lines(
    axes: Any, table: CellTable, yardstick: Yardstick, cells: Sequence[Cell], what: str
) -> None:
    """Draw ours, and of each rival the full variant (dashed) and the best one at each load.

    A line is the mean of the visits; behind it lies what is between the lowest and the highest.
    """
    loads = [cell.load for cell in cells]
    rivals = [side for side in dict.fromkeys(row.side for row in table.rows) if side != OURS]
    turns = table.turns(OURS, *rivals)

    def line(of: Mapping[Cell, tuple[str, str]], label: str, **style: Any) -> None:
        def up(cell: Cell, of_turns: Turns) -> float:
            if what == "effective":
                return table.effective(*of[cell], cell, of_turns)
            return 100 * table.attainment(*of[cell], cell, of_turns)

        visits = [[up(cell, [turn]) for turn in turns] for cell in cells]
        low, high = [min(each) for each in visits], [max(each) for each in visits]
        axes.fill_between(loads, low, high, color=style["color"], alpha=0.15, linewidth=0)
        axes.plot(loads, [up(cell, turns) for cell in cells], label=label, **style)

    for rival, colour in zip(rivals, _RIVALS, strict=False):
        best = {cell: (rival, table.hindsight(rival, cell, turns)[0]) for cell in cells}
        full = dict.fromkeys(cells, (rival, yardstick.full))
        style = {"color": colour, "linewidth": 1.6, "markersize": 5}
        line(best, f"{rival}, best variant in hindsight", marker="s", **style)
        line(full, f"{rival}, full variant", marker="o", linestyle="--", **style)
    style = {"color": _OURS, "linewidth": 2.8, "marker": "D", "markersize": 6, "zorder": 5}
    line(dict.fromkeys(cells, (OURS, "")), "otmv serve", **style)
    axes.set_ylim(0, 103)
    axes.set_xticks(loads)
    _plain(axes)


def _variants(axes: Any, table: CellTable, yardstick: Yardstick, cell: Cell) -> None:
    """Draw what our server answered with over the time of one cell."""
    first = table.at(OURS, "", cell, table.turns(OURS)[0]).score
    timeline = first.timeline if first is not None else []
    across = [index * BIN_S for index in range(len(timeline))]
    floor = [0.0] * len(timeline)
    colours = dict(zip(yardstick.quality, _DEPTHS, strict=False)) | {MISS: _MISSED}
    for name, colour in colours.items():
        part = [_share(each, name) for each in timeline]
        label = {MISS: "missed"}.get(name, name)
        axes.bar(across, part, BIN_S * 0.94, floor, align="edge", color=colour, label=label)
        floor = [low + high for low, high in zip(floor, part, strict=True)]
    axes.set_title(f"otmv serve at {cell.name}", fontsize=9.5)
    axes.set_xlabel("time of the intended send, s")
    axes.set_xlim(0, len(timeline) * BIN_S)
    axes.set_ylim(0, 100)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=5, frameon=False)
    _plain(axes)


def _share(counts: Mapping[str, int], name: str) -> float:
    return 100 * counts.get(name, 0) / max(1, sum(counts.values()))


def _plain(axes: Any) -> None:
    axes.grid(axis="y", color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
