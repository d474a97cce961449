"""A form's parts, to pictures and the texts of the other fields."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from server.errors import InvalidFields
from server.http.multipart import FormPart, parse_multipart
from server.requests.budget import BudgetFields

_WANTED = {
    (0, 1): "send the picture as one file field named image, or none",
    (1, 1): "send the picture as one file field named image",
    (2, 2): "send two file fields named image, the left picture first",
}


def read_form(
    body: bytes | bytearray,
    content_type: str,
    own: Collection[str],
    repeatable: Collection[str],
    wanted: tuple[int, int],
) -> tuple[list[bytes | bytearray], dict[str, Any]]:
    """Return the bytes of pictures, `wanted` at least and at most, and the other fields' texts.

    `own` are the fields that the form may have beside pictures and budget. A `repeatable` field has
    a list of texts. The budget fields stand under `budget`.

    Raises:
        MalformedBody: it is no form.
        InvalidFields: a field is unknown, given too often, or not of UTF-8 text.
    """
    pictures: list[bytes | bytearray] = []
    values: dict[str, Any] = {}
    budget: dict[str, str] = {}
    for part in parse_multipart(body, content_type):
        if part.name == "image":
            pictures.append(part.data)
        elif part.name in own:
            _add(values, part, part.name in repeatable)
        elif part.name in BudgetFields.model_fields:
            _add(budget, part, False)
        else:
            raise InvalidFields.one(part.name[:100], "unknown field")
    least, most = wanted
    asked = _WANTED.get(wanted, f"send {least} to {most} file fields named image")
    if not least <= len(pictures) <= most:
        raise InvalidFields.one("image", f"{len(pictures)} given; {asked}")
    if not all(pictures):
        raise InvalidFields.one("image", f"is empty; {asked}")
    return pictures, values | ({"budget": budget} if budget else {})


def _add(values: dict[str, Any], part: FormPart, repeatable: bool) -> None:
    if part.filename is not None:
        raise InvalidFields.one(part.name, "is a file; send it as text")
    try:
        text = part.data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidFields.one(part.name, "is not valid UTF-8") from error
    if repeatable:
        values.setdefault(part.name, []).append(text)
    elif part.name in values:
        raise InvalidFields.one(part.name, "given twice")
    else:
        values[part.name] = text
