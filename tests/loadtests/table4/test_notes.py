from __future__ import annotations

import pytest

from loadtests.table4.notes import note
from loadtests.table4.rows import Speed
from models.comparators.methods import FULL
from tests.loadtests.table4.made_up_speeds import a_speed


@pytest.mark.parametrize(
    ("speed", "said"),
    [
        (a_speed(FULL, 1.0, 1.0), "the paper's is 1.00 of this ideal; the structure explains both"),
        (
            a_speed("petadapter", 0.95, 0.98),
            "the paper's is 0.65 of this ideal; the structure explains ours, not the paper's",
        ),
        (
            a_speed("vlpet", 0.70, 0.95),
            "the paper's is 0.63 of this ideal; the structure explains neither",
        ),
        (
            a_speed("otmv", 1.45, 1.71),
            "the paper's is 0.95 of this ideal; the structure explains the paper's, not ours",
        ),
        (
            a_speed("loraunmerged", 0.95, 0.97),
            "not in the paper's table; the structure explains ours",
        ),
        (
            a_speed("literal", 0.80, 1.0),
            "not in the paper's table; the structure does not explain ours",
        ),
    ],
)
def test_a_note_says_what_the_structure_does_not_explain(speed: Speed, said: str) -> None:
    assert note(speed) == said
