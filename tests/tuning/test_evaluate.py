from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from typer.testing import CliRunner

from artifact.pattern import SkipPattern
from cli.commands.eval import app
from models.checkpoint import Checkpoint, save
from models.series import OtmvModel
from tuning.evaluate import Evaluation, ladder
from tuning.labelled import GREY, Data, PairStatement, Question, from_folder, generated
from tuning.recipe import RECIPES
from tuning.tokens import world_tokenizer
from tuning.world.dataset import write_world
from tuning.world.errors import WorldError
from tuning.world.vocabulary import ANSWERS

SIDE, CPU = 64, torch.device("cpu")
FULL = SkipPattern.full(8)


@pytest.fixture
def checkpoint() -> Checkpoint:
    model = OtmvModel(RECIPES["smoke"].config)
    return Checkpoint(model.eval(), world_tokenizer(), ANSWERS, None, {})


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("worlds") / "w"
    write_world(folder, count=3, seed=9, questions_per_picture=4)
    return folder


class Knowing(OtmvModel):
    """Answers and captions by heart: row i of a batch is case i of the data."""

    def __init__(self, data: Data, captions: list[str]) -> None:
        super().__init__(RECIPES["smoke"].config)
        self.data, self.captions = data, captions
        self.executed: set[tuple[int, ...]] = set()

    def vqa(self, pixels: Tensor, tokens: Tensor, text_mask: Tensor, executed: object) -> Tensor:
        assert isinstance(executed, tuple)
        self.executed.add(executed)
        answers = [ANSWERS.index(each.answer) for each in self.data.questions]
        return torch.nn.functional.one_hot(torch.tensor(answers), len(ANSWERS)).float()

    def reason(self, pixels: Tensor, tokens: Tensor, text_mask: Tensor, executed: object) -> Tensor:
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


def knowing(data: Data, captions: list[str]) -> Checkpoint:
    return Checkpoint(Knowing(data, captions).eval(), world_tokenizer(), ANSWERS, None, {})


class TestData:
    def test_a_folder_is_the_generated_world(self, world: Path) -> None:
        folder, made = from_folder(world, SIDE), generated(9, 3, 4, SIDE)
        assert np.array_equal(folder.pixels, made.pixels)
        assert (folder.questions, folder.objects) == (made.questions, made.objects)
        assert folder.statements == made.statements
        assert [(each.left, each.right) for each in made.statements] == [(0, 1)] * 2 + [(1, 2)] * 2
        assert folder.pixels.shape == (3, SIDE, SIDE, 3)
        assert len(folder.questions) == 12

    def test_blank_pictures_are_grey(self) -> None:
        data = generated(9, 2, 4, SIDE)
        blank = data.blank()
        assert bool((blank.pixels == GREY).all())
        assert blank.pixels.shape == data.pixels.shape
        assert (blank.questions, blank.statements) == (data.questions, data.statements)

    def test_a_missing_picture(self, world: Path) -> None:
        picture = world / "images" / "000001.jpg"
        kept = picture.read_bytes()
        picture.write_bytes(b"no picture")
        try:
            with pytest.raises(WorldError, match=r"000001\.jpg"):
                from_folder(world, SIDE)
        finally:
            picture.write_bytes(kept)

    def test_a_world_from_before_there_were_statements(self, world: Path, tmp_path: Path) -> None:
        old = tmp_path / "old"
        shutil.copytree(world, old, ignore=shutil.ignore_patterns("nlvr2.jsonl"))
        with pytest.raises(WorldError, match=r"no nlvr2\.jsonl\): write it anew") as caught:
            from_folder(old, SIDE)
        assert "\n" not in str(caught.value)


