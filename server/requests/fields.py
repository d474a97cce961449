"""Fields against a wire model: unknown ones are refused, and a refusal names its field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, StringConstraints, ValidationError
from pydantic_core import CoreSchema, ErrorDetails, core_schema

from server.errors import FieldProblem, InvalidFields, MalformedBody

Model = TypeVar("Model", bound=BaseModel)

SHORTEST_TEXT, LONGEST_TEXT = 1, 2000
"""Characters of a question or a statement."""
_HAS_WORDS = r"\S"
Text = Annotated[
    str,
    StringConstraints(min_length=SHORTEST_TEXT, max_length=LONGEST_TEXT, pattern=_HAS_WORDS),
]
"""A text that is given to the model."""
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_TRUTH = frozenset({"true", "false"})
WHITE_SPACE = " \t"
"""What may stand around a value in a header."""
_BLANK = "has no words"
MOST_ERRORS = 20
"""Problems of one request that are told; json_scan sees to it that no more are built."""


class WireModel(BaseModel):
    """A body, or a part of one, as it is on the wire: nothing unknown, no type but its own."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


@dataclass(frozen=True)
class WholeNumber:
    """Annotates a whole number from `least` to `most`, in JSON also as `26.0`.

    To JSON Schema that is an integer. The bounds belong to the number itself: pydantic gives those
    of a `Field` around it a name that JSON Schema does not know.
    """

    least: int
    most: int

    def __get_pydantic_core_schema__(
        self, source: type[int], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Say this to pydantic."""
        bounded = core_schema.int_schema(ge=self.least, le=self.most)
        return core_schema.no_info_before_validator_function(_whole, bounded)


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def from_json(model: type[Model], body: bytes) -> Model:
    """Return the wire model of a JSON body.

    Raises:
        MalformedBody: it is not JSON.
        InvalidFields: it is not what the model says.
    """
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise _refusal(error) from error


def from_values(model: type[Model], values: Mapping[str, Any], names: Mapping[str, str]) -> Model:
    """Return the wire model of plain values, as another API brings them.

    `names`: what that API calls the fields; a refusal names them so.

    Raises:
        InvalidFields: they are not what the model says.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise _refusal(error, names) from error


def from_texts(
    model: type[Model], values: Mapping[str, Any], names: Mapping[str, str] | None = None
) -> Model:
    """Return the wire model of texts, as headers and forms have them: numbers are texts here.

    `names`: what the request calls the fields, if not as the model does.

    Raises:
        InvalidFields: they are not what the model says.
    """
    try:
        return model.model_validate(_plain(model, values), strict=False)
    except ValidationError as error:
        raise _refusal(error, names) from error


def _plain(model: type[BaseModel], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return texts of which those for numbers are decimals, and those for truth values such.

    Others are emptied, so are refused: pydantic takes what Python does, such as `1_0` or `yes`.
    """
    kept = dict(values)
    for name, value in values.items():
        taken = _types(model, name)
        if isinstance(value, str) and not taken.isdisjoint((int, float)):
            kept[name] = value if _DECIMAL.fullmatch(value.strip(WHITE_SPACE)) else ""
        elif isinstance(value, str) and bool in taken:
            kept[name] = value if value in _TRUTH else ""
        elif isinstance(value, dict):
            inner = next(
                one for one in taken if isinstance(one, type) and issubclass(one, BaseModel)
            )
            kept[name] = _plain(inner, value)
    return kept


def _types(model: type[BaseModel], name: str) -> set[Any]:
    """Return the types that a field takes."""
    field = model.model_fields.get(name)
    annotation = None if field is None else field.annotation
    choices = get_args(annotation) or (annotation,)
    return {get_args(each)[0] if get_origin(each) is Annotated else each for each in choices}


def _refusal(
    error: ValidationError, names: Mapping[str, str] | None = None
) -> InvalidFields | MalformedBody:
    found = error.errors(include_url=False, include_input=False)
    if found[0]["type"] == "json_invalid":
        return MalformedBody(found[0]["msg"])
    return InvalidFields(
        tuple(
            FieldProblem(
                _place(item, names or {}),
                _BLANK if _is_blank(item) else item["msg"].removeprefix("Value error, "),
            )
            for item in found[:MOST_ERRORS]
        )
    )


def _place(item: ErrorDetails, names: Mapping[str, str]) -> str:
    """Return where a field stands; the branches of a choice (`<…>`) are no place."""
    parts = [str(part) for part in item["loc"] if not str(part).startswith("<")]
    parts[:1] = [names.get(first, first) for first in parts[:1]]
    return ".".join(parts)[:100] or "body"


def _is_blank(item: ErrorDetails) -> bool:
    return (
        item["type"] == "string_pattern_mismatch"
        and item.get("ctx", {}).get("pattern") == _HAS_WORDS
    )
