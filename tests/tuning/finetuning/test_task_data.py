"""What a recipe's task is tuned on: examples of some kinds several times."""

from __future__ import annotations

import json
from collections import Counter
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


def read(folder: Path, **repeats: int) -> TaskData:
    said = TunedOn(data=str(folder), chooses="dev", batch=2, repeats=repeats)
    return read_task_data("vqa", said)


def answers(data: TaskData) -> Counter[str]:
    return Counter(answer for each in data.tuned.examples for answer in each.answers)


def test_examples_of_a_kind_are_repeated(questions: Path) -> None:
    assert answers(read(questions)) == {"yes": 3, "a dog": 3, "3": 3}
    repeated = read(questions, other=4, number=2)
    assert answers(repeated) == {"yes": 3, "a dog": 12, "3": 6}
    assert repeated.chooses is not None
    assert len(repeated.chooses.examples) == 9


def test_an_example_of_several_kinds_is_repeated_as_the_most_frequent(questions: Path) -> None:
    assert answers(read(questions, other=4, what=2)) == {"yes": 6, "a dog": 12, "3": 6}


def test_a_kind_that_is_not_there_is_named_with_those_that_are(questions: Path) -> None:
    with pytest.raises(DataError, match="no examples of kind 'others'") as raised:
        read(questions, others=2)
    assert "number, other, what, yes/no" in str(raised.value)
