"""Pictures in a JSON body: base64, or data: URLs; this server fetches nothing."""

from __future__ import annotations

import binascii
import re
from abc import abstractmethod
from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from server.errors import InvalidFields, RemoteUrlRefused
from server.requests.fields import WireModel
from server.requests.json_scan import JsonString

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:")
_TOKEN = r"[A-Za-z0-9!#$&^_.+%'*`|~\-]+"
_DATA_URL = re.compile(
    rf"""data:\s* (?:image/{_TOKEN}|application/octet-stream)? \s*  # RFC 2397, its media type
    (?:;\s* {_TOKEN}=(?:"[^"]*"|[^;,"]*))* ;\s* base64\s* ,""",
    re.I | re.X,
)
_LONGEST_PREFIX = 1000
_WHITE_SPACE = b" \t\n\r\v\f"


class AnyPictures(WireModel):
    """The part of a JSON body with pictures, however many."""

    @property
    @abstractmethod
    def encoded(self) -> dict[str, str]:
        """Each picture's text, by the name of its field."""


class OnePicture(AnyPictures):
    """The part of a JSON body with one picture."""

    image: str = Field(
        description="The picture: base64, or a data: URL. Remote addresses are refused.",
        min_length=1,
    )

    @property
    def encoded(self) -> dict[str, str]:
        """Each picture's text, by the name of its field."""
        return {"image": self.image}


class TwoPictures(AnyPictures):
    """The part of a JSON body with a left and a right picture."""

    images: list[Annotated[str, Field(min_length=1)]] = Field(
        min_length=2,
        max_length=2,
        fail_fast=True,
        description="The left picture, then the right one: base64, or data: URLs.",
    )

    @property
    def encoded(self) -> dict[str, str]:
        """Each picture's text, by the name of its field."""
        return {f"images.{index}": text for index, text in enumerate(self.images)}


def picture_bytes(string: JsonString, field: str) -> bytearray:
    """Return the bytes of a base64 text or data: URL; errors name its `field`.

    Raises:
        RemoteUrlRefused: any other address.
        InvalidFields: not base64.
    """
    try:
        picture = _from_base64(_without_prefix(string.pieces(), field))
    except (binascii.Error, ValueError) as error:
        raise InvalidFields.one(field, "is not valid base64") from error
    if not picture:
        raise InvalidFields.one(field, "is empty")
    return picture


def _without_prefix(pieces: Iterator[bytes], field: str) -> Iterator[bytes]:
    """Yield what follows the start of a data: URL, or all, if it is no address."""
    for piece in pieces:
        start = piece.lstrip()
        if start:
            break
    else:
        return
    head = start[:_LONGEST_PREFIX].decode("latin-1")
    prefix = _DATA_URL.match(head)
    if not prefix:
        if head[:5].lower() == "data:":
            raise InvalidFields.one(
                field,
                "the data: URL is not data:image/...;base64,... (parameters may stand between)",
            )
        if _SCHEME.match(head) or head.startswith("//"):
            raise RemoteUrlRefused(field)
    yield start[prefix.end() :] if prefix else start
    yield from pieces


def _from_base64(pieces: Iterator[bytes]) -> bytearray:
    """Undo base64 piece by piece, white space left out.

    Raises:
        binascii.Error: it is not base64.
    """
    picture = bytearray()
    rest = b""
    padded = False
    for piece in pieces:
        text = rest + piece.translate(None, _WHITE_SPACE)
        if padded and text:
            raise binascii.Error("data after padding")
        whole = len(text) // 4 * 4
        picture += binascii.a2b_base64(text[:whole], strict_mode=True)
        padded = text[:whole].endswith(b"=")
        rest = text[whole:]
    if rest:
        raise binascii.Error("cut off")
    return picture
