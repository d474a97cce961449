"""Statements about two pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from artifact.task import REASON
from loadtests.kit.asking.answers import RightAnswers, WrongAnswer, need, the_answer
from loadtests.kit.asking.forms import encode_form, encoded
from loadtests.kit.asking.tasks.asked import AskedTask, PassWork
from loadtests.kit.asking.world import World

_DRAWN_STATEMENT = "there is a circle in both pictures"


@dataclass(frozen=True)
class ReasonCase:
    """Two picture files, a statement about them, and its truth if it is known."""

    left: bytes
    right: bytes
    statement: str
    truth: bool | None

    def form(self, fields: Mapping[str, str]) -> bytes:
        """Return it as a multipart body with further fields."""
        return encode_form(self.left, {"statement": self.statement, **fields}, self.right)

    def json(self) -> dict[str, Any]:
        """Return it as a JSON body."""
        pictures = [encoded(self.left), encoded(self.right)]
        return {"images": pictures, "statement": self.statement}

    def check(self, found: Mapping[str, Any], score: RightAnswers) -> None:
        """Check what is said of the statement and count whether it is right.

        Raises:
            WrongAnswer: something promised is missing.
        """
        answer = the_answer(found)
        if need(answer, "statement") != self.statement:
            raise WrongAnswer(f"judged {answer['statement']!r} instead of {self.statement!r}")
        verdict = need(answer, "answer")
        if not isinstance(verdict, bool):
            raise WrongAnswer(f"{verdict!r} is neither true nor false")
        if self.truth is not None:
            score.add(answer["variant"], float(verdict == self.truth))


def _read(world: World, limit: int) -> list[ReasonCase]:
    return [
        ReasonCase(
            world.picture(each["left"]),
            world.picture(each["right"]),
            each["statement"],
            each["truth"],
        )
        for each in world.lines("nlvr2.jsonl", limit, missing_ok=True)
    ]


def _draw(pictures: Sequence[bytes]) -> list[ReasonCase]:
    pairs = zip(pictures, [*pictures[1:], *pictures[:1]], strict=True)
    return [ReasonCase(left, right, _DRAWN_STATEMENT, None) for left, right in pairs]


ASKED = AskedTask(REASON, _read, _draw, {"cpu": PassWork(224, 4), "paper": PassWork(224, 32)})
