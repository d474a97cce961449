"""What a recipe's task is tuned on: examples of some kinds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.tuning.data.small_sets import picture
from tuning.data.problems import DataError
from tuning.finetuning.task_data import TaskData, read_task_data
from tuning.recipes.sets import TunedOn


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    """A folder of our own JSONL: for each picture a question of each kind of answer."""
    folder = tmp_path / "questions"
    for split in ("train", "dev"):
        records: list[dict[str, Any]] = []
        for number in range(3):
            name = f"{split}{number}.png"
            picture(folder / name)
            shown = {"image": name, "question_type": "what"}
            records += [
                {**shown, "question": "is it red?", "answer": "yes", "answer_type": "yes/no"},
                {**shown, "question": "what is it?", "answer": "a dog", "answer_type": "other"},
                {**shown, "question": "how many?", "answer": "3", "answer_type": "number"},
            ]
        lines = "".join(json.dumps(each) + "\n" for each in records)
        (folder / f"vqa.{split}.jsonl").write_text(lines)
    return folder


def read(folder: Path, *kinds: str) -> TaskData:
    said = TunedOn(data=str(folder), chooses="dev", batch=2, kinds=kinds)
    return read_task_data("vqa", said)


def answers(data: TaskData) -> list[str]:
    return sorted({answer for each in data.tuned.examples for answer in each.answers})


def test_only_examples_of_the_named_kinds_are_tuned_on(questions: Path) -> None:
    assert answers(read(questions)) == ["3", "a dog", "yes"]
    some = read(questions, "other", "number")
    assert answers(some) == ["3", "a dog"]
    assert len(some.tuned.examples) == 6
    assert some.chooses is not None
    assert len(some.chooses.examples) == 9


def test_a_kind_that_is_not_there_is_named_with_those_that_are(questions: Path) -> None:
    with pytest.raises(DataError, match="no examples of kind 'others'") as raised:
        read(questions, "others")
    assert "number, other, what, yes/no" in str(raised.value)
