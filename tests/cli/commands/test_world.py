from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.commands.world import app
from tuning.world.dataset import read_captions, read_pairs, read_vqa


def test_world_writes_the_folder_and_says_so(tmp_path: Path):
    out = tmp_path / "w"
    result = CliRunner().invoke(app, [str(out), "--count", "3", "--seed", "5", "--questions", "2"])
    assert result.exit_code == 0, result.output
    assert "3 pictures, 6 questions, 3 captions, 4 statements" in result.stdout
    assert (len(read_vqa(out)), len(read_captions(out)), len(read_pairs(out))) == (6, 3, 4)


def test_as_many_statements_as_asked_for(tmp_path: Path):
    out = tmp_path / "w"
    result = CliRunner().invoke(app, [str(out), "--count", "2", "--statements", "5"])
    assert result.exit_code == 0, result.output
    assert len(read_pairs(out)) == 5
    for wrong in ("0", "17"):
        result = CliRunner().invoke(app, [str(tmp_path / "x"), "--statements", wrong])
        assert result.exit_code == 1
        assert result.stderr == (
            f"otmv: cannot make {wrong} statements per pair of pictures: use 1 to 16\n"
        )


@pytest.mark.parametrize("count", ["0", "-1"])
def test_an_impossible_order_is_one_line_on_stderr(tmp_path: Path, count: str):
    result = CliRunner().invoke(app, [str(tmp_path / "w"), "--count", count])
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == f"otmv: cannot make {count} pictures: ask for at least 1\n"


def test_a_taken_folder_is_not_touched(tmp_path: Path):
    (tmp_path / "[mine]").mkdir()
    (tmp_path / "[mine]" / "keep").write_text("")
    result = CliRunner().invoke(app, [str(tmp_path / "[mine]"), "--count", "1"])
    assert result.exit_code == 1
    assert "[mine] is already there" in result.stderr
    assert [path.name for path in (tmp_path / "[mine]").iterdir()] == ["keep"]


def test_help_teaches_by_example():
    result = CliRunner().invoke(app, ["--help"])
    assert result.exit_code == 0
    assert "otmv world world/train --count 2000 --seed 1" in result.stdout
