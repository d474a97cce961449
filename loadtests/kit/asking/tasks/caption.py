"""Captions of a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from artifact.scoring.phrases import phrase_recall
from artifact.task import CAPTION
from loadtests.kit.asking.answers import RightAnswers, need, the_answer
from loadtests.kit.asking.forms import encode_form, encoded
from loadtests.kit.asking.tasks.asked import AskedTask, PassWork
from loadtests.kit.asking.world import World


@dataclass(frozen=True)
class CaptionCase:
    """A picture file and the phrases a right caption holds; none if unknown."""

    image: bytes
    phrases: tuple[str, ...]

    def form(self, fields: Mapping[str, str]) -> bytes:
        """Return it as a multipart body with further fields."""
        return encode_form(self.image, fields)

    def json(self) -> dict[str, Any]:
        """Return it as a JSON body."""
        return {"image": encoded(self.image)}

    def check(self, found: Mapping[str, Any], score: RightAnswers) -> None:
        """Check a response and count the share of phrases it names.

        Raises:
            WrongAnswer: something promised is missing.
        """
        answer = the_answer(found)
        caption = need(answer, "caption")
        if self.phrases:
            score.add(answer["variant"], phrase_recall(caption, self.phrases))


def _read(world: World, limit: int) -> list[CaptionCase]:
    lines = world.lines("caption.jsonl", limit)
    return [CaptionCase(world.picture(each["image"]), tuple(each["objects"])) for each in lines]


def _draw(pictures: Sequence[bytes]) -> list[CaptionCase]:
    return [CaptionCase(picture, ()) for picture in pictures]


ASKED = AskedTask(
    CAPTION, _read, _draw, {"cpu": PassWork(224, 4, words=8), "paper": PassWork(480, 32, words=16)}
)
