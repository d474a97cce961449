"""Judgements of statements: accuracy, consistency, and NLVR2's result file."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from artifact.scoring.measures import TRUTHS
from artifact.scoring.statements import statement_scores
from artifact.task import REASON
from cli.commands.eval.tasks.contract import (
    JudgedTask,
    Scores,
    ask_in_words,
    no_groups,
    own_text,
)
from tuning.data.example import DataExample


def _scores(examples: Sequence[DataExample], answers: Sequence[str]) -> Scores:
    pairs = zip(examples, answers, strict=True)
    found = statement_scores((each.id, answer in each.answers) for each, answer in pairs)
    scores = {"accuracy": found.accuracy}
    return scores if found.consistency is None else {**scores, "consistency": found.consistency}


def _results(examples: Sequence[DataExample], answers: Sequence[str | None]) -> str:
    pairs = zip(examples, answers, strict=True)
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerows((each.id, (answer or TRUTHS[0]).capitalize()) for each, answer in pairs)
    return text.getvalue()


def _read(body: Any) -> str:
    return TRUTHS[bool(body["answer"])]


JUDGED = JudgedTask(
    model_task=REASON.name,
    texts=own_text,
    ask=ask_in_words(REASON.name),
    scores=_scores,
    groups=no_groups,
    results=_results,
    suffix="csv",
    read=_read,
)
