"""Attacks as whole HTTP requests: what is known to stop servers, made by a few lines of code."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from functools import partial

from loadtests.kit.asking import wire
from loadtests.kit.asking.forms import BOUNDARY, CONTENT_TYPE, encode_form
from loadtests.rivals.options import PATH
from loadtests.siege.attackers import pictures

_QUESTION = "what is it?"
_MB = 1_000_000
_JSON = "application/json"

Payload = Callable[[], bytes]


def post(body: bytes, content_type: str, path: str = PATH) -> bytes:
    """Return a whole request, after whose answer the connection closes."""
    return wire.post(path, "siege", body, content_type, "Connection: close\r\n")


def picture_request(picture: bytes) -> bytes:
    """Return a question about a picture, as a form."""
    return post(encode_form(picture, {"question": _QUESTION}), CONTENT_TYPE)


def json_request(image: str) -> bytes:
    """Return a question about a picture that stands as text in JSON."""
    return post(json.dumps({"image": image, "question": _QUESTION}).encode(), _JSON)


def _json_keys(size_bytes: int = 19 * _MB) -> bytes:
    keys = ",".join(f'"{number:x}":0' for number in range(size_bytes // 10))
    return post(b'{"image":"AA==","question":"q",' + keys.encode() + b"}", _JSON)


def _deep_json(depth: int = 5 * _MB) -> bytes:
    return post(b'{"image":' + b"[" * depth + b"]" * depth + b"}", _JSON)


def _base64(size_bytes: int = 14 * _MB) -> bytes:
    return json_request(base64.b64encode(b"\0" * size_bytes).decode())


def _head(lines: bytes) -> bytes:
    return b"GET /healthz HTTP/1.1\r\nHost: siege\r\nConnection: close\r\n" + lines + b"\r\n"


def _form(before: bytes = b"", head: bytes = b"", field: bytes = b"q", after: bytes = b"") -> bytes:
    seam = b"--" + BOUNDARY.encode()
    disposition = b'\r\nContent-Disposition: form-data; name="'
    parts = (
        before + seam + disposition + b'image"; filename="f"\r\n' + head + b"\r\n" + _GOOD + b"\r\n"
        + seam + disposition + b'question"\r\n\r\n' + field + b"\r\n" + seam + b"--\r\n" + after
    )  # fmt: skip
    return post(parts, CONTENT_TYPE)


def _chunks(sizes: bytes) -> bytes:
    head = f"POST {PATH} HTTP/1.1\r\nHost: siege\r\nContent-Type: {_JSON}\r\n"
    return head.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + sizes


def _made(make: Payload) -> bytes:
    return picture_request(make())


_GOOD = pictures.png(16, 8, 2)

BODIES: Mapping[str, Payload] = {
    "json of keys": _json_keys,
    "json of brackets": _deep_json,
    "json of base64": _base64,
    "json of white space": lambda: json_request("AA " * (19 * _MB // 3)),
    "form with a preamble": lambda: _form(before=b"x" * 15 * _MB + b"\r\n"),
    "form of line ends": lambda: _form(before=b"\r\n" * 7 * _MB),
    "form of almost boundaries": lambda: _form(before=f"\r\n--{BOUNDARY[:-1]}".encode() * _MB),
    "form with an epilogue": lambda: _form(after=b"y" * 15 * _MB),
    "form of part headers": lambda: _form(head=b"x: y\r\n" * 2 * _MB),
    "form with a long part header": lambda: _form(head=b"x: " + b"y" * 15 * _MB + b"\r\n"),
    "form with a long text": lambda: _form(field=b"a " * 9 * _MB),
}
"""Bodies whose reading is the attack."""

HEADS: Mapping[str, Payload] = {
    "head of one line": lambda: _head(b"X-Big: " + b"a" * 20 * _MB + b"\r\n"),
    "head of many lines": lambda: _head(b"X-A: v\r\n" * _MB),
    "chunk size too large": lambda: _chunks(b"F" * 17 + b"\r\nx\r\n"),
    "chunk extension": lambda: _chunks(b"1;" + b"x" * 20 * _MB + b"\r\nx\r\n0\r\n\r\n"),
    "trailers": lambda: _chunks(b"1\r\nx\r\n0\r\n" + b"X-A: v\r\n" * _MB + b"\r\n"),
}
"""Heads, chunks and trailers that go on and on."""

REFUSED: Mapping[str, Payload] = {
    name: partial(_made, make) for name, make in pictures.REFUSED_UNDECODED.items()
}
"""Pictures that are refused by their headers."""

DECODED: Mapping[str, Payload] = {
    "png of 40 Mpx with a transparent palette": lambda: picture_request(
        pictures.transparent_palette_png(6324)
    ),
    "png of 40 Mpx with 16 bits": lambda: picture_request(pictures.png(6324, 16, 0)),
    "jpeg of 90 scans": lambda: picture_request(pictures.jpeg_scans(4096, 4096, 90)),
}
"""Pictures that are just within the limits: a worker decodes them."""

BOMBS: Mapping[str, Payload] = {**REFUSED, **DECODED, **BODIES}
ATTACKS: Mapping[str, Payload] = {**HEADS, **BOMBS}
"""By name: every request that is made to stop a server."""
