from __future__ import annotations

import pytest

from loadtests.locust.budgets import CLASSES, BudgetClass, read_weights
from loadtests.locust.errors import OptionError


def test_deadlines_are_multiples_of_the_solo_time() -> None:
    assert CLASSES["hurried"].fields(0.1) == {"max_latency_ms": "200.000", "on_miss": "degrade"}
    assert CLASSES["strict"].fields(0.1) == {"max_latency_ms": "400.000", "on_miss": "reject"}
    assert CLASSES["patient"].fields(0.1) == {}
    assert CLASSES["relaxed"].deadline_s(0.1) == pytest.approx(0.8)
    assert [BudgetClass(None).may_degrade, BudgetClass(2).may_degrade] == [False, True]
    assert not BudgetClass(2, "reject").may_degrade


def test_classes_are_weighed() -> None:
    assert read_weights("hurried=2, strict=0.5") == {"hurried": 2, "strict": 0.5}
    assert read_weights("patient") == {"patient": 1}


@pytest.mark.parametrize(
    "text", ["", "lazy", "hurried=", "hurried=0", "hurried,hurried", "strict=a"]
)
def test_what_is_no_weight_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match="--classes"):
        read_weights(text)
