"""BLEU@4 and CIDEr-D against COCO's public code, and the tokenizer's stand-in."""

from __future__ import annotations

import json
from typing import Any

import pytest

from artifact.scoring.captions import caption_scores, tokenize
from tests.artifact.scoring.coco_reference import FILE


@pytest.mark.parametrize("case", json.loads(FILE.read_text()), ids=lambda c: len(c["given"]))
def test_scores_are_those_of_pycocoevalcap(case: dict[str, Any]) -> None:
    scores = caption_scores(case["given"], case["references"])
    assert scores.bleu4 == pytest.approx(case["bleu4"], abs=1e-12)
    assert scores.cider_d == pytest.approx(case["cider_d"], abs=1e-12)


def test_a_right_caption_is_perfect() -> None:
    references = [["a red cat sits on the mat"], ["two dogs run over a blue field"]]
    scores = caption_scores([texts[0] for texts in references], references)
    assert scores.bleu4 == pytest.approx(1)
    assert scores.cider_d == pytest.approx(10)


def test_what_cannot_be_scored_is_refused() -> None:
    with pytest.raises(ValueError, match="two pictures at least"):
        caption_scores(["a"], [["a"]])
    with pytest.raises(ValueError, match="a reference for each picture"):
        caption_scores(["a", "b"], [["a"], []])


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("A man isn't riding a horse.", "a man is n't riding a horse"),
        ("The dog's ball, and the dogs' bowl", "the dog 's ball and the dogs bowl"),
        ("They're here; we'll see!", "they 're here we 'll see"),
        ("a well-known black-and-white cat", "a well-known black-and-white cat"),
        ("He cannot go -- can't he?", "he can not go ca n't he"),
        ('a "stop" sign (red)...', "a stop sign red"),
        ("1,000 people at 10:30", "1,000 people at 10:30"),
        ("the u.s. flag", "the u.s. flag"),
        ("", ""),
    ],
)
def test_captions_are_split_as_in_the_penn_treebank(text: str, wanted: str) -> None:
    assert tokenize(text) == wanted
