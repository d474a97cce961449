"""Questions about a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from artifact.scoring.answers import vqa_accuracy
from artifact.task import VQA
from loadtests.kit.asking.answers import RightAnswers, WrongAnswer, need, the_answer
from loadtests.kit.asking.forms import encode_form, encoded
from loadtests.kit.asking.tasks.asked import AskedTask, PassWork
from loadtests.kit.asking.world import World

_DRAWN_QUESTION = "what color is the circle?"


@dataclass(frozen=True)
class VqaCase:
    """A picture file, a question, and the right answer if it is known."""

    image: bytes
    question: str
    answer: str | None

    def form(self, fields: Mapping[str, str]) -> bytes:
        """Return it as a multipart body with further fields."""
        return encode_form(self.image, {"question": self.question, **fields})

    def json(self) -> dict[str, Any]:
        """Return it as a JSON body."""
        return {"image": encoded(self.image), "question": self.question}

    def check(self, found: Mapping[str, Any], score: RightAnswers) -> None:
        """Check a response to one question and count whether it is right.

        Raises:
            WrongAnswer: something promised is missing.
        """
        answer = the_answer(found)
        if answer["question"] != self.question:
            raise WrongAnswer(f"answered {answer['question']!r} instead of {self.question!r}")
        ranked = need(answer, "top_k")
        scores = [item["score"] for item in ranked]
        if not ranked or scores != sorted(scores, reverse=True):
            raise WrongAnswer("top_k is not ranked")
        if self.answer is not None:
            score.add(answer["variant"], vqa_accuracy(answer["answer"], [self.answer]))


def _read(world: World, limit: int) -> list[VqaCase]:
    lines = world.lines("vqa.jsonl", limit)
    return [VqaCase(world.picture(q["image"]), q["question"], q["answer"]) for q in lines]


def _draw(pictures: Sequence[bytes]) -> list[VqaCase]:
    return [VqaCase(picture, _DRAWN_QUESTION, None) for picture in pictures]


ASKED = AskedTask(VQA, _read, _draw, {"cpu": PassWork(224, 4), "paper": PassWork(480, 16)})
