"""What to compute for one HTTP request, and what came of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from artifact.stage import PHASES
from artifact.store import Artifact
from artifact.task import TaskName
from engine.types import Answer, Budget, Input
from pictures.picture import Picture
from server.answering.numbers import to_ms

ENGINE_PHASES = ("queue", *PHASES)
"""What an answer's time in the engine is made of, in the order they begin."""

MakeInput = Callable[[Sequence[NDArray[np.uint8]]], Input]
"""From the decoded pictures, each uint8 [S, S, 3], to what the engine is given."""


@dataclass(frozen=True)
class EngineRequest:
    """One request to the engine.

    `rows`: how many rows of a batch it takes. `tokens`: how many tokens its text has, or its
    answer's text may have; None: not known.
    """

    task: TaskName
    make_input: MakeInput
    rows: int
    tokens: int | None


@dataclass(frozen=True)
class Work:
    """What to compute: one or several engine requests, all about the same pictures.

    Their tasks take pictures of one size. `tenant`: who sends them, as far as API keys tell.
    `adapter` names the one that they are answered with; None: the base answers.
    """

    budget: Budget
    pictures: Sequence[Picture]
    requests: Sequence[EngineRequest]
    tenant: str = ""
    adapter: str | None = None


@dataclass(frozen=True)
class WorkResult:
    """Answers in the order of the engine requests, and the seconds from arrival to each.

    `decode_s` and `preprocess_s` are summed over the pictures, which are decoded from `began_s` to
    `submitted_s` on the server's clock. `deadline_s` is on that clock too. `artifact` answered.
    """

    began_s: float
    submitted_s: float
    decode_s: float
    preprocess_s: float
    answers: list[Answer]
    total_s: list[float]
    artifact: Artifact
    deadline_s: float = math.inf

    def written_by(self, written_s: float) -> WorkResult:
        """Return the same with `deadline_met` by when the last byte of its reply is written."""
        if written_s <= self.deadline_s:
            return self
        late = [
            replace(each, deadline_met=False) if each.deadline_met else each
            for each in self.answers
        ]
        return replace(self, answers=late)

    def timings_ms(self, index: int) -> dict[str, float]:
        """Return how long the phases of an answer took, ms, in the order of their beginning."""
        phases_s = self.answers[index].phases_s
        return {
            "decode": to_ms(self.decode_s),
            "preprocess": to_ms(self.preprocess_s),
            **{phase: to_ms(phases_s.get(phase, 0.0)) for phase in ENGINE_PHASES},
            "total": to_ms(self.total_s[index]),
        }

    def slowest_timings_ms(self) -> dict[str, float]:
        """Return the phases of the answer that took longest, ms."""
        timings = (self.timings_ms(index) for index in range(len(self.answers)))
        return max(timings, key=lambda phases: phases["total"])
