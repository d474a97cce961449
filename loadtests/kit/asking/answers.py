"""Is an answer whole, how many were right, and what did the server count?"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from artifact.stage import PHASES

_SERVED = {
    "variant",
    "skip_pattern",
    "executed_blocks",
    "variant_quality",
    "predicted_ms",
    "deadline_met",
    "degraded",
    "degraded_because",
    "timings_ms",
}
_PHASES = {"decode", "preprocess", "queue", *PHASES, "total"}
_REQUESTS = re.compile(r'^otmv_requests_total\{[^}]*outcome="(\w+)"[^}]*\} (\S+)$', re.MULTILINE)

_SHED = re.compile(
    r'^otmv_shed_total\{reason="(front_busy|intake_full|not_ready)"\} (\S+)$', re.MULTILINE
)


class WrongAnswer(Exception):
    """A response that is not what the API promises."""


@dataclass
class RightAnswers:
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


def problem_kind(body: str) -> str | None:
    """Return the kind of an RFC 9457 problem; None of anything else."""
    try:
        return str(json.loads(body)["type"]).rpartition(":")[2]
    except (ValueError, KeyError, TypeError):
        return None


def requests_by_outcome(metrics_page: str) -> dict[str, float]:
    """Return `otmv_requests_total` summed per outcome, and what never reached the engine.

    What is refused before it is parsed, or read, is no request to the engine: `otmv_shed_total` has
    it by its reason.
    """
    found: dict[str, float] = defaultdict(float)
    for outcome, value in _REQUESTS.findall(metrics_page) + _SHED.findall(metrics_page):
        found[outcome] += float(value)
    return dict(found)


def the_answer(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the one answer of a response, with what every answer says of how it was served.

    Raises:
        WrongAnswer: something promised is missing.
    """
    answers: list[Mapping[str, Any]] = need(found, "answers")
    if len(answers) != 1:
        raise WrongAnswer(f"{len(answers)} answers instead of one")
    (answer,) = answers
    if missing := _SERVED - set(answer):
        raise WrongAnswer(f"the answer lacks {sorted(missing)}")
    if set(answer["timings_ms"]) != _PHASES:
        raise WrongAnswer(f"phases are {sorted(answer['timings_ms'])}")
    executed = answer["skip_pattern"]["executed_orders"]
    if not len(executed) == answer["executed_blocks"] == answer["skip_pattern"]["bits"].count("1"):
        raise WrongAnswer("the skip pattern contradicts itself")
    return answer


def need(body: Mapping[str, Any], name: str) -> Any:
    """Return a field that must be there.

    Raises:
        WrongAnswer: it is not.
    """
    if name not in body:
        raise WrongAnswer(f"the answer lacks {name}")
    return body[name]
