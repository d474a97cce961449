"""The measured table on the screen, and in the results file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from artifact.task import TaskName
from loadtests.kit.errors import BenchError
from loadtests.kit.pairs import side_record
from loadtests.table4.notes import note
from loadtests.table4.program import Table4Bench, Table4Results
from loadtests.table4.rows import MethodSpeed, Speed
from models.comparators.methods import METHODS
from monitoring.table4 import SOURCE


def table(found: Sequence[Speed], task: TaskName, *, notes: bool = True) -> Table:
    """Return one task's table: a line per method; `notes` need a wide screen."""
    shown = Table(title=f"{task}: speed over full fine-tuning", title_style="bold")
    shown.caption = f"{SOURCE}; quartiles over rounds; ideal: operations of full over its own"
    shown.add_column("method", no_wrap=True)
    for heading in ("ours", "quartiles", "ideal", "of ideal", "paper"):
        shown.add_column(heading, justify="right", no_wrap=True)
    if notes:
        shown.add_column("note")
    for speed in found:
        low, middle, high = speed.ratio
        shown.add_row(
            escape(METHODS[speed.method].title),
            f"{middle:.2f}",
            f"{low:.2f} to {high:.2f}",
            f"{speed.ideal:.2f}",
            f"{speed.share:.2f}",
            "-" if speed.paper is None else f"{speed.paper:.2f}",
            *([escape(note(speed))] if notes else []),
        )
    return shown


def facts(setup: Table4Bench, measured: Table4Results, found: Sequence[Speed]) -> dict[str, Any]:
    """Return what the results file holds beside the bars and where it comes from."""
    preset = setup.preset
    work = {
        task: {"image_px": each.image_px, "batch": each.batch, "words": each.words}
        for task, each in preset.work.items()
        if task in setup.tasks
    }
    return {
        "preset": {"name": preset.name, "model": preset.model, "work": work},
        "backend": measured.library or setup.backend,
        "rounds": setup.rounds,
        "paper": SOURCE,
        "seconds": measured.seconds,
        "failures": [f"{task}: {why}" for task, why in measured.failed.items()],
        "rows": [_record(*pair) for pair in zip(measured.rows, found, strict=True)],
    }


def _record(row: MethodSpeed, speed: Speed) -> dict[str, Any]:
    return {
        "task": row.task,
        "method": row.method,
        "pass": side_record(row.times_s, "s"),
        "flops": row.flops,
        "ratio": [round(value, 4) for value in speed.ratio],
        "ideal": round(speed.ideal, 4),
        "share_of_ideal": round(speed.share, 4),
        "paper": speed.paper,
        "note": note(speed),
    }


Direct = dict[tuple[str, str], float]
"""Median ratio by task and method."""


def read_direct(path: Path) -> Direct:
    """Return the ratios of a results file of `otmv bench table4 --json`.

    Raises:
        BenchError: it cannot be read, or is of something else.
    """
    try:
        rows = json.loads(path.read_text("utf-8"))["rows"]
        return {(row["task"], row["method"]): float(row["ratio"][1]) for row in rows}
    except OSError as error:
        raise BenchError(f"{path}: {error.strerror}: write it with `--json`") from error
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise BenchError(f"{path} is no result of `otmv bench table4 --json`") from error
