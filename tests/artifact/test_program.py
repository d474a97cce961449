from __future__ import annotations

import pytest

from artifact.pattern import SkipPattern
from artifact.program import Step, composed_programs
from artifact.stage import StageName
from artifact.task import REASON, VQA
from tests.models.tiny import config


def test_a_row_of_a_statement_takes_a_question_s_steps_but_the_last() -> None:
    shape, pattern = config(keys=2), SkipPattern((0, 2, 3), 4)
    (asked,) = composed_programs(VQA, shape, pattern)
    (judged,) = composed_programs(REASON, shape, pattern)
    assert judged.steps[:-1] == asked.steps[:-1]
    assert judged.steps[-1] == Step(StageName("head[reason]"))
    assert (judged.blocks, judged.stages) == (
        3,
        ("stem[vqa]", "block[0]", "block[1]", "head[reason]"),
    )


def test_a_pattern_of_another_stack_is_refused() -> None:
    with pytest.raises(ValueError, match="2 orders for a stack of 4"):
        composed_programs(REASON, config(), SkipPattern.full(2))
