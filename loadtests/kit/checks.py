"""Is an answer whole, is it right, and does the server count what the users counted?"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from artifact.scoring import phrase_recall, vqa_accuracy
from loadtests.kit.cases import CaptionCase, ReasonCase, VqaCase

_SERVED = {
    "variant",
    "skip_pattern",
    "executed_blocks",
    "quality",
    "predicted_ms",
    "deadline_met",
    "degraded",
    "timings_ms",
}
_PHASES = {"decode", "preprocess", "queue", "stem", "blocks", "head", "total"}
_REQUESTS = re.compile(r'^otmv_requests_total\{[^}]*outcome="(\w+)"[^}]*\} (\S+)$', re.MULTILINE)


class WrongAnswer(Exception):
    """A response that is not what the API promises."""


@dataclass
class Score:
    """Right answers per variant, as sums of scores in 0..1."""

    right: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    asked: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, variant: str, score: float) -> None:
        """Count one answer."""
        self.right[variant] += score
        self.asked[variant] += 1

    def lines(self) -> list[str]:
        """Return one line per variant."""
        return [
            f"{variant:10} {self.right[variant] / asked:.3f} of {asked}"
            for variant, asked in sorted(self.asked.items())
        ]


def check_vqa(body: Mapping[str, Any], case: VqaCase, score: Score) -> None:
    """Check a VQA response to one question and count whether it is right.

    Raises:
        WrongAnswer: something promised is missing.
    """
    (answer,) = _need(body, "answers")
    _check_served(answer)
    if answer["question"] != case.question:
        raise WrongAnswer(f"answered {answer['question']!r} instead of {case.question!r}")
    ranked = _need(answer, "top_k")
    scores = [item["score"] for item in ranked]
    if not ranked or scores != sorted(scores, reverse=True):
        raise WrongAnswer("top_k is not ranked")
    if case.answer is not None:
        score.add(answer["variant"], vqa_accuracy(answer["answer"], [case.answer] * 10))


def check_caption(body: Mapping[str, Any], case: CaptionCase, score: Score) -> None:
    """Check a caption response and count the share of phrases it names.

    Raises:
        WrongAnswer: something promised is missing.
    """
    _check_served(body)
    caption = _need(body, "caption")
    if case.phrases:
        score.add(body["variant"], phrase_recall(caption, case.phrases))


def check_reason(body: Mapping[str, Any], case: ReasonCase, score: Score) -> None:
    """Check what is said of a statement and count whether it is right.

    Raises:
        WrongAnswer: something promised is missing.
    """
    _check_served(body)
    if _need(body, "statement") != case.statement:
        raise WrongAnswer(f"judged {body['statement']!r} instead of {case.statement!r}")
    answer = _need(body, "answer")
    if not isinstance(answer, bool):
        raise WrongAnswer(f"{answer!r} is neither true nor false")
    if case.truth is not None:
        score.add(body["variant"], float(answer == case.truth))


def requests_by_outcome(metrics_page: str) -> dict[str, float]:
    """Return `otmv_requests_total` summed per outcome."""
    found: dict[str, float] = defaultdict(float)
    for outcome, value in _REQUESTS.findall(metrics_page):
        found[outcome] += float(value)
    return dict(found)


def _check_served(answer: Mapping[str, Any]) -> None:
    if missing := _SERVED - set(answer):
        raise WrongAnswer(f"the answer lacks {sorted(missing)}")
    if set(answer["timings_ms"]) != _PHASES:
        raise WrongAnswer(f"phases are {sorted(answer['timings_ms'])}")
    executed = answer["skip_pattern"]["executed_orders"]
    if not len(executed) == answer["executed_blocks"] == answer["skip_pattern"]["bits"].count("1"):
        raise WrongAnswer("the skip pattern contradicts itself")


def _need(body: Mapping[str, Any], name: str) -> Any:
    if name not in body:
        raise WrongAnswer(f"the answer lacks {name}")
    return body[name]
