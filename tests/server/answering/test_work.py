"""An answer met its deadline if the last byte of its reply was written by then."""

from __future__ import annotations

import math

import pytest

from engine.types import Answer
from server.answering.work import WorkResult
from tests.server.kit.fake_artifact import fake_artifact


def result(deadline_s: float, met: bool | None) -> WorkResult:
    answer = Answer("vqa", "full", (0,), "1", 1, 0.9, 0.01, met)
    return WorkResult(0.0, 0.0, 0.0, 0.0, [answer], [0.01], fake_artifact(), deadline_s)


@pytest.mark.parametrize(
    ("deadline_s", "met", "written_s", "then"),
    [
        (1.0, True, 0.9, True),
        (1.0, True, 1.1, False),
        (1.0, False, 0.9, False),
        (math.inf, None, 9.0, None),
    ],
)
def test_the_writing_counts(
    deadline_s: float, met: bool | None, written_s: float, then: bool | None
) -> None:
    found = result(deadline_s, met).written_by(written_s)
    assert [each.deadline_met for each in found.answers] == [then]
