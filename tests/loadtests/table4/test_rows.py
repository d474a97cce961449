from __future__ import annotations

import pytest

from loadtests.table4.bars import bars
from loadtests.table4.rows import MethodSpeed, inverted, speeds
from models.comparators.methods import FULL
from tests.loadtests.table4.made_up_speeds import a_speed


def test_the_ratio_is_of_the_same_round() -> None:
    rows = [
        MethodSpeed("vqa", "otmv", 60, (1.0, 2.0, 1.0)),
        MethodSpeed("vqa", FULL, 90, (1.5, 4.0, 3.0)),
        MethodSpeed("caption", FULL, 50, (7.0, 7.0, 7.0)),
    ]
    otmv, full, other = speeds(rows)
    assert otmv.ratio == pytest.approx((1.75, 2.0, 2.5))
    assert otmv.ideal == pytest.approx(1.5)
    assert otmv.share == pytest.approx(2.0 / 1.5)
    assert (otmv.rounds, otmv.paper) == (3, 1.63)
    assert full.ratio == other.ratio == (1.0, 1.0, 1.0)


def test_only_clear_pairs_are_held_to_their_order() -> None:
    found = [
        a_speed(FULL, 1.0, 1.0),
        a_speed("matformer", 1.12, 1.14),
        a_speed("distillvlm", 1.09, 1.16),  # before matformer, but only 2 % apart
        a_speed("efficientvlm", 1.05, 1.50),  # must be before neither
    ]
    wrong, clear = inverted(found)
    assert wrong == [("matformer", "efficientvlm"), ("distillvlm", "efficientvlm")]
    assert clear == 5
    order = bars(found, "cpu")[-1]
    assert (order.name, order.measured, order.verdict) == ("table4.cpu.vqa.order", 2.0, "short")
    assert "of 5 pairs" in order.spread
    assert "matformer before efficientvlm" in order.spread
    assert bars(found[:3], "cpu")[-1].verdict == "ok"
