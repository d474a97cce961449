"""A multipart/form-data body, already in memory, to its named parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from server.errors import MalformedBody

_LIMIT_PARTS = 80
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
    collector = _Collector()
    callbacks: Any = collector.callbacks()
    try:
        parser = MultipartParser(boundary, callbacks)
        for start in range(0, len(body), _SLICE_BYTES):
            parser.write(bytes(body[start : start + _SLICE_BYTES]))
        parser.finalize()
    except (FormParserError, ValueError) as error:
        raise MalformedBody(f"the form cannot be parsed: {error}") from error
    if not collector.complete:
        raise MalformedBody("the form ends before its closing boundary; send the whole body")
    return collector.parts
