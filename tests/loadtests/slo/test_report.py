from __future__ import annotations

import json
from dataclasses import replace
from io import StringIO

from rich.console import Console

from loadtests.slo.judging.calibration import Tenth
from loadtests.slo.report import cells_table, row_record, yardstick_record
from tests.loadtests.slo.made_up_rows import GROUND, ROWS


def test_the_file_holds_every_visit_and_one_timeline_per_cell() -> None:
    found = [row_record(each, 10.0) for each in ROWS]
    ours = [each for each in found if each["side"] == "ours"]
    assert [("timeline" in each) for each in ours] == [True, False, False] * 2
    assert not any("timeline" in each for each in found if each["side"] != "ours")
    assert [each["visit"] for each in ours] == [0, 1, 2] * 2
    theirs = {"side": "mosec", "variant": "d3", "load": 0.5, "cv2": 1.0}
    assert found[6] | theirs == found[6]
    assert json.loads(json.dumps(found)) == found
    assert yardstick_record(GROUND)["capacity_hz"] == 12.5


def test_the_file_holds_the_load_that_the_arrivals_came_to() -> None:
    assert row_record(ROWS[0], 8.0)["offered_load"] == 1.25


def test_the_file_says_what_was_left_out_and_has_the_chances_of_ours() -> None:
    assert "left_out" in row_record(replace(ROWS[6], score=None), 8.0)
    tenths = row_record(replace(ROWS[0], tenths=(Tenth(2, 1.5, 1),)), 8.0)["tenths"]
    assert tenths == [{"count": 2, "chances": 1.5, "met": 1}]


def test_the_table_has_a_row_for_each_cell_and_rival() -> None:
    table = cells_table("t", ROWS, GROUND)
    assert table.row_count == 2
    console = Console(width=80, file=StringIO())
    with console.capture() as shown:
        console.print(table)
    text = shown.get()
    assert f"{10 / 12.5:.2f}x" in text  # what came, over the capacity
    assert "92.0 (92)" in text
    assert "91.0 (91) full" in text