class TestScores:
    DATA = Data(
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
        score = Evaluation(knowing(self.DATA, captions), self.DATA, CPU).score(FULL)
        assert (score.vqa, score.caption, score.reason) == (1.0, 1.0, 1.0)
        assert score.kinds == {"counting": 1.0, "existence": 1.0}
        assert score.statement_kinds == {"quantity": 1.0, "side": 1.0}

    def test_partly_right(self) -> None:
        checkpoint = knowing(self.DATA, ["a small blue circle", "a large blue square"])
        asked = (*self.DATA.questions[:2], Question(1, "is it?", "no", "existence"))
        stated = dataclasses.replace(self.DATA.statements[2], truth=True)
        changed = dataclasses.replace(
            self.DATA, questions=asked, statements=(*self.DATA.statements[:2], stated)
        )
        score = Evaluation(checkpoint, changed, CPU).score(FULL)
        assert score.vqa == pytest.approx(2 / 3)
        assert score.kinds == {"counting": 1.0, "existence": 0.5}
        assert score.caption == pytest.approx(1 / 3), "0 of 1 and 1 of 2 objects"
        assert score.reason == pytest.approx(2 / 3)
        assert score.statement_kinds == {"quantity": 1.0, "side": 0.5}

    def test_the_left_picture_comes_first(self) -> None:
        pixels = self.DATA.pixels.copy()
        pixels[1] = 9
        checkpoint = knowing(self.DATA, ["a", "a"])
        Evaluation(checkpoint, dataclasses.replace(self.DATA, pixels=pixels), CPU).score(FULL)
        assert isinstance(checkpoint.model, Knowing)
        assert checkpoint.model.levels.tolist() == [[0, 9], [9, 0], [0, 9]]

    def test_a_model_without_a_task_has_no_score_for_it(self) -> None:
        config = dataclasses.replace(RECIPES["smoke"].config, tasks=("reason",))
        made = Checkpoint(OtmvModel(config).eval(), world_tokenizer(), ANSWERS, None, {})
        score = Evaluation(made, self.DATA, CPU).score(FULL)
        assert (score.vqa, score.caption, score.kinds) == (None, None, {})
        assert score.reason is not None

    def test_the_pattern_reaches_the_model(self) -> None:
        checkpoint = knowing(self.DATA, ["a", "a"])
        Evaluation(checkpoint, self.DATA, CPU).score(SkipPattern((0, 2, 5), 8))
        assert isinstance(checkpoint.model, Knowing)
        assert checkpoint.model.executed == {(0, 2, 5)}

    def test_a_real_model_in_small_batches_scores_the_same(
        self, checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        data, shares = generated(9, 3, 4, SIDE), []
        evaluation = Evaluation(checkpoint, data, CPU)
        whole = evaluation.score(FULL, shares.append)
        assert shares == sorted(shares)
        assert shares[-1] == 1.0
        monkeypatch.setattr("tuning.evaluate.BATCH", 2)
        assert evaluation.score(FULL) == whole

    def test_the_ladder_is_every_prefix(self) -> None:
        assert [pattern.executed for pattern in ladder(3)] == [(0,), (0, 1), (0, 1, 2)]


class TestCommand:
    def run(self, *arguments: str) -> tuple[int, str, str]:
        result = CliRunner().invoke(app, arguments, env={"COLUMNS": "120"})
        return result.exit_code, result.stdout, result.stderr

    @pytest.fixture
    def folder(self, tmp_path: Path, checkpoint: Checkpoint) -> str:
        save(tmp_path / "tuned", checkpoint)
        return str(tmp_path / "tuned")

    def test_a_table_of_all_prefixes(self, folder: str) -> None:
        code, out, _ = self.run(folder, "--count", "2")
        assert code == 0
        assert [depth for depth in range(1, 9) if "1" * depth + "0" * (8 - depth) in out] == [
            *range(1, 9)
        ]
        assert "2 pictures, 12 questions, 2 statements" in out
        assert "by kind of question" in out
        assert "by kind of statement" in out
        assert "statement accuracy" in out

    def test_chosen_patterns_on_a_folder_without_pictures(self, folder: str, world: Path) -> None:
        code, out, _ = self.run(
            folder, "--data", str(world), "--blank", "--patterns", "11001100, 10101010"
        )
        assert code == 0
        assert "blank pictures" in out
        assert "11001100" in out
        assert "11111111" not in out

    @pytest.mark.parametrize(
        "arguments",
        [
            ("nowhere",),
            ("{}", "--data", "nowhere"),
            ("{}", "--patterns", "1100"),
            ("{}", "--patterns", "01111111"),
            ("{}", "--patterns", "0,4"),
            ("{}", "--patterns", ","),
            ("{}", "--seed", "-1"),
            ("{}", "--questions", "99"),
            ("{}", "--device", "toaster", "--count", "1"),
            ("{}", "--device", "meta", "--count", "1"),
        ],
    )
    def test_errors_are_one_line(self, folder: str, arguments: tuple[str, ...]) -> None:
        code, out, err = self.run(*(each.format(folder) for each in arguments))
        assert code == 1
        assert out == ""
        assert len(err.strip().splitlines()) == 1
