"""`otmv data`."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from cli.commands.data import app
from tests.tuning.data.small_sets import SETS, lines


def run(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, words, env={"COLUMNS": "80"})
    return result.exit_code, result.stdout, result.stderr


def checked(folder: Path, *words: str) -> tuple[int, str, str]:
    return run("check", str(folder), "--out", str(folder / "out"), *words)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    SETS["jsonl"](tmp_path / "mine")
    return tmp_path / "mine"


def test_a_good_folder_is_counted_and_shown(folder: Path) -> None:
    code, out, err = checked(folder)
    assert code == 0, out + err
    assert "holds JSONL of your own (jsonl)" in err
    assert "nothing is wrong" in out
    assert "│ vqa       │ train │        4 │        4 │        0 │" in out
    with Image.open(folder / "out/sheet.png") as sheet:
        assert sheet.format == "PNG"
    assert (folder / "out/problems.txt").read_text() == ""


def test_everything_wrong_is_counted_named_and_listed(folder: Path) -> None:
    records: list[object] = [{"image": "pictures/0.png"}] * 7
    lines(
        folder / "vqa.train.jsonl", [*records, {"image": "x.png", "question": "?", "answer": "y"}]
    )
    (folder / "pictures/1.png").write_bytes(b"bad")
    code, out, _ = checked(folder)
    assert code == 1
    assert 'broken records: 7\n  vqa.train.jsonl, line 1: has no "question"\n' in out
    assert "  and 2 more, in" in out
    assert "bad pictures: 2\n  x.png: is not there: copy it, or say where pictures lie" in out
    assert all(len(line) <= 200 for line in out.splitlines())
    listed = (folder / "out/problems.txt").read_text().splitlines()
    assert len(listed) == 9
    assert listed[6] == 'broken records: vqa.train.jsonl, line 7: has no "question"'
    code, out, _ = checked(folder, "--no-decode")
    assert "bad pictures: 1\n" in out


def test_answers_outside_the_list_do_not_fail(folder: Path) -> None:
    (folder / "labels.txt").write_text("cat\n")
    code, out, _ = checked(folder, "--labels", str(folder / "labels.txt"))
    assert code == 0
    assert "answers outside the list: 2\n  vqa train: 'dog', given 4 times\n" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["gone"], "there is no folder gone: name the data's folder"),
        ([".", "--format", "coc"], "no format 'coc': there are vqav2, coco"),
    ],
)
def test_what_cannot_be_read_is_one_line(words: list[str], said: str) -> None:
    code, out, err = run("check", *words)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_a_folder_that_cannot_be_written_is_one_line(folder: Path) -> None:
    (folder / "file").write_text("")
    code, _, err = run("check", str(folder), "--out", str(folder / "file/out"))
    assert code == 2
    assert "choose another --out" in err
    assert err.count("\n") == 1


def test_formats_are_listed() -> None:
    code, out, _ = run("formats")
    assert code == 0
    assert all(name in out for name in SETS)
    assert max(map(len, out.splitlines())) <= 80
