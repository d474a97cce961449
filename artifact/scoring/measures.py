"""How each task's answers are scored, 0 to 1."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from artifact.scoring.answers import vqa_accuracy
from artifact.scoring.phrases import objects_named
from artifact.scoring.retrieval import share_found


class CaseFields(Protocol):
    """What a labelled case asks, and what is right; as `LabelledCase` has it."""

    @property
    def text(self) -> str | None:
        """What is asked or said about its pictures; None if they come without a text."""
        ...

    @property
    def answers(self) -> tuple[str, ...]:
        """The right answers of a question, each annotator's."""
        ...

    @property
    def phrases(self) -> tuple[str, ...]:
        """The phrases a right caption contains, one for each object."""
        ...

    @property
    def truth(self) -> bool | None:
        """Whether a statement holds."""
        ...


@dataclass(frozen=True)
class Measure:
    """How a task's answers are scored, 0 to 1.

    Attributes:
        name: what the number is called in tables and model cards.
        score: from the given answers (labels, or texts) and their cases, as many and at least
            one, to the number.
    """

    name: str
    score: Callable[[Sequence[str], Sequence[CaseFields]], float]


TRUTHS = ("false", "true")
"""What the two logits of a statement say."""


def _vqa_score(given: Sequence[str], cases: Sequence[CaseFields]) -> float:
    pairs = zip(given, cases, strict=True)
    return float(np.mean([vqa_accuracy(answer, case.answers) for answer, case in pairs]))


def _caption_score(given: Sequence[str], cases: Sequence[CaseFields]) -> float:
    return objects_named(given, (case.phrases for case in cases))


def _reason_score(given: Sequence[str], cases: Sequence[CaseFields]) -> float:
    pairs = zip(given, cases, strict=True)
    return float(np.mean([answer == TRUTHS[bool(case.truth)] for answer, case in pairs]))


def _found_score(given: Sequence[str], cases: Sequence[CaseFields]) -> float:
    """Return R@1: `given` are the places of the cases that were found, in digits."""
    return share_found([int(place) for place in given])


VQA_ACCURACY = Measure("VQA accuracy", _vqa_score)
OBJECTS_NAMED = Measure("objects named", _caption_score)
TRUTH_ACCURACY = Measure("accuracy", _reason_score)
PICTURE_FINDS_TEXT = Measure("R@1, picture to text", _found_score)
TEXT_FINDS_PICTURE = Measure("R@1, text to picture", _found_score)
