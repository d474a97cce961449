from __future__ import annotations

from typing import Any

import pytest

from loadtests.kit.asking.answers import RightAnswers, WrongAnswer
from loadtests.kit.asking.tasks.vqa import VqaCase
from tests.loadtests.kit.asking.served import answered

CASE = VqaCase(b"", "what color?", "red")


def test_a_right_answer_counts_for_its_variant() -> None:
    score = RightAnswers()
    CASE.check(answered(), score)
    CASE.check(answered(answer="blue"), score)
    assert score.lines() == ["full       0.500 of 2"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        answered(question="another?"),
        answered(top_k=[]),
        answered(top_k=[{"answer": "a", "score": 0.1}, {"answer": "b", "score": 0.9}]),
        answered(executed_blocks=3),
        answered(timings_ms={"total": 1.0}),
        {"answers": [{"answer": "red"}]},
        {"answers": answered()["answers"] * 2},
    ],
)
def test_what_is_not_whole_is_reported(body: dict[str, Any]) -> None:
    with pytest.raises(WrongAnswer):
        CASE.check(body, RightAnswers())
