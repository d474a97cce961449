"""`otmv eval`."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.commands.eval import app
from models.checkpoint import Checkpoint, save
from models.series import OtmvModel
from tuning.recipe import RECIPES
from tuning.tokens import world_tokenizer
from tuning.world.dataset import write_world
from tuning.world.vocabulary import ANSWERS


@pytest.fixture
def checkpoint() -> Checkpoint:
    model = OtmvModel(RECIPES["smoke"].config)
    return Checkpoint(model.eval(), world_tokenizer(), ANSWERS, None, {})


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("worlds") / "w"
    write_world(folder, count=3, seed=9, questions_per_picture=4)
    return folder


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
