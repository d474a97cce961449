from __future__ import annotations

import pytest

from loadtests.table4.bars import LEAST_SHARE, bars, not_run
from loadtests.table4.rows import Speed
from models.comparators.methods import METHODS
from tests.loadtests.table4.made_up_speeds import a_speed


def test_what_is_left_out_must_be_time_saved() -> None:
    found = [a_speed("otmv", 1.5, 1.71), a_speed("upop", 1.15, 1.21), a_speed("vlpet", 0.5, 0.95)]
    otmv, upop, order = bars(found, "cpu")
    assert otmv.name == "table4.cpu.vqa.otmv.share-of-ideal"
    assert otmv.measured == pytest.approx(1.5 / 1.71)
    assert (otmv.verdict, upop.verdict, order.verdict) == ("short", "ok", "ok")
    assert otmv.spread == "1.500 (1.490 to 1.510) of 1.710, 15 rounds"
    few = Speed("vqa", "otmv", (1.7, 1.7, 1.7), 1.71, 3, 1.63)
    assert "3 rounds, too few to claim" in bars([few], "cpu")[0].spread


def test_a_task_that_failed_has_the_same_bars_not_run() -> None:
    found = [a_speed(method, 1.0, 1.0) for method in METHODS]
    run, absent = bars(found, "cpu"), not_run("vqa", list(METHODS), "cpu", "it broke")
    assert [bar.name for bar in absent] == [bar.name for bar in run]
    assert {bar.verdict for bar in absent} == {"not-run"}
    assert {bar.limit for bar in absent} == {LEAST_SHARE, 0.0}
