"""Pictures in a JSON body: base64, or data: URLs; this server fetches nothing."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated

from pydantic import Field

from server.errors import InvalidFields, RemoteUrlRefused
from server.requests.fields import WireModel

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:")
_DATA_URL = re.compile(r"data:(?:image/[A-Za-z0-9.+\-]+|application/octet-stream)?;base64,", re.I)


class OnePicture(WireModel):
    """The part of a JSON body with one picture."""

    image: str = Field(
        description="The picture: base64, or a data: URL. Remote addresses are refused.",
        min_length=1,
    )

    @property
    def encoded(self) -> dict[str, str]:
        """Each picture's text, by the name of its field."""
        return {"image": self.image}


class TwoPictures(WireModel):
    """The part of a JSON body with a left and a right picture."""

    images: list[Annotated[str, Field(min_length=1)]] = Field(
        min_length=2,
        max_length=2,
        description="The left picture, then the right one: base64, or data: URLs.",
    )

    @property
    def encoded(self) -> dict[str, str]:
        """Each picture's text, by the name of its field."""
        return {f"images.{index}": text for index, text in enumerate(self.images)}


def picture_bytes(text: str, field: str) -> bytes:
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
