"""Every reader: what it reads of a good folder."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from tests.tuning.data.reading import first, read_all, written
from tests.tuning.data.small_sets import PICTURES, SETS
from tuning.data.formats import FORMATS
from tuning.data.formats.vqav2 import HELD_OUT, held_out
from tuning.data.problems import DataError
from tuning.data.sets import open_folder


def test_every_format_has_a_small_set() -> None:
    assert set(SETS) == set(FORMATS)


@pytest.mark.parametrize("name", SETS)
def test_a_folder_is_known_by_its_files(name: str, tmp_path: Path) -> None:
    opened = open_folder(written(name, tmp_path))
    assert opened.format.name == name
    parts, problems = read_all(tmp_path / name)
    assert not problems
    empty = {split for (_, split), data in parts.items() if not len(data.examples)}
    assert empty <= {"trainable_val", "report", "tune"}  # so few pictures are all held out


def test_vqav2(tmp_path: Path) -> None:
    example = first("vqav2", tmp_path, "vqa", "train")
    assert example.text == "what is 0 in 0?"
    assert example.answers == ("dog",) * 7 + ("cat",) * 3
    assert example.kinds == ("what is", "other")
    assert (example.id, Path(example.pictures[0]).name) == ("0", "COCO_train2014_000000000000.jpg")


def test_the_dev_split_holds_out_the_same_pictures_for_everyone() -> None:
    names = {f"COCO_val2014_{i:012d}.jpg" for i in range(3 * HELD_OUT)}
    held = held_out(names)
    assert len(held) == HELD_OUT
    assert held == held_out(set(sorted(names)[::-1]))
    last = sorted(int(name[-8:-4]) for name in held)[-5:]
    assert last == [2977, 2978, 2979, 2984, 2998]


def test_the_dev_split_and_the_rest_are_val(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tuning.data.formats.vqav2.HELD_OUT", 1)
    parts, problems = read_all(written("vqav2", tmp_path))
    kept, held = (parts["vqa", name].examples for name in ("trainable_val", "rest_val"))
    assert not problems
    assert len(held) == 2
    assert len(kept) == 6
    ids = {each.id for each in kept} | {each.id for each in held}
    assert ids == {each.id for each in parts["vqa", "val"].examples}


def test_karpathy(tmp_path: Path) -> None:
    example = first("coco", tmp_path, "caption", "train")
    assert (example.id, len(example.answers)) == ("100", 5)
    assert example.answers[0] == "caption 0 of 0."
    parts, _ = read_all(tmp_path / "coco")
    assert len(parts["retrieval", "train"].examples) == 2  # with restval
    assert first("flickr30k", tmp_path, "retrieval", "val").id == "2"


def test_nlvr2(tmp_path: Path) -> None:
    example = first("nlvr2", tmp_path, "reason", "train")
    assert [Path(each).name for each in example.pictures] == [
        "train-0-0-img0.png",
        "train-0-0-img1.png",
    ]
    assert (example.answers, example.id) == (("true",), "train-0-0-1")
    assert first("nlvr2", tmp_path / "b", "reason", "test1").text == "there are 0 dogs"


def test_blip(tmp_path: Path) -> None:
    assert first("blip", tmp_path, "caption", "test").answers == ("one", "two")
    parts, _ = read_all(tmp_path / "blip")
    assert parts["caption", "test"].examples[3].id == "3"  # COCO's number, for result files
    assert parts["vqa", "train"].examples[0].answers == ("dog",)
    assert parts["reason", "dev"].examples[0].answers == ("true",)


def test_beit3(tmp_path: Path) -> None:
    example = first("beit3", tmp_path, "vqa", "train")
    assert (example.text, example.tokens) == (None, (5, 6))
    assert example.answers == ("dog",) * 4 + ("cat",)  # 1.0 is four people, 0.3 one
    parts, _ = read_all(tmp_path / "beit3")
    assert parts["caption", "val"].examples[1].tokens == ()
    assert parts["reason", "dev"].examples[0].answers == ("true",)


def test_easy_vqas_train_split_is_divided_by_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tuning.data.formats.easy_vqa._DIVIDED", 1)
    parts, problems = read_all(written("easy-vqa", tmp_path))
    assert not problems
    divided = [parts["vqa", name] for name in ("tune", "choose", "report")]
    assert [len(each.examples) for each in divided] == [2, 1, 1]
    assert frozenset().union(*(each.pictures for each in divided)) == parts["vqa", "train"].pictures


def test_easy_vqas_answers_have_the_types_of_vqa_v2(tmp_path: Path) -> None:
    examples = read_all(written("easy-vqa", tmp_path))[0]["vqa", "train"].examples
    assert [each.answers + each.kinds for each in examples[:2]] == [
        ("dog", "other"),
        ("yes", "yes/no"),
    ]


def test_own_jsonl(tmp_path: Path) -> None:
    assert first("jsonl", tmp_path, "reason", "dev").answers == ("false",)
    parts, _ = read_all(tmp_path / "jsonl")
    assert parts["caption", "test"].examples[2].id == "2"
    assert parts["retrieval", "test"].examples[2].answers == ("a dog",)


def test_a_table_gives_back_what_it_was_given(tmp_path: Path) -> None:
    data = read_all(written("vqav2", tmp_path))[0]["vqa", "train"].examples
    assert len(data) == 2 * PICTURES
    assert data[-1] == data[7]
    assert [each.id for each in data[1:4]] == ["1", "10", "11"]
    assert data.answers_given.sum() == 10 * len(data)
    with pytest.raises(IndexError):
        data[8]


def test_a_package_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError, match="pip install easy-vqa"):
        open_folder("easy-vqa")
