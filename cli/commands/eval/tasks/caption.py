"""Captions: BLEU@4, CIDEr-D, and COCO's result file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from artifact.scoring.captions import TOKENIZER, caption_scores, tokenize
from artifact.task import CAPTION
from cli.commands.eval.tasks.contract import (
    JudgedTask,
    Scores,
    ask_in_words,
    no_groups,
    no_text,
    number_of,
)
from tuning.data.example import DataExample


def _scores(examples: Sequence[DataExample], answers: Sequence[str]) -> Scores:
    references = [[tokenize(text) for text in each.answers] for each in examples]
    found = caption_scores([tokenize(answer) for answer in answers], references)
    return {"BLEU@4": found.bleu4, "CIDEr-D": found.cider_d}


def _results(examples: Sequence[DataExample], answers: Sequence[str | None]) -> str:
    pairs = zip(examples, answers, strict=True)
    return json.dumps(
        [{"image_id": number_of(each.id), CAPTION.name: answer or ""} for each, answer in pairs]
    )


def _read(body: Any) -> str:
    return str(body[CAPTION.name])


def _note(examples: Sequence[DataExample]) -> str:
    return f"captions split into words by a {TOKENIZER}; papers print 100 times CIDEr-D"


JUDGED = JudgedTask(
    model_task=CAPTION.name,
    texts=no_text,
    ask=ask_in_words(CAPTION.name),
    scores=_scores,
    groups=no_groups,
    results=_results,
    suffix="results.json",
    read=_read,
    note=_note,
)
