"""A JSON body before it is parsed: its shape bounded, its pictures set aside.

Nothing here works on more than `SLICE_BYTES` of a body at once, and the steps are bounded, so that
other threads go on whatever was sent. What is left for the parser is small: pictures' texts stay
where they are, and a short name stands in their place.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from server.errors import InvalidFields, MalformedBody

SLICE_BYTES = 65_536
LIMIT_DEPTH = 16
LIMIT_TEXT_BYTES = 800_000
"""Bytes beside pictures: 32 questions of 2,000 characters, each of them escaped as 12 bytes."""
_LONGEST_INLINE_BYTES = 16_384
_LONGEST_KEY_BYTES = 64
_MARKS = re.compile(rb'[{}\[\],":]')
_INSIDE = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*', re.DOTALL)
"""A string up to its end, or up to an escape that is cut in two."""
_CONTROL = bytes(range(32))
_LONGEST_ESCAPE = 6
_NAME = f"held-{secrets.token_hex(16)}-"
"""Begins the names of texts set aside; a client cannot know it."""


@dataclass(frozen=True)
class JsonLimits:
    """What an API's bodies may have.

    Attributes:
        items: brackets, commas and strings.
        fields: names with a value, in all objects together. As a list stops at its first bad entry,
            no more errors than `MOST_ERRORS` are built, missing fields included.
        picture_fields: the names of fields that hold pictures, or lists of them.
        picture_depth: how deep the texts of pictures may stand.
    """

    items: int
    fields: int
    picture_fields: frozenset[bytes]
    picture_depth: int


OWN_LIMITS = JsonLimits(200, 16, frozenset({b"image", b"images"}), 2)
"""Of our own API: its largest good request has 9 fields, and about a hundred items."""


@dataclass(frozen=True)
class JsonText:
    """A body's text without long pictures, and where each of them stands, by its name."""

    text: bytes
    held: Mapping[str, memoryview]

    def picture(self, value: str) -> JsonString:
        """Return the text that a field of the parsed body stands for."""
        if value in self.held:
            return JsonString(self.held[value], escaped=True)
        return JsonString(memoryview(value.encode(errors="surrogatepass")), escaped=False)


@dataclass(frozen=True)
class JsonString:
    """A string of a body; `escaped`: as it stands there, which is not undone yet."""

    text: memoryview
    escaped: bool

    def pieces(self) -> Iterator[bytes]:
        """Yield the string in short pieces, escapes undone.

        Raises:
            ValueError: an escape is wrong, or a control character is not escaped.
        """
        at = 0
        while at < len(self.text):
            piece = bytes(self.text[at : at + SLICE_BYTES])
            if self.escaped and _must_be_undone(piece):
                last = at + len(piece) >= len(self.text)
                end = len(piece) if last else _whole_escapes(piece)
                at += end
                yield json.loads(b'"' + piece[:end] + b'"').encode(errors="surrogatepass")
            else:
                at += len(piece)
                yield piece


def _must_be_undone(piece: bytes) -> bool:
    """Return whether a piece has an escape, or a control character, which is an error."""
    return b"\\" in piece or len(piece.translate(None, _CONTROL)) < len(piece)


def _whole_escapes(piece: bytes) -> int:
    """Return how much of a piece ends with no escape cut in two."""
    begins = piece.rfind(b"\\", len(piece) - _LONGEST_ESCAPE)
    return begins if begins > 0 else len(piece)


def scan_json(body: bytes | bytearray, limits: JsonLimits = OWN_LIMITS) -> JsonText:
    """Check a JSON body's depth, number of items and size; set aside long texts of pictures.

    Raises:
        MalformedBody: it is too deep.
        InvalidFields: it has too many fields or items, or too much text beside its pictures.
    """
    return _Scan(body, limits).run()


@dataclass
class _Scan:
    body: bytes | bytearray
    limits: JsonLimits
    pieces: list[bytes] = field(default_factory=list)
    held: dict[str, memoryview] = field(default_factory=dict)
    depth: int = 0
    items: int = 0
    fields: int = 0
    kept_to: int = 0
    kept_bytes: int = 0
    key: bytes = b""
    last: bytes = b""

    def run(self) -> JsonText:
        at = 0
        while (mark := self._next_mark(at)) is not None:
            at = mark + 1
            kind = self.body[mark]
            self._count(kind)
            if kind == ord('"'):
                at = self._string(at)
            elif kind in b"{[":
                self._deeper()
            elif kind in b"}]":
                self.depth -= 1
        self._keep(len(self.body))
        return JsonText(b"".join(self.pieces), self.held)

    def _string(self, start: int) -> int:
        """Skip a string, or set it aside; return the place behind it."""
        end = self._end_of_string(start)
        self.last = bytes(self.body[start : min(end, start + _LONGEST_KEY_BYTES)])
        if end - start <= _LONGEST_INLINE_BYTES:
            return end + 1
        if self.key in self.limits.picture_fields and self.depth <= self.limits.picture_depth:
            self._keep(start)
            name = f"{_NAME}{len(self.held)}"
            self.pieces.append(name.encode())
            self.held[name] = memoryview(self.body)[start:end]
            self.kept_to = end
        return end + 1

    def _end_of_string(self, start: int) -> int:
        at = start
        while at < len(self.body):
            stop = min(len(self.body), at + SLICE_BYTES)
            quote = self.body.find(b'"', at, stop)
            if self.body.find(b"\\", at, stop if quote < 0 else quote) < 0:  # base64 has none
                if quote >= 0:
                    return quote
                at = stop
                continue
            found = _INSIDE.match(self.body, at, stop)
            end = at if found is None else found.end()
            if self.body[end : end + 1] == b'"':
                return end
            if end == at:  # an escape that the body's end cuts
                break
            at = end
        return len(self.body)  # the parser says that it does not end

    def _next_mark(self, at: int) -> int | None:
        """Return the next bracket, comma or quote, looked for in one slice at a time."""
        while at < len(self.body):
            end = min(len(self.body), at + SLICE_BYTES)
            found = _MARKS.search(self.body, at, end)
            if found:
                return found.start()
            at = end
        return None

    def _keep(self, end: int) -> None:
        """Take over what stands between the last picture and `end`."""
        self.kept_bytes += end - self.kept_to
        if self.kept_bytes > LIMIT_TEXT_BYTES:
            raise InvalidFields.one("body", f"has over {LIMIT_TEXT_BYTES} bytes beside pictures")
        self.pieces.append(bytes(self.body[self.kept_to : end]))

    def _deeper(self) -> None:
        self.depth += 1
        if self.depth > LIMIT_DEPTH:
            raise MalformedBody(f"the JSON is nested more than {LIMIT_DEPTH} deep")

    def _count(self, kind: int) -> None:
        if kind == ord(":"):
            self.fields += 1
            self.key = self.last  # what a colon follows is a name
        else:
            self.items += 1
        if self.fields > self.limits.fields:
            raise InvalidFields.one("body", f"has more than {self.limits.fields} fields")
        if self.items > self.limits.items:
            raise InvalidFields.one(
                "body", f"has more than {self.limits.items} strings, commas and brackets"
            )
