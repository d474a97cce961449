"""Judging of each task: scores, groups, official result files."""

from __future__ import annotations

import csv
import io
import json

import pytest

from artifact.task import model_tasks
from cli.commands.eval.tasks import JUDGED_TASKS
from tuning.data.example import DataExample


def question(key: str, answers: tuple[str, ...], *kinds: str) -> DataExample:
    return DataExample(key, ("a.jpg",), "what?", answers, kinds)


def test_every_task_is_judged() -> None:
    assert {judged.model_task for judged in JUDGED_TASKS.values()} == set(model_tasks())


def test_vqa() -> None:
    judged = JUDGED_TASKS["vqa"]
    examples = [
        question("1", ("dog",) * 10, "what", "other"),
        question("2", ("2",) * 3 + ("3",) * 7, "how many", "number"),
        question("3", ("cats",) * 4 + ("cat",) * 6, "what", "other"),
    ]
    answers = ["dog", "2", "cots"]
    scores = judged.scores(examples, answers)
    assert scores == {
        "VQA accuracy": pytest.approx(1.9 / 3),
        "ANLS": pytest.approx((1 + 1 + 0.75) / 3),
    }
    assert judged.groups(examples, answers) == {
        "by question type": {"how many": pytest.approx(0.9), "what": 0.5},
        "by answer type": {"number": pytest.approx(0.9), "other": 0.5},
    }
    assert judged.groups([question("1", ("dog",), "colour")], ["dog"]) == {
        "by kind": {"colour": 1.0}
    }
    assert judged.groups([question("1", ("dog",))], ["dog"]) == {}
    assert json.loads(judged.results(examples, ["dog", None, "cots"])) == [
        {"question_id": 1, "answer": "dog"},
        {"question_id": 2, "answer": ""},
        {"question_id": 3, "answer": "cots"},
    ]
    assert judged.read({"answers": [{"answer": "dog"}]}) == "dog"


def test_captions() -> None:
    judged = JUDGED_TASKS["caption"]
    examples = [
        DataExample("7", ("a.jpg",), answers=("A dog runs over the grass.", "a dog")),
        DataExample("8", ("b.jpg",), answers=("Two cats sit on a red mat",)),
    ]
    scores = judged.scores(examples, ["a dog runs over the grass", "two cats sit on a red mat"])
    assert scores["BLEU@4"] == pytest.approx(1)
    assert scores["CIDEr-D"] > 5
    assert "stand-in for the Stanford PTB tokenizer" in (judged.note(examples) or "")
    assert json.loads(judged.results(examples, ["a dog", None])) == [
        {"image_id": 7, "caption": "a dog"},
        {"image_id": 8, "caption": ""},
    ]
    assert judged.read({"caption": "a dog"}) == "a dog"


def test_statements() -> None:
    judged = JUDGED_TASKS["reason"]
    examples = [
        DataExample(f"dev-1-{pair}-0", ("a", "b"), "so", (truth,))
        for pair, truth in enumerate(("true", "false"))
    ]
    assert judged.scores(examples, ["true", "true"]) == {"accuracy": 0.5, "consistency": 0.0}
    assert judged.results(examples, ["true", None]) == "dev-1-0-0,True\ndev-1-1-0,False\n"
    named = [DataExample("a, b: so", ("a", "b"), "so", ("true",))]
    assert judged.scores(named, ["true"]) == {"accuracy": 1.0}
    assert list(csv.reader(io.StringIO(judged.results(named, ["true"])))) == [["a, b: so", "True"]]
    assert judged.read({"answer": True}) == "true"
