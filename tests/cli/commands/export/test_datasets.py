"""Examples of an export from a data set."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.commands.export.command import app
from cli.commands.export.datasets import splits_of
from models.checkpoint import Checkpoint, save
from models.series import OtmvModel
from tests.tuning.data.small_sets import lines, picture
from tuning.data.problems import DataError, ProblemKind
from tuning.data.sets import DataFolder, open_folder
from tuning.recipe import RECIPES
from tuning.tokens import world_tokenizer
from tuning.world.vocabulary import ANSWERS

TEXT = "what color is the circle?"


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    model = OtmvModel(RECIPES["smoke"].config).eval()
    return Checkpoint(model, world_tokenizer(), ANSWERS, None, {})


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    """Questions and statements about eight pictures: four of each split."""
    for number in range(8):
        picture(tmp_path / f"{number}.png", number)
    for split, first in (("mine", 0), ("last", 4)):
        names = [f"{number}.png" for number in range(first, first + 4)]
        answers = ["blue", "red", "red"]
        asked = [{"image": name, "question": TEXT, "answers": answers} for name in names]
        lines(tmp_path / f"vqa.{split}.jsonl", asked)
        said = {"statement": "both images contain a circle", "truth": True}
        lines(tmp_path / f"reason.{split}.jsonl", [{"images": names[:2], **said}])
        lines(tmp_path / f"caption.{split}.jsonl", [{"image": names[0], "caption": "a circle"}])
    return open_folder(tmp_path)


def test_one_split_chooses_and_another_reports(checkpoint: Checkpoint, folder: DataFolder) -> None:
    (folder.path / "1.png").write_bytes(b"bad")
    longest = {"image": "0.png", "question": "what " * 99, "answer": "red"}
    with (folder.path / "vqa.mine.jsonl").open("a") as file:
        file.write(str(longest).replace("'", '"') + "\n")
    splits, problems = splits_of(checkpoint, folder, "mine", "last", most=3)
    assert splits.names == ("jsonl mine", "jsonl last")
    assert [each.task for each in splits.search] == ["vqa"] * 3  # the statement shows 1.png
    assert [each.task for each in splits.report] == ["reason", "vqa", "vqa", "vqa"]
    assert splits.search[0].answers == ("red", "red", "blue")
    assert splits.report[0].truth is True
    assert list(splits.golden) == list(splits.search)
    assert problems.counts == {ProblemKind.PICTURE: 1, ProblemKind.RECORD: 1}


def test_splits_that_share_pictures_are_refused(checkpoint: Checkpoint, folder: DataFolder) -> None:
    with pytest.raises(DataError, match="which chooses, and in mine, which reports"):
        splits_of(checkpoint, folder, "mine", "mine", 3)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "has the splits last, mine: give --choose and --report, two of them"),
        (["--choose", "mine", "--report", "gone"], "has no split 'gone' for"),
    ],
)
def test_what_cannot_be_exported_is_one_line(
    checkpoint: Checkpoint, folder: DataFolder, tmp_path: Path, words: list[str], said: str
) -> None:
    save(tmp_path / "tuned", checkpoint)
    command = [str(tmp_path / "tuned"), "--data", str(folder.path), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, [*command, *words])
    assert result.exit_code == 1
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
