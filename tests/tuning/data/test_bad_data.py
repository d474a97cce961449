"""Every reader: what it says of a bad folder, and what it reads of it all the same."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tuning.data.reading import load_all, read_all, written
from tests.tuning.data.small_sets import PICTURES, SETS, lines, picture, whole
from tuning.data.problems import DataError, DataProblem, ProblemKind
from tuning.data.sets import check_apart, load, open_folder

JSON_OF = {
    "vqav2": "v2_mscoco_train2014_annotations.json",
    "coco": "dataset_coco.json",
    "flickr30k": "dataset_flickr30k.json",
    "nlvr2": "train.json",
    "blip": "vqa_train.json",
    "beit3": "vqa.train.jsonl",
    "easy-vqa": "train/questions.json",
    "world": "vqa.jsonl",
    "jsonl": "vqa.train.jsonl",
}


@pytest.mark.parametrize("name", SETS)
def test_a_cut_off_file_is_named_and_what_stands_before_is_read(name: str, tmp_path: Path) -> None:
    folder = written(name, tmp_path)
    file = folder / JSON_OF[name]
    file.write_bytes(file.read_bytes()[:-40])
    parts, problems = read_all(folder)
    broken = [each for each in problems if each.kind is ProblemKind.FILE]
    assert all(file.name in each.where for each in broken)
    assert "breaks off" in broken[0].what
    assert "copy or download it again" in broken[0].what
    assert sum(len(data.examples) for data in parts.values())
    with pytest.raises(DataError, match="breaks off") as caught:
        load_all(folder)
    assert "\n" not in str(caught.value)


def gone(path: Path) -> None:
    path.unlink()


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def no_bytes(path: Path) -> None:
    path.write_bytes(b"")


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


BAD_PICTURES: dict[str, tuple[Callable[[Path], None], str]] = {
    "gone": (gone, "is not there: copy it"),
    "a folder": (a_folder, "is a folder, not a picture"),
    "empty": (no_bytes, "is empty (0 bytes): copy it again"),
    "a pipe": (a_pipe, "is no file"),
}


@pytest.mark.parametrize("bad", BAD_PICTURES)
@pytest.mark.parametrize("name", SETS)
def test_a_picture_that_is_none_is_named_once(name: str, bad: str, tmp_path: Path) -> None:
    folder = written(name, tmp_path)
    spoil, said = BAD_PICTURES[bad]
    opened = open_folder(folder)
    part = opened.parts[0]
    one = opened.read(part, opened.problems()).examples[0]
    spoil(Path(one.pictures[0]))
    found: list[DataProblem] = []
    data = opened.read(part, opened.problems(found.append))
    assert [each.kind for each in found] == [ProblemKind.PICTURE]
    assert Path(one.pictures[0]).name in found[0].where
    assert said in found[0].what
    assert data.left_out >= 1
    assert one.id not in {each.id for each in data.examples}


def spoil_record(file: Path, spoil: Callable[[dict[str, object]], None]) -> None:
    """Change the second record of a file."""
    text = file.read_text()
    if file.suffix == ".jsonl" or "\n" in text.strip():
        records = [json.loads(line) for line in text.splitlines()]
        spoil(records[1])
        lines(file, records)
    else:
        value = json.loads(text)
        inside = value if isinstance(value, list) else value.get("annotations") or value["images"]
        spoil(inside[1])
        whole(file, value)


ANSWERS = {
    "vqav2": ("answers", 'has no "answers"'),
    "coco": ("sentences", 'has no "sentences"'),
    "flickr30k": ("sentences", 'has no "sentences"'),
    "nlvr2": ("label", '"label" must be true or false'),
    "world": ("answer", 'has no "answer"'),
    "jsonl": ("answers", 'has neither "answer" nor "answers"'),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_a_record_without_its_answers_is_named_and_the_others_are_read(
    name: str, tmp_path: Path
) -> None:
    folder = written(name, tmp_path)
    field, said = ANSWERS[name]
    spoil_record(folder / JSON_OF[name], lambda record: record.pop(field))
    parts, problems = read_all(folder)
    assert {each.kind for each in problems} == {ProblemKind.RECORD}
    assert said in problems[0].what
    assert JSON_OF[name] in problems[0].where
    assert "2" in problems[0].where
    assert all(len(data.examples) for (_, split), data in parts.items() if split == "train")


def test_blips_and_beit3s_secret_answers_are_no_fault(tmp_path: Path) -> None:
    for name, fields in (("blip", ["answer"]), ("beit3", ["labels", "scores"])):
        folder = written(name, tmp_path)
        for field in fields:
            spoil_record(folder / JSON_OF[name], lambda record, f=field: record.pop(f))
        parts, problems = read_all(folder)
        assert not problems
        assert parts["vqa", "train"].examples[1].answers == ()


def test_an_easy_vqa_question_without_an_answer_is_named(tmp_path: Path) -> None:
    folder = written("easy-vqa", tmp_path)
    whole(folder / "train/questions.json", [["is it?", "", 0], ["is it?", "yes", 1], ["what?"]])
    parts, problems = read_all(folder)
    assert [each.where for each in problems] == [
        "questions.json, record 1",
        "questions.json, record 3",
    ]
    assert len(parts["vqa", "train"].examples) == 1


def test_a_question_without_annotation_is_named(tmp_path: Path) -> None:
    folder = written("vqav2", tmp_path)
    file = folder / JSON_OF["vqav2"]
    value = json.loads(file.read_text())
    value["annotations"][0]["question_id"] = 999
    whole(file, value)
    said = " ".join(str(each) for each in read_all(folder)[1])
    assert "question 0: has no answers in v2_mscoco_train2014_annotations.json" in said
    assert "question '999' is not among the questions" in said
    file.write_bytes(file.read_bytes()[:-500])
    assert not [each for each in read_all(folder)[1] if "has no answers" in each.what]
    file.unlink()
    with pytest.raises(DataError, match=r"annotations\.json: cannot be read .* copy or"):
        load_all(folder)


def test_lines_that_are_no_json_are_named_one_by_one(tmp_path: Path) -> None:
    folder = written("jsonl", tmp_path)
    file = folder / "vqa.train.jsonl"
    file.write_text("{\n" + file.read_text() + "[1]\n" + '{"image": 3}\n')
    parts, problems = read_all(folder)
    assert [str(each) for each in problems] == [
        "vqa.train.jsonl, line 1: is no JSON: mend the line, or take it out",
        "vqa.train.jsonl, line 6: is no object with fields but a list",
        'vqa.train.jsonl, line 7: "image" is a number, not a text',
    ]
    assert len(parts["vqa", "train"].examples) == PICTURES


@pytest.mark.parametrize("name", SETS)
def test_another_format_is_refused_with_the_right_one(name: str, tmp_path: Path) -> None:
    folder = written(name, tmp_path)
    other = "nlvr2" if name != "nlvr2" else "coco"
    with pytest.raises(DataError, match=f"it looks like {name}: --format {name}") as caught:
        open_folder(folder, other)
    assert "\n" not in str(caught.value)


def test_two_formats_in_one_folder_are_named(tmp_path: Path) -> None:
    for name in ("coco", "jsonl"):
        SETS[name](tmp_path)
    with pytest.raises(DataError, match=r"several formats: coco, jsonl: choose one \(--format\)"):
        open_folder(tmp_path)
    assert open_folder(tmp_path, "coco").format.name == "coco"


def test_records_of_another_format_are_recognised(tmp_path: Path) -> None:
    folder = written("jsonl", tmp_path)
    record = {"sentence": "so", "label": "True", "identifier": "dev-1-1-1"}
    lines(folder / "vqa.train.jsonl", [record])
    _, problems = read_all(folder)
    assert 'has no "image"; it has the fields of "nlvr2"' in str(problems[0])


def test_what_cannot_be_opened_is_one_line(tmp_path: Path) -> None:
    said = {"gone": "there is no folder", "file": "is a file: name the folder that it lies in"}
    said["empty"] = "holds no data of a known format (nothing)"
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty").mkdir()
    for name, text in said.items():
        with pytest.raises(DataError) as caught:
            open_folder(tmp_path / name)
        assert text in str(caught.value)
    with pytest.raises(DataError, match="no format 'coc': there are vqav2, coco"):
        open_folder(tmp_path / "empty", "coc")


def test_names_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    folder = written("jsonl", tmp_path)
    picture(tmp_path / "outside.png")
    records = [
        {"image": name, "question": "what?", "answer": "dog"}
        for name in ("../outside.png", str(tmp_path / "outside.png"), "pictures/0.png")
    ]
    lines(folder / "vqa.train.jsonl", records)
    parts, problems = read_all(folder)
    assert len(parts["vqa", "train"].examples) == 1
    assert all("lies outside of the picture folder" in each.what for each in problems)


def test_pictures_may_lie_elsewhere(tmp_path: Path) -> None:
    folder = written("coco", tmp_path)
    (folder / "val2014").rename(tmp_path / "val2014")
    opened = open_folder(folder, pictures=tmp_path)
    data = load(opened, "caption", "test", opened.problems())
    assert data.examples[0].pictures == (str(tmp_path / "val2014/picture3.jpg"),)
    with pytest.raises(DataError, match=r"no usable example: val2014/picture0\.jpg: is not there"):
        load_all(folder)


def test_splits_that_share_pictures_cannot_choose_and_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tuning.data.formats.vqav2.HELD_OUT", 1)
    parts, _ = read_all(written("vqav2", tmp_path))
    val, held, kept = (parts["vqa", name] for name in ("val", "rest_val", "trainable_val"))
    check_apart(held, kept)
    with pytest.raises(DataError, match="1 pictures are in rest_val, which chooses, and in val"):
        check_apart(held, val)
