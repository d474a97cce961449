"""From a request's body and headers to checked fields, pictures and a budget."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from pydantic import Field

from engine.types import Budget
from pictures.headers import read_header
from pictures.picture import Picture, naming_picture
from server.configuration.api_key import AdapterName
from server.errors import InvalidFields
from server.http.media_types import JSON, media_type
from server.requests.budget import (
    BudgetDefaults,
    BudgetFields,
    budget_from_headers,
    first_token_ms_from,
)
from server.requests.fields import WireModel, from_json, from_texts
from server.requests.form import read_form
from server.requests.json_pictures import AnyPictures, picture_bytes
from server.requests.json_scan import scan_json

_Bytes = bytes | bytearray


class TaskFields(WireModel):
    """The fields of a task's requests, apart from pictures. Each task declares its `budget` last.

    The order of declaration is the order in which OpenAPI shows fields.
    """

    adapter: AdapterName | None = Field(
        default=None,
        description="Name of a loaded adapter to answer with; default: the API key's, or none.",
    )
    if TYPE_CHECKING:
        budget: BudgetFields


Fields = TypeVar("Fields", bound=TaskFields)


@dataclass(frozen=True)
class RequestShape(Generic[Fields]):
    """What the requests of a task look like.

    Attributes:
        fields: the fields apart from pictures; the model of a form.
        json: the same fields and the pictures; the model of a JSON body.
        pictures: how many pictures a request brings, at least and at most.
        problem: what is wrong with fields and a number of pictures together; None: nothing.
        lists: form fields that may be repeated, with the JSON field that takes their list.
    """

    fields: type[Fields]
    json: type[AnyPictures]
    pictures: tuple[int, int]
    lists: Mapping[str, str] = field(default_factory=dict)
    problem: Callable[[Fields, int], str | None] = lambda fields, pictures: None

    @property
    def form_fields(self) -> tuple[str, ...]:
        """The fields a form may have beside pictures and budget."""
        left_out = {"budget", *self.lists.values()}
        own = [name for name in self.fields.model_fields if name not in left_out]
        return tuple(dict.fromkeys([*own, *self.lists]))


@dataclass(frozen=True)
class CheckedRequest(Generic[Fields]):
    """A request that passed every check that needs no engine."""

    pictures: tuple[Picture, ...]
    fields: Fields
    budget: Budget
    adapter: str | None


@dataclass(frozen=True)
class RequestReader:
    """Parses and checks requests. Holds only settings, so it is safe in any thread."""

    max_pixels: int
    defaults: BudgetDefaults
    default_adapter: str | None = None

    def read(
        self, shape: RequestShape[Fields], body: _Bytes, headers: Mapping[str, str]
    ) -> CheckedRequest[Fields]:
        """Check a request of a shape.

        Raises:
            ServerError, ImageError: a subclass, for the first thing that is wrong.
        """
        if media_type(headers) == JSON:
            pictures, fields = _from_json(shape, body)
        else:
            pictures, fields = _from_form(shape, body, headers)
        return self.check(shape, pictures, fields, headers)

    def check(
        self,
        shape: RequestShape[Fields],
        pictures: Sequence[_Bytes],
        fields: Fields,
        headers: Mapping[str, str],
    ) -> CheckedRequest[Fields]:
        """Check the pictures of a request, and merge its budget with that of its headers.

        Raises:
            ServerError, ImageError: a subclass, for the first thing that is wrong.
        """
        if problem := shape.problem(fields, len(pictures)):
            raise InvalidFields.one("body", problem)
        budget = self.defaults.merged(
            fields.budget, budget_from_headers(headers), first_token_ms_from(headers)
        )
        names = _names(shape, len(pictures))
        read = tuple(self._picture(*pair) for pair in zip(pictures, names, strict=True))
        return CheckedRequest(read, fields, budget, fields.adapter or self.default_adapter)

    def _picture(self, data: _Bytes, name: str) -> Picture:
        with naming_picture(name):
            return Picture(data, read_header(data, self.max_pixels), name)


def _names(shape: RequestShape[Fields], count: int) -> Sequence[str]:
    """Return what the pictures of a request are called in refusals."""
    if shape.pictures == (2, 2):
        return ("left image", "right image")
    return ("image",) if count == 1 else [f"image {place}" for place in range(count)]


def _from_json(shape: RequestShape[Fields], body: _Bytes) -> tuple[Sequence[_Bytes], Fields]:
    scanned = scan_json(body)
    request = from_json(shape.json, scanned.text)
    pictures = [
        picture_bytes(scanned.picture(text), name) for name, text in request.encoded.items()
    ]
    assert isinstance(request, shape.fields)
    return pictures, request


def _from_form(
    shape: RequestShape[Fields], body: _Bytes, headers: Mapping[str, str]
) -> tuple[Sequence[_Bytes], Fields]:
    content_type = headers.get("content-type", "")
    pictures, values = read_form(body, content_type, shape.form_fields, shape.lists, shape.pictures)
    for name, listed in shape.lists.items():
        if name in values:
            values[listed] = values.pop(name)
    return pictures, from_texts(shape.fields, values)
