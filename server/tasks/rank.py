"""Pictures in the order in which they fit a text, or texts a picture: `POST /v1/rank`."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import ConfigDict, Field, JsonValue

from artifact.task import EMBED_IMAGE, EMBED_TEXT
from engine.types import Answer
from server.answering.work import EngineRequest, WorkResult
from server.engine_pool import Pool
from server.requests.budget import BudgetFields
from server.requests.json_pictures import AnyPictures
from server.requests.reader import CheckedRequest, RequestShape
from server.tasks.answer_body import AnswerBody, AnswersBody
from server.tasks.served_task import ServedTask
from server.tasks.vector_requests import (
    LIMIT_VECTORS,
    TextsFields,
    picture_request,
    text_request,
)
from server.tasks.vector_space import VectorSpace, common_variant


class RankFields(TextsFields):
    """The text that pictures are ranked by, or the texts that are ranked by a picture."""

    budget: BudgetFields = BudgetFields()


_EITHER: list[JsonValue] = [
    {
        "required": ["text", "images"],
        "properties": {"text": {"type": "string"}, "images": {"type": "array"}},
    },
    {
        "required": ["image", "texts"],
        "properties": {"image": {"type": "string"}, "texts": {"type": "array"}},
    },
]

_Encoded = Annotated[str, Field(min_length=1)]


class RankRequest(AnyPictures, RankFields):
    """One text and pictures, or one picture and texts."""

    model_config = ConfigDict(json_schema_extra={"oneOf": _EITHER})

    image: _Encoded | None = Field(
        default=None,
        description="The picture: base64, or a data: URL. Remote addresses are refused.",
    )
    images: list[_Encoded] | None = Field(
        default=None,
        min_length=1,
        max_length=LIMIT_VECTORS,
        fail_fast=True,
        description="The pictures, each as `image`.",
    )

    @property
    def encoded(self) -> dict[str, str]:
        """Each picture's text, by the name of its field."""
        listed = {f"images.{place}": text for place, text in enumerate(self.images or ())}
        return listed if self.image is None else {"image": self.image, **listed}


class RankSaid(VectorSpace):
    """How well each fits."""

    query: Literal["text", "image"] = Field(description="What the others are ranked by.")
    scores: list[float] = Field(
        description="The cosine of each, -1 to 1, in the order in which they were given."
    )
    order: list[int] = Field(description="Their places, counted from 0, the best first.")


class RankAnswer(AnswerBody, RankSaid):
    """All of them, by vectors of one variant: the best that each of them came to."""


class RankResponse(AnswersBody[RankAnswer]):
    """The order of pictures for a text, or of texts for a picture."""

    task: Literal["rank"] = "rank"


def _problem(fields: RankFields, pictures: int) -> str | None:
    one_way = (fields.text is None) != (fields.texts is None)
    fits = len(fields.asked) == 1 <= pictures or pictures == 1 <= len(fields.asked)
    return None if one_way and fits else "give one text and pictures, or one picture and texts"


def _ranked_by(fields: RankFields, ranked: int) -> Literal["text", "image"]:
    """Return what ranks the `ranked` others; of one text and one picture, the one not in a list."""
    return "text" if fields.texts is None or len(fields.texts) < ranked else "image"


def _engine_requests(asked: CheckedRequest[RankFields], pool: Pool) -> list[EngineRequest]:
    """Return one request for the query, then one for each that is ranked."""
    texts = [text_request(text, pool, every_stop=True) for text in asked.fields.asked]
    pictures = [picture_request(place, every_stop=True) for place in range(len(asked.pictures))]
    by = _ranked_by(asked.fields, max(len(texts), len(pictures)))
    return [*texts, *pictures] if by == "text" else [*pictures, *texts]


def _joined(result: WorkResult) -> WorkResult:
    """Return one answer: all compared by the deepest variant that each of them has passed.

    Raises:
        NoCommonVariant: there is none.
    """
    answers = result.answers
    least = common_variant(answers)
    query, *others = (answer.vectors[least.variant] for answer in answers)
    scores = np.stack(others) @ query
    best = np.argsort(-scores, kind="stable")
    slowest = max(range(len(answers)), key=lambda place: result.total_s[place])
    met = [answer.deadline_met for answer in answers if answer.deadline_met is not None]
    joined = replace(
        least,
        quality=_quality(result, answers[0].task, least),
        predicted_s=max(answer.predicted_s for answer in answers),
        deadline_met=all(met) if met else None,
        labels=tuple((str(place), float(scores[place])) for place in best),
        phases_s=answers[slowest].phases_s,
    )
    return replace(result, answers=[joined], total_s=[result.total_s[slowest]])


def _quality(result: WorkResult, task: str, least: Answer) -> float | None:
    """Return how often a query of that task finds its own, by the variant that is compared."""
    if least.quality is None or least.task == task:
        return least.quality
    record = result.artifact.manifest.variant(least.variant)
    own = record.quality_of(task, least.precision)
    return record.quality_of(task, "fp32") if own is None else own


def _said(answer: Answer, fields: RankFields, place: int) -> dict[str, Any]:
    """Return a `RankSaid`, but for its space."""
    scores = {int(ranked): score for ranked, score in answer.labels}
    return {
        "query": _ranked_by(fields, len(scores)),
        "scores": [float(f"{scores[ranked]:.6f}") for ranked in sorted(scores)],
        "order": list(scores),
    }


SERVED_RANK = ServedTask(
    name="rank",
    asks=(EMBED_IMAGE, EMBED_TEXT),
    asks_all=True,
    summary="Rank pictures by a text, or texts by a picture",
    description=(
        f"Rank up to {LIMIT_VECTORS} pictures by how well they fit one text, or texts by how well "
        "they fit one picture;\nbudgets as for questions. In a form, `image` and `text` may be "
        "repeated.\n\nAll are compared by one variant: the best that each of them came to in time."
    ),
    shape=RequestShape(
        RankFields, RankRequest, (1, LIMIT_VECTORS), lists={"text": "texts"}, problem=_problem
    ),
    answer=RankResponse,
    texts=lambda fields: fields.asked,
    engine_requests=_engine_requests,
    said=_said,
    in_space=True,
    joined=_joined,
)
