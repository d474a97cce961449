from __future__ import annotations

import pytest

from loadtests.kit.asking.answers import RightAnswers, WrongAnswer
from loadtests.kit.asking.tasks.reason import ReasonCase
from tests.loadtests.kit.asking.served import served


def test_statements_are_checked_and_scored() -> None:
    case, score = ReasonCase(b"", b"", "both are red", truth=True), RightAnswers()
    said = served(statement="both are red")
    case.check({"answers": [{**said, "answer": True}]}, score)
    case.check({"answers": [{**said, "answer": False}]}, score)
    assert score.lines() == ["full       0.500 of 2"]
    for wrong in ({**said, "answer": "yes"}, {**said, "statement": "?", "answer": True}, said):
        with pytest.raises(WrongAnswer):
            case.check({"answers": [wrong]}, score)
