"""Tasks of one pass: what they cost, and the stages they share."""

from __future__ import annotations

import dataclasses

from artifact.pattern import SkipPattern
from artifact.task import REASON, VQA
from exporters.examples import Example
from exporters.tasks import cut
from exporters.tasks.one_pass import first_answer, request_flops
from models.checkpoint import Checkpoint
from models.series import OtmvModel


def test_a_statement_costs_two_questions_but_for_the_head(checkpoint: Checkpoint) -> None:
    model, full = checkpoint.model, SkipPattern.full(4)
    vqa_head = 2 * (32 * 32 + 32 * 64 + 64 * model.config.num_answers)
    reason_head = 2 * (128 * 64 + 64 * 2)
    rows = 2 * (request_flops(VQA, model, full, 8) - vqa_head)
    assert request_flops(REASON, model, full, 8) == rows + reason_head


def test_a_model_of_statements_alone_has_its_own_stages(checkpoint: Checkpoint) -> None:
    config = dataclasses.replace(checkpoint.model.config, tasks=("reason",))
    names = [stage.name for stage in cut(OtmvModel(config).eval())]
    assert names == ["stem[vqa]", "block[0]", "block[1]", "head[reason]"]


def test_an_example_whose_answer_is_no_label_has_no_right_class() -> None:
    labels = ("red", "blue")
    given = [(), ("green",), ("blue", "red")]
    found = [first_answer(Example(b"", VQA.name, answers=each), labels) for each in given]
    assert found == [None, None, 1]
