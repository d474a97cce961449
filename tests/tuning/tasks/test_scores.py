from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from artifact.pattern import SkipPattern
from artifact.task import REASON, VQA, Task
from models.checkpoint import Checkpoint
from models.series import OtmvModel
from tuning.evaluation import Evaluation
from tuning.labelled import LabelledData, PairStatement, Question, generated
from tuning.recipe import RECIPES
from tuning.tasks.scores import ladder
from tuning.tasks.scores import score as scored
from tuning.tokens import world_tokenizer
from tuning.world.vocabulary import ANSWERS

SIDE, CPU = 64, torch.device("cpu")
FULL = SkipPattern.full(8)


@pytest.fixture
def checkpoint() -> Checkpoint:
    model = OtmvModel(RECIPES["smoke"].config)
    return Checkpoint(model.eval(), world_tokenizer(), ANSWERS, None, {})


class Knowing(OtmvModel):
    """Answers and captions by heart: row i of a batch is case i of the data."""

    def __init__(self, data: LabelledData, captions: list[str]) -> None:
        super().__init__(RECIPES["smoke"].config)
        self.data, self.captions = data, captions
        self.executed: set[tuple[int, ...]] = set()

    def answer(
        self,
        task: Task,
        pixels: Tensor,
        tokens: Tensor,
        text_mask: Tensor | None,
        executed: Sequence[int],
    ) -> Tensor:
        assert isinstance(executed, tuple)
        self.executed.add(executed)
        if task is VQA:
            answers = [ANSWERS.index(each.answer) for each in self.data.questions]
            return torch.nn.functional.one_hot(torch.tensor(answers), len(ANSWERS)).float()
        assert task is REASON
        assert pixels.shape[1:] == (2, SIDE, SIDE, 3)
        truths = [int(each.truth) for each in self.data.statements]
        self.levels = pixels[..., 0, 0, 0]
        return torch.nn.functional.one_hot(torch.tensor(truths), 2).float()

    def generate(self, *_: object) -> Tensor:
        tokenizer = world_tokenizer()
        rows = [tokenizer.encode(f"{text} </s>").ids for text in self.captions]
        longest = max(map(len, rows))
        eos = tokenizer.token_to_id("</s>")
        return torch.tensor([ids + [eos] * (longest - len(ids)) for ids in rows])


def knowing(data: LabelledData, captions: list[str]) -> Checkpoint:
    return Checkpoint(Knowing(data, captions).eval(), world_tokenizer(), ANSWERS, None, {})


class TestScores:
    DATA = LabelledData(
        np.zeros((2, SIDE, SIDE, 3), np.uint8),
        (
            Question(0, "is there a red circle?", "yes", "existence"),
            Question(1, "how many objects are there?", "2", "counting"),
            Question(1, "how many crosses are there?", "0", "counting"),
        ),
        (("red circle",), ("blue square", "red cross")),
        (
            PairStatement(0, 1, "both images contain a circle", False, "quantity"),
            PairStatement(1, 0, "the left image contains a cross", True, "side"),
            PairStatement(0, 1, "the right image contains a circle", False, "side"),
        ),
    )

    def test_all_right(self) -> None:
        captions = ["a small red circle", "a large blue square and a small red cross"]
        score = scored(Evaluation(knowing(self.DATA, captions), self.DATA, CPU), FULL)
        qualities = {task: found.quality for task, found in score.tasks.items()}
        assert qualities == {"vqa": 1.0, "caption": 1.0, "reason": 1.0}
        assert score.tasks["vqa"].kinds == {"counting": 1.0, "existence": 1.0}
        assert score.tasks["reason"].kinds == {"quantity": 1.0, "side": 1.0}

    def test_partly_right(self) -> None:
        checkpoint = knowing(self.DATA, ["a small blue circle", "a large blue square"])
        asked = (*self.DATA.questions[:2], Question(1, "is it?", "no", "existence"))
        stated = dataclasses.replace(self.DATA.statements[2], truth=True)
        changed = dataclasses.replace(
            self.DATA, questions=asked, statements=(*self.DATA.statements[:2], stated)
        )
        score = scored(Evaluation(checkpoint, changed, CPU), FULL)
        assert score.tasks["vqa"].quality == pytest.approx(2 / 3)
        assert score.tasks["vqa"].kinds == {"counting": 1.0, "existence": 0.5}
        assert score.tasks["caption"].quality == pytest.approx(1 / 3), "0 of 1 and 1 of 2 objects"
        assert score.tasks["reason"].quality == pytest.approx(2 / 3)
        assert score.tasks["reason"].kinds == {"quantity": 1.0, "side": 0.5}

    def test_the_left_picture_comes_first(self) -> None:
        pixels = self.DATA.pixels.copy()
        pixels[1] = 9
        checkpoint = knowing(self.DATA, ["a", "a"])
        data = dataclasses.replace(self.DATA, pixels=pixels)
        scored(Evaluation(checkpoint, data, CPU), FULL)
        assert isinstance(checkpoint.model, Knowing)
        assert checkpoint.model.levels.tolist() == [[0, 9], [9, 0], [0, 9]]

    def test_a_model_without_a_task_has_no_score_for_it(self) -> None:
        config = dataclasses.replace(RECIPES["smoke"].config, tasks=("reason",))
        made = Checkpoint(OtmvModel(config).eval(), world_tokenizer(), ANSWERS, None, {})
        score = scored(Evaluation(made, self.DATA, CPU), FULL)
        assert set(score.tasks) == {"reason"}
        assert score.tasks["reason"].quality is not None

    def test_the_pattern_reaches_the_model(self) -> None:
        checkpoint = knowing(self.DATA, ["a", "a"])
        scored(Evaluation(checkpoint, self.DATA, CPU), SkipPattern((0, 2, 5), 8))
        assert isinstance(checkpoint.model, Knowing)
        assert checkpoint.model.executed == {(0, 2, 5)}

    def test_a_real_model_in_small_batches_scores_the_same(
        self, checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        data, shares = generated(9, 3, 4, SIDE), []
        evaluation = Evaluation(checkpoint, data, CPU)
        whole = scored(evaluation, FULL, shares.append)
        assert shares == sorted(shares)
        assert shares[-1] == 1.0
        monkeypatch.setattr("tuning.evaluation.BATCH", 2)
        assert scored(evaluation, FULL) == whole

    def test_the_ladder_is_every_prefix(self) -> None:
        assert [pattern.executed for pattern in ladder(3)] == [(0,), (0, 1), (0, 1, 2)]
