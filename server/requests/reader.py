"""From a request's body and headers to a checked question: JSON or multipart, one result."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from engine.types import Budget, OnMiss
from server.errors import (
    FieldProblem,
    InvalidFields,
    MalformedBody,
    RemoteUrlRefused,
    UnsupportedBody,
)
from server.http.multipart import Part, parse_multipart
from server.pictures.images import Picture, named, read_header
from server.schemas import (
    BudgetFields,
    CaptionFields,
    CaptionRequest,
    ReasonFields,
    ReasonRequest,
    VqaFields,
    VqaRequest,
)

JSON = "application/json"
FORM = "multipart/form-data"
BUDGET_HEADER_PREFIX = "x-otmv-"
BUDGET_HEADERS = {
    f"{BUDGET_HEADER_PREFIX}{name.replace('_', '-')}": name for name in BudgetFields.model_fields
}
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:")
_DATA_URL = re.compile(r"data:(?:image/[A-Za-z0-9.+\-]+|application/octet-stream)?;base64,", re.I)
_REPEATABLE = frozenset({"question"})
_NAMES = {1: ("image",), 2: ("left image", "right image")}
_WANTED = {
    1: "send the picture as one file field named image",
    2: "send two file fields named image, the left picture first",
}

Model = TypeVar("Model", bound=BaseModel)
Fields = TypeVar("Fields", VqaFields, CaptionFields, ReasonFields)


@dataclass(frozen=True)
class Ask(Generic[Fields]):
    """A request that passed every check that needs no engine."""

    pictures: tuple[Picture, ...]
    fields: Fields
    budget: Budget


@dataclass(frozen=True)
class Intake:
    """Parses and checks requests. Holds only settings, so it is safe in any thread.

    `default_max_latency_ms` None: the engine's own default.
    """

    max_pixels: int
    default_on_miss: OnMiss
    default_max_latency_ms: float | None = None

    def vqa(self, body: bytes, headers: Mapping[str, str]) -> Ask[VqaFields]:
        """Check a question request; raises ServerError subclasses."""
        if media_type(headers) == JSON:
            request = from_json(VqaRequest, body)
            return self._ask([_image_bytes(request.image, "image")], request, headers)
        pictures, values = _from_form(body, headers, frozenset({"question", "top_k"}))
        if "question" in values:
            values["questions"] = values.pop("question")
        return self._ask(pictures, _validate(VqaFields, values), headers)

    def caption(self, body: bytes, headers: Mapping[str, str]) -> Ask[CaptionFields]:
        """Check a caption request; raises ServerError subclasses."""
        if media_type(headers) == JSON:
            request = from_json(CaptionRequest, body)
            return self._ask([_image_bytes(request.image, "image")], request, headers)
        own = frozenset({"max_new_tokens", "num_beams", "stream"})
        pictures, values = _from_form(body, headers, own)
        return self._ask(pictures, _validate(CaptionFields, values), headers)

    def reason(self, body: bytes, headers: Mapping[str, str]) -> Ask[ReasonFields]:
        """Check a statement about two pictures; raises ServerError subclasses."""
        if media_type(headers) == JSON:
            request = from_json(ReasonRequest, body)
            texts = enumerate(request.images)
            pictures = [_image_bytes(text, f"images.{index}") for index, text in texts]
            return self._ask(pictures, request, headers)
        pictures, values = _from_form(body, headers, frozenset({"statement"}), 2)
        return self._ask(pictures, _validate(ReasonFields, values), headers)

    def _ask(
        self, pictures: Sequence[bytes], fields: Fields, headers: Mapping[str, str]
    ) -> Ask[Fields]:
        budget = self._budget(fields.budget, budget_from_headers(headers))
        names = _NAMES[len(pictures)]
        read = tuple(self._picture(*pair) for pair in zip(pictures, names, strict=True))
        return Ask(read, fields, budget)

    def _picture(self, data: bytes, name: str) -> Picture:
        with named(name):
            return Picture(data, read_header(data, self.max_pixels), name)

    def _budget(self, body: BudgetFields, headers: BudgetFields) -> Budget:
        """Merge budgets field by field: the body wins over the headers, both over the defaults."""
        said = headers.model_dump(exclude_none=True) | body.model_dump(exclude_none=True)
        defaults = {
            "on_miss": self.default_on_miss,
            "max_latency_ms": self.default_max_latency_ms,
        }
        return Budget(**(defaults | said))


def media_type(headers: Mapping[str, str]) -> str:
    """Return the body's media type, JSON or form.

    Raises:
        UnsupportedBody: another content type, a charset other than UTF-8, or a content encoding.
    """
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise UnsupportedBody(f"content encoding {encoding[:40]!r} is not read; send it unencoded")
    essence, _, parameters = headers.get("content-type", "").partition(";")
    essence = essence.strip().lower()
    if essence not in (JSON, FORM):
        shown = essence[:60] or "none"
        raise UnsupportedBody(f"content type {shown!r} is not read; send {JSON} or {FORM}")
    charset = re.search(r"charset\s*=\s*\"?([^\s\";]+)", parameters, re.I)
    if charset and charset[1].lower() not in ("utf-8", "utf8"):
        raise UnsupportedBody("only the charset UTF-8 is read")
    return essence


def budget_from_headers(headers: Mapping[str, str]) -> BudgetFields:
    """Read the X-Otmv-* headers; an unknown one is refused, so that a typo is never ignored."""
    values: dict[str, str] = {}
    for name, value in headers.items():
        if not name.startswith(BUDGET_HEADER_PREFIX):
            continue
        if name not in BUDGET_HEADERS:
            known = ", ".join(sorted(BUDGET_HEADERS))
            raise InvalidFields.one(name, f"unknown header; known are {known}")
        if BUDGET_HEADERS[name] in values:
            raise InvalidFields.one(name, "given twice")
        values[BUDGET_HEADERS[name]] = value.strip()
    return _validate(BudgetFields, values) if values else BudgetFields()


def from_json(model: type[Model], body: bytes) -> Model:
    """Return the wire model of a JSON body; raises InvalidFields, MalformedBody."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise _refusal(error) from error


