from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from loadtests.kit.bars import Bar
from loadtests.kit.bars_table import bars_table

RESULTS = Path(__file__).parents[3] / "loadtests/results"


def committed(name: str) -> list[Bar]:
    records = json.loads((RESULTS / f"{name}.json").read_text("utf-8"))["bars"]
    return [Bar(**{key: each[key] for key in each if key != "verdict"}) for each in records]


def printed(bars: list[Bar], width: int | None) -> list[str]:
    """Return the lines of the table; `width` None: in a pipe."""
    out = io.StringIO()
    console = Console(file=out, width=width)
    console.print(bars_table(bars, console))
    return [line.rstrip() for line in out.getvalue().splitlines()]


@pytest.mark.parametrize("name", ["engine", "captions", "simulate", "slo/full", "table4_live"])
def test_every_bar_is_one_row_of_eighty_columns(name: str) -> None:
    bars = committed(name)
    lines = printed(bars, 80)
    assert max(map(len, lines)) <= 80
    for bar in bars:
        shown = bar.name.removeprefix("engine.")
        (row,) = [line.split() for line in lines if line.split()[:1] == [shown]]
        assert row == [shown, *bar.shown, bar.verdict]


def test_a_pipe_gets_the_same_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert printed(committed("engine"), None) == printed(committed("engine"), 80)


def test_both_sides_are_shown_where_there_is_room() -> None:
    evidence = {side: {"unit": "s, mean", "quartiles": [1, 2.5, 3]} for side in ("ours", "theirs")}
    bars = [Bar("engine.a", 1.0, 1.05, False, "", evidence), Bar("b", None, 2.0, True, "why")]
    (first,) = [line.split() for line in printed(bars, 80) if line.split()[:1] == ["a"]]
    assert first == ["a", "2.5", "s", "2.5", "s", "1.000", "<=1.05", "ok"]
    (second,) = [line.split() for line in printed(bars, 80) if line.split()[:1] == ["b"]]
    assert second == ["b", "-", "-", "-", ">=2", "not-run"]
    assert not any("ours" in line for line in printed(bars, 45))
