from __future__ import annotations

import json

from loadtests.slo.report import cells_table, row_record, yardstick_record
from tests.loadtests.slo.made_up_rows import GROUND, ROWS


def test_the_file_holds_every_row_and_one_timeline_per_cell() -> None:
    found = [row_record(each) for each in ROWS]
    assert [("timeline" in each) for each in found] == [True, False, False, True, *[False] * 4]
    assert found[4] | {"side": "mosec", "variant": "d3", "load": 0.5, "cv2": 1.0} == found[4]
    assert json.loads(json.dumps(found)) == found
    assert yardstick_record(GROUND)["capacity_hz"] == 12.5
    assert cells_table("t", ROWS, GROUND).row_count == 2
