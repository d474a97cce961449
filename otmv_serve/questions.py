"""What is asked, before anything is sent: a route, a form, pictures, and how the answer is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, Self, TypedDict, TypeVar

from otmv_serve.budget import RequestBudget
from otmv_serve.errors import ReplyUnreadable
from otmv_serve.replies import (
    CaptionReply,
    EmbedReply,
    QuestionReply,
    RankReply,
    StatementReply,
    VariantsReply,
    read_answers,
    read_reply,
)

Image = Path | str | bytes
"""A picture: its path, or its bytes."""

Limits = RequestBudget | None
"""A request's budget; None: it has none of its own."""

Found = TypeVar("Found")


class CaptionOptions(TypedDict, total=False):
    """How a caption is written: its longest length in tokens, texts searched side by side."""

    max_new_tokens: int | None
    num_beams: int


@dataclass(frozen=True)
class Sendable(Generic[Found]):
    """One request, and how its answer is read.

    Attributes:
        method, path: what is asked of which route.
        read: makes the answer of the body, and raises ReplyUnreadable.
        sent: its pictures and fields, as httpx takes them.
        max_latency_ms: its latency budget, if it has one.
    """

    method: str
    path: str
    read: Callable[[Any], Found]
    sent: dict[str, Any] = field(default_factory=dict)
    max_latency_ms: float | None = None

    def through(self, adapter: str | None) -> Self:
        """Return it as asked of an adapter; a request with a body of its own stays as it is."""
        if adapter is None or "files" not in self.sent:
            return self
        return replace(self, sent={"files": [*self.sent["files"], *_parts({"adapter": adapter})]})


def questions_about(
    image: Image, questions: Sequence[str], budget: RequestBudget | None, top_k: int
) -> Sendable[list[QuestionReply]]:
    """Return questions about one picture."""
    form = {"question": list(questions), "top_k": str(top_k)}

    def read(body: Any) -> list[QuestionReply]:
        return read_answers(QuestionReply, body)

    return _about("/v1/vqa", [image], form, budget, read)


def description_of(
    image: Image,
    budget: RequestBudget | None,
    *,
    max_new_tokens: int | None = None,
    num_beams: int = 1,
    stream: bool = False,
) -> Sendable[CaptionReply]:
    """Return the wish for a picture's description."""
    form: dict[str, Any] = {"num_beams": str(num_beams), "stream": str(stream).lower()}
    if max_new_tokens is not None:
        form["max_new_tokens"] = str(max_new_tokens)

    def read(body: Any) -> CaptionReply:
        return read_answers(CaptionReply, body)[0]

    return _about("/v1/caption", [image], form, budget, read)


def statement_about(
    left: Image, right: Image, statement: str, budget: RequestBudget | None
) -> Sendable[StatementReply]:
    """Return a statement about two pictures."""

    def read(body: Any) -> StatementReply:
        return read_answers(StatementReply, body)[0]

    return _about("/v1/reason", [left, right], {"statement": statement}, budget, read)


def vector_of_image(image: Image, budget: RequestBudget | None) -> Sendable[EmbedReply]:
    """Return the wish for a picture's vector."""

    def read(body: Any) -> EmbedReply:
        return read_answers(EmbedReply, body)[0]

    return _about("/v1/embed", [image], {}, budget, read)


def vectors_of_texts(
    texts: Sequence[str], budget: RequestBudget | None
) -> Sendable[list[EmbedReply]]:
    """Return the wish for a vector of each text."""

    def read(body: Any) -> list[EmbedReply]:
        return read_answers(EmbedReply, body)

    return _about("/v1/embed", [], {"text": list(texts)}, budget, read)


def order_of(
    images: Sequence[Image], texts: Sequence[str], budget: RequestBudget | None
) -> Sendable[RankReply]:
    """Return the question how well pictures fit a text, or texts a picture."""

    def read(body: Any) -> RankReply:
        return read_answers(RankReply, body)[0]

    return _about("/v1/rank", images, {"text": list(texts)}, budget, read)


def raw_request(path: str, body: Mapping[str, Any]) -> Sendable[dict[str, Any]]:
    """Return any request with a JSON body; its answer is taken as it is."""

    def read(said: Any) -> dict[str, Any]:
        if not isinstance(said, dict):
            raise ReplyUnreadable("no answer of an otmv server: no JSON object")
        return said

    return Sendable("POST", path, read, {"json": dict(body)})


def variants_served() -> Sendable[VariantsReply]:
    """Return the question which variants there are."""
    return Sendable("GET", "/v1/variants", lambda body: read_reply(VariantsReply, body))


def _about(
    path: str,
    images: Sequence[Image],
    form: dict[str, Any],
    budget: RequestBudget | None,
    read: Callable[[Any], Found],
) -> Sendable[Found]:
    """Read the pictures; a request that is sent again has them already."""
    limits = budget or RequestBudget()
    bodies = (image if isinstance(image, bytes) else Path(image).read_bytes() for image in images)
    pictures = [("image", ("image", body)) for body in bodies]
    sent = {"files": [*pictures, *_parts(form | limits.fields())]}
    return Sendable("POST", path, read, sent, limits.max_latency_ms)


def _parts(form: Mapping[str, Any]) -> list[tuple[str, tuple[None, str]]]:
    """Return a form's fields as parts without a file name; a list becomes several of one name."""
    listed = ((name, value if isinstance(value, list) else [value]) for name, value in form.items())
    return [(name, (None, each)) for name, values in listed for each in values]