def _validate(model: type[Model], values: Mapping[str, Any]) -> Model:
    """Validate text values: numbers arrive as strings here, so strictness is off."""
    try:
        return model.model_validate(values, strict=False)
    except ValidationError as error:
        raise _refusal(error) from error


_BLANK = "has no words"
_WORDED = frozenset({"question", "questions", "statement"})


def _is_blank(item: ErrorDetails) -> bool:
    return item["type"] == "string_pattern_mismatch" and item["loc"][0] in _WORDED


def _plain(message: str) -> str:
    return message.removeprefix("Value error, ")


def _refusal(error: ValidationError) -> InvalidFields | MalformedBody:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    if found[0]["type"] == "json_invalid":
        return MalformedBody(found[0]["msg"])
    return InvalidFields(
        tuple(
            FieldProblem(
                ".".join(str(part) for part in item["loc"])[:100] or "body",
                _BLANK if _is_blank(item) else _plain(item["msg"]),
            )
            for item in found[:20]
        )
    )


def _from_form(
    body: bytes, headers: Mapping[str, str], own: frozenset[str], wanted: int = 1
) -> tuple[list[bytes], dict[str, Any]]:
    """Return the bytes of `wanted` pictures and the other fields, budget fields under `budget`."""
    pictures: list[bytes] = []
    values: dict[str, Any] = {}
    budget: dict[str, str] = {}
    for part in parse_multipart(body, headers.get("content-type", "")):
        if part.name == "image":
            pictures.append(part.data)
        elif part.name in own:
            _add(values, part)
        elif part.name in BudgetFields.model_fields:
            _add(budget, part)
        else:
            raise InvalidFields.one(part.name[:100], "unknown field")
    if len(pictures) != wanted:
        raise InvalidFields.one("image", f"{len(pictures)} given; {_WANTED[wanted]}")
    if not all(pictures):
        raise InvalidFields.one("image", f"is empty; {_WANTED[wanted]}")
    return pictures, values | ({"budget": budget} if budget else {})


def _add(values: dict[str, Any], part: Part) -> None:
    if part.filename is not None:
        raise InvalidFields.one(part.name, "is a file; send it as text")
    try:
        text = part.data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidFields.one(part.name, "is not valid UTF-8") from error
    if part.name in _REPEATABLE:
        values.setdefault(part.name, []).append(text)
    elif part.name in values:
        raise InvalidFields.one(part.name, "given twice")
    else:
        values[part.name] = text


def _image_bytes(text: str, field: str) -> bytes:
    """Return the bytes of a base64 text or data: URL; errors name its `field`.

    Raises:
        RemoteUrlRefused: any other address.
        InvalidFields: not base64.
    """
    text = text.strip()
    prefix = _DATA_URL.match(text)
    if prefix:
        text = text[prefix.end() :]
    elif text[:5].lower() == "data:":
        raise InvalidFields.one(field, "the data: URL is not data:image/...;base64,...")
    elif _SCHEME.match(text) or text.startswith("//"):
        raise RemoteUrlRefused(field)
    try:
        picture = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidFields.one(field, "is not valid base64") from error
    if not picture:
        raise InvalidFields.one(field, "is empty")
    return picture
