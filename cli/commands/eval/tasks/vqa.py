"""Answers to questions: VQA accuracy, ANLS, and VQA v2's result file."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from artifact.scoring.answers import vqa_accuracy
from artifact.scoring.spelling import anls
from artifact.task import VQA
from cli.commands.eval.tasks.contract import (
    JudgedTask,
    Scores,
    ask_in_words,
    number_of,
    own_text,
)
from tuning.data.example import DataExample

_TITLES = {1: ("by kind",), 2: ("by question type", "by answer type")}


def _scores(examples: Sequence[DataExample], answers: Sequence[str]) -> Scores:
    spelt = [
        anls(answer, tuple(set(each.answers)))
        for each, answer in zip(examples, answers, strict=True)
    ]
    return {"VQA accuracy": float(np.mean(_each(examples, answers))), "ANLS": float(np.mean(spelt))}


def _each(examples: Sequence[DataExample], answers: Sequence[str]) -> list[float]:
    pairs = zip(examples, answers, strict=True)
    return [vqa_accuracy(answer, example.answers) for example, answer in pairs]


def _groups(examples: Sequence[DataExample], answers: Sequence[str]) -> Mapping[str, Scores]:
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for example, score in zip(examples, _each(examples, answers), strict=True):
        for title, kind in zip(_TITLES.get(len(example.kinds), ()), example.kinds, strict=False):
            found[title][kind].append(score)
    return {
        title: {kind: float(np.mean(scores)) for kind, scores in sorted(kinds.items())}
        for title, kinds in found.items()
    }


def _results(examples: Sequence[DataExample], answers: Sequence[str | None]) -> str:
    pairs = zip(examples, answers, strict=True)
    return json.dumps(
        [{"question_id": number_of(each.id), "answer": answer or ""} for each, answer in pairs]
    )


def _read(body: Any) -> str:
    return str(body["answers"][0]["answer"])


JUDGED = JudgedTask(
    model_task=VQA.name,
    texts=own_text,
    ask=ask_in_words(VQA.name),
    scores=_scores,
    groups=_groups,
    results=_results,
    suffix="results.json",
    read=_read,
)
