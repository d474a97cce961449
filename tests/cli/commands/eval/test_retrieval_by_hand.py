"""Ranks of captions and pictures worked out by hand, and what is written of them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from cli.commands.eval.tasks.retrieval import JUDGED, PairRanks, PairVectors
from tuning.data.example import DataExample
from tuning.data.problems import BadRecord


def unit(*values: float) -> np.ndarray:
    return np.array([values], np.float32)


EXAMPLES = [
    DataExample("7", ("a.jpg",), answers=("one", "two")),
    DataExample("8", ("b.jpg",), answers=("three",)),
    DataExample("9", ("c.jpg",), answers=("lost",)),
    DataExample("10", ("a.jpg",), answers=("four",)),
]
"""Picture a.jpg has its captions in two records; that of c.jpg cannot be read."""

VECTORS = [
    PairVectors(unit(1, 0), np.array([[0, 1], [0.6, 0.8]], np.float32)),
    PairVectors(unit(0, 1), unit(0.8, 0.6)),
    None,
    PairVectors(unit(1, 0), unit(1, 0)),
]


def test_ranks_by_hand() -> None:
    """Each picture beside the captions "one", "two", "three" and "four".

    a.jpg: 0, 0.6, 0.8, 1: finds "four", its own, first. b.jpg: 1, 0.8, 0.6, 0: finds "three", its
    own, third. "one", "two" and "three" are nearer to the other picture; "four" finds its own.
    """
    found = JUDGED.settled(EXAMPLES, VECTORS)
    assert found == [PairRanks(1, (2, 2)), PairRanks(3, (2,)), None, PairRanks(1, (1,))]
    judged = [(e, each) for e, each in zip(EXAMPLES, found, strict=True) if each]
    examples, ranks = [e for e, _ in judged], [each for _, each in judged]
    assert JUDGED.scores(examples, ranks) == {
        "text to picture R@1": 0.25,
        "text to picture R@5": 1.0,
        "text to picture R@10": 1.0,
        "picture to text R@1": 0.5,
        "picture to text R@5": 1.0,
        "picture to text R@10": 1.0,
    }
    assert (JUDGED.note(examples) or "").startswith("among 2 pictures and 4 captions")
    rows = json.loads(JUDGED.results(EXAMPLES, found))
    assert rows[0] == {
        "image_id": 7,
        "caption_rank": 1,
        "captions": [
            {"caption": "one", "picture_rank": 2},
            {"caption": "two", "picture_rank": 2},
        ],
    }
    assert rows[2]["captions"] == [{"caption": "lost", "picture_rank": None}]
    assert JUDGED.settled(EXAMPLES[2:3], [None]) == [None]


@pytest.mark.parametrize(
    ("example", "said"),
    [
        (DataExample("1", ("a",), tokens=(5, 6)), "comes as token ids"),
        (DataExample("1", ("a",)), "has no caption"),
    ],
)
def test_what_has_no_words_is_named(example: DataExample, said: str) -> None:
    with pytest.raises(BadRecord, match=said):
        JUDGED.texts(example)
