"""Reading a folder to the end: bad pictures, answers outside a list, the contact sheet."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from pictures.blocking import BlockingDecoder
from tests.tuning.data.reading import read_all, written
from tests.tuning.data.small_sets import SETS, lines
from tuning.data.check import check_answers, check_pictures
from tuning.data.labels import read_answer_list
from tuning.data.pixels import BadPicture, read_pixels
from tuning.data.problems import DataError, DataProblem, ProblemKind, Problems
from tuning.data.sets import DataSet
from tuning.data.sheet import contact_sheet


def silent(what: str, share: float) -> None:
    assert 0 <= share <= 1


def parts_of(folder: Path) -> list[DataSet]:
    return list(read_all(folder)[0].values())


def test_every_picture_is_decoded_once_and_bad_ones_are_named(tmp_path: Path) -> None:
    folder = written("jsonl", tmp_path)
    parts = parts_of(folder)
    (folder / "pictures/1.png").write_bytes((folder / "pictures/1.png").read_bytes()[:300])
    (folder / "pictures/2.png").write_text("no picture")
    (folder / "pictures/3.png").write_bytes(b"")
    found: list[DataProblem] = []
    checked = check_pictures(parts, Problems(found.append), silent)
    assert checked.count == 4
    said = {Path(each.where).name: each.what for each in found}
    assert checked.bad == {each.where for each in found}
    assert said["1.png"].startswith("is damaged (")
    assert said["2.png"].startswith("is no picture of a known format (JPEG, PNG")
    assert said["3.png"] == "is empty (0 bytes): copy it again"
    assert len(found) == 3


def test_pixels_are_the_servers(tmp_path: Path) -> None:
    folder = written("jsonl", tmp_path)
    with BlockingDecoder() as decoder:
        pixels = read_pixels(folder / "pictures/0.png", decoder, 16)
        assert pixels.shape == (16, 16, 3)
        with pytest.raises(BadPicture, match="No such file"):
            read_pixels(folder / "gone.png", decoder, 16)


def test_answers_outside_the_list_are_counted(tmp_path: Path) -> None:
    (data,) = [each for each in parts_of(written("jsonl", tmp_path)) if each.task == "vqa"]
    problems = Problems()
    check_answers(data, ["dog"], problems)
    assert not problems.counts  # "a dog" is the same answer
    check_answers(data, ["cat"], problems)
    assert problems.counts == {ProblemKind.LABEL: 2}
    assert str(problems.first(ProblemKind.LABEL)[0]) == "vqa train: 'dog', given 4 times"


def test_lists_of_answers(tmp_path: Path) -> None:
    file = tmp_path / "answers"
    file.write_text("yes\n\nno\n")
    assert read_answer_list(file) == ("yes", "no")
    file.write_text(json.dumps(["yes", "no"]))
    assert read_answer_list(file) == ("yes", "no")
    lines(file, [{"answer": "yes", "label": 0}, {"answer": "no", "label": 1}])
    assert read_answer_list(file) == ("yes", "no")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "lists no answer: give answer2label.txt"),
        ('["yes", ', "breaks off"),
        ("[1]", "is no list of texts"),
        ('{"answer": "yes", "label": 1}\n', "label 1 stands where 0 belongs"),
        ('{"answer": "yes"}\n', 'has no "label"'),
    ],
)
def test_what_is_no_list_of_answers_is_one_line(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "answers"
    file.write_text(text)
    with pytest.raises(DataError) as caught:
        read_answer_list(file)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match="cannot read the list of answers"):
        read_answer_list(tmp_path / "gone")


@pytest.mark.parametrize("name", SETS)
def test_a_sheet_is_drawn_of_every_format(name: str, tmp_path: Path) -> None:
    parts = parts_of(written(name, tmp_path))
    with BlockingDecoder() as decoder:
        sheet = contact_sheet(parts, decoder)
    assert sheet.width == 1172
    assert len(sheet.getcolors(maxcolors=2**20) or []) > 10


def test_a_sheet_of_nothing_and_of_bad_pictures_is_a_sheet(tmp_path: Path) -> None:
    parts = parts_of(written("jsonl", tmp_path))
    for path in (tmp_path / "jsonl/pictures").iterdir():
        path.write_bytes(b"bad")
    with BlockingDecoder() as decoder:
        assert isinstance(contact_sheet(parts, decoder), Image.Image)
        assert isinstance(contact_sheet([], decoder), Image.Image)
