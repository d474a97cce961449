"""A multipart/form-data body, already in memory, to its named parts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from server.errors import MalformedBody

_LIMIT_PARTS = 80
_LONGEST_HEADERS_BYTES = 16_384
_LONGEST_AROUND_BOUNDARY = 80
_ESCAPED = re.compile(rb"\\(.)")
_FOLD = re.compile(rb"\r\n[ \t]+")
_SLICE_BYTES = 65_536
"""What the parser is given at once, so that other threads go on."""


@dataclass
class FormPart:
    """One part of a form: its field name, its bytes, and the file name if it is a file."""

    name: str
    data: bytes | bytearray
    filename: str | None = None


@dataclass
class _Collector:
    """Receives the parser's callbacks and builds parts from them."""

    parts: list[FormPart] = field(default_factory=list)
    complete: bool = False
    _data: bytearray = field(default_factory=bytearray)
    _headers: dict[bytes, bytes] = field(default_factory=dict)
    _header_name: bytes = b""
    _header_value: bytes = b""

    def callbacks(self) -> dict[str, Callable[..., None]]:
        return {
            "on_part_begin": self._begin,
            "on_part_data": self._add,
            "on_part_end": self._end,
            "on_header_field": self._name,
            "on_header_value": self._value,
            "on_header_end": self._header_done,
            "on_end": self._done,
        }

    def _begin(self) -> None:
        if len(self.parts) >= _LIMIT_PARTS:
            raise MalformedBody(f"the form has more than {_LIMIT_PARTS} parts")
        self._data, self._headers = bytearray(), {}

    def _add(self, data: bytes, start: int, end: int) -> None:
        self._data += data[start:end]

    def _name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _header_done(self) -> None:
        self._headers[self._header_name.lower()] = self._header_value
        self._header_name, self._header_value = b"", b""

    def _end(self) -> None:
        disposition, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        name = options.get(b"name", b"").decode("utf-8", errors="replace")
        if disposition != b"form-data" or not name:
            raise MalformedBody("a part has no Content-Disposition: form-data with a name")
        if self._headers.get(b"content-transfer-encoding", b"binary").lower() in (
            b"base64",
            b"quoted-printable",
        ):
            raise MalformedBody(f"part {name!r} is transfer-encoded; send its bytes as they are")
        filename = options.get(b"filename")
        text = None if filename is None else filename.decode("utf-8", errors="replace")
        self.parts.append(FormPart(name, self._data, text))

    def _done(self) -> None:
        self.complete = True


def _plain(body: bytes | bytearray, boundary: bytes) -> Iterator[bytes | memoryview]:
    """Yield a body without what RFC 2046 allows and the parser does not know.

    That is text before the first boundary, white space after it, and headers of several lines.
    """
    rest = re.escape(boundary) + b"(?:--|[ \t]{0,64}\r\n)"
    later = re.compile(b"\r\n--" + rest)
    overlap_bytes = len(boundary) + _LONGEST_AROUND_BOUNDARY
    line = re.match(b"--" + rest, body) or _found(later, body, 0, overlap_bytes)
    view, at = memoryview(body), line.start() if line else 0
    while line is not None and not line[0].endswith(b"-"):
        yield view[at : line.start()]
        yield b"\r\n--" + boundary + b"\r\n"
        end = body.find(b"\r\n\r\n", line.end() - 2, line.end() + _LONGEST_HEADERS_BYTES)
        at = max(line.end(), end)
        if end < 0:
            break
        yield _FOLD.sub(b" ", body[line.end() : at])
        line = _found(later, body, at, overlap_bytes)
    yield view[at:]


def _found(
    lines: re.Pattern[bytes], body: bytes | bytearray, at: int, overlap_bytes: int
) -> re.Match[bytes] | None:
    """Return the next boundary's line; looks through a slice at a time."""
    while at < len(body):
        line = lines.search(body, at, at + _SLICE_BYTES + overlap_bytes)
        if line is not None:
            return line
        at += _SLICE_BYTES
    return None


def parse_multipart(body: bytes | bytearray, content_type: str) -> list[FormPart]:
    """Split a form body into its parts, in order.

    Raises:
        MalformedBody: no boundary, a wrong boundary, damaged headers, too many parts, or the
            closing boundary is missing (the body was cut off).
    """
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if not boundary:
        raise MalformedBody("Content-Type: multipart/form-data has no boundary")
    boundary = _ESCAPED.sub(rb"\1", boundary)
    collector = _Collector()
    callbacks: Any = collector.callbacks()
    try:
        parser = MultipartParser(boundary, callbacks)
        for piece in _plain(body, boundary):
            for start in range(0, len(piece), _SLICE_BYTES):
                parser.write(bytes(piece[start : start + _SLICE_BYTES]))
        parser.finalize()
    except (FormParserError, ValueError) as error:
        raise MalformedBody(f"the form cannot be parsed: {error}") from error
    if not collector.complete:
        raise MalformedBody("the form ends before its closing boundary; send the whole body")
    return collector.parts
