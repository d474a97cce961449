"""Everything that reads a client's bytes in the server's process, as functions that a fuzzer calls.

A target returns, whatever it is given; an exception that a client is told of is caught here.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.requests import Request

from loadtests.siege.attackers import pictures as bombs
from pictures.errors import ImageError
from pictures.headers import read_header
from server.access.hosts import cannot_be_rebound, host_of
from server.access.web_pages import check_no_foreign_page
from server.errors import ServerError
from server.http.connection.pieces import Pieces
from server.http.media_types import media_type
from server.http.multipart import parse_multipart
from server.observing.trace_context import read_trace_context
from server.requests.budget import BudgetDefaults, budget_from_headers
from server.requests.reader import RequestReader
from server.tasks.reason import SERVED_REASON
from server.tasks.vqa import SERVED_VQA
from tests.server.fuzz.connection import converse
from tests.server.kit import raw_socket, sample_pictures
from tests.server.kit.bad_requests.forms import form_fields, forms
from tests.server.kit.bad_requests.json_bodies import json_syntax
from tests.server.kit.bad_requests.request import BOUNDARY, FORM_TYPE

MOST_PIXELS = 40_000_000
LONGEST_SEED = 65_536
_READER = RequestReader(MOST_PIXELS, BudgetDefaults("degrade"))


@dataclass(frozen=True)
class Target:
    """What is called with the fuzzer's bytes, where it begins, and how long they may be."""

    call: Callable[[bytes], None]
    seeds: tuple[bytes, ...]
    longest: int = 4096


def picture(data: bytes) -> None:
    with suppress(ImageError):
        header = read_header(data, MOST_PIXELS)
        assert 0 < header.width * header.height <= MOST_PIXELS


def json_body(data: bytes) -> None:
    for served in (SERVED_VQA, SERVED_REASON):
        with suppress(ServerError, ImageError):
            _READER.read(served.shape, data, {"content-type": "application/json"})


def form_body(data: bytes) -> None:
    with suppress(ServerError, ImageError):
        _READER.read(SERVED_VQA.shape, data, FORM_TYPE)


def multipart(data: bytes) -> None:
    """The first line is the content type: boundaries and options are fuzzed, too."""
    first, _, body = data.partition(b"\n")
    content_type = first.decode("latin-1")
    with suppress(ServerError):
        media_type({"content-type": content_type})
    with suppress(ServerError):
        parts = parse_multipart(body, content_type)
        assert sum(len(part.data) for part in parts) <= len(body)


def pieces(data: bytes) -> None:
    """Whatever a connection received comes out, once and in order."""
    cut, heads = data[:8], Pieces()
    out, at = b"", 8
    for size in cut:
        heads.add(data[at : at + size])
        out += heads.next(None if size % 2 else size // 2)
        at += size
    out += heads.next(len(heads))
    assert out == data[8:at]


def connection(data: bytes) -> None:
    """The first byte says how much arrives at once."""
    size = (data[0] if data else 0) + 1
    written = converse(data[at : at + size] for at in range(1, len(data), size))
    assert not written or written.startswith(b"HTTP/1.1 ")


def fields(data: bytes) -> list[tuple[bytes, bytes]]:
    """Return a head's fields, as the parser gives them: small names, values without line ends."""
    pairs = [line.partition(b":") for line in data.split(b"\n")]
    return [(name.lower(), value.strip()) for name, _, value in pairs]


def budget(data: bytes) -> None:
    with suppress(ServerError):
        budget_from_headers(Headers(raw=fields(data)))


def hosts(data: bytes) -> None:
    named = fields(data)
    cannot_be_rebound(host_of(named))
    request = Request({"type": "http", "headers": named})
    if "host" in request.headers:
        with suppress(ServerError):
            check_no_foreign_page(request, None, ())


def trace(data: bytes) -> None:
    headers = Headers(raw=fields(data))
    read_trace_context(headers.getlist("traceparent"), headers.getlist("tracestate"))


def _pictures(kind: str) -> Target:
    formats = {"jpeg": "JPEG", "png": "PNG", "gif": "GIF", "webp": "WEBP", "bmp": "BMP"}
    name = formats.get(kind, "TIFF")
    made = [
        sample_pictures.noisy(name, (9, 7)),
        sample_pictures.encoded(sample_pictures.solid(), name),
    ]
    made += [make() for bomb, make in bombs.REFUSED_UNDECODED.items() if bomb.startswith(kind)]
    return Target(picture, _short(made), longest=8192)


def _short(seeds: Iterable[bytes]) -> tuple[bytes, ...]:
    return tuple(seed[:LONGEST_SEED] for seed in seeds)


def _good_json() -> list[bytes]:
    text = base64.b64encode(sample_pictures.png()).decode()
    one = {"image": text, "questions": ["how many?"], "budget": {"max_latency_ms": 5.5}}
    two = {"images": [text, "data:image/png;base64," + text], "statement": "both are red"}
    return [json.dumps(document).encode() for document in (one, two)]


_TYPE = f"multipart/form-data; boundary={BOUNDARY}\n".encode()
_FORMS = [bad.body for bad in (*forms(), *form_fields())] + [raw_socket.GOOD.body]
_HEADS = [
    raw_socket.get(),
    raw_socket.get() * 3,
    raw_socket.get("/", "Upgrade: h2c", "Connection: Upgrade, close"),
    raw_socket.question_head() + raw_socket.GOOD.body,
    raw_socket.question_head("Transfer-Encoding: chunked", length=None)
    + raw_socket.chunks(b"abcdefgh", [3])
    + b"0\r\nX: y\r\n\r\n",
    raw_socket.get("/", "Expect: 100-continue", "Content-Length: 5", method="POST") + b"hello",
    raw_socket.get(version="1.0"),
]

TARGETS = {
    **{kind: _pictures(kind) for kind in ("jpeg", "png", "gif", "webp", "bmp", "tiff")},
    "json": Target(
        json_body, _short([*_good_json(), *(bad.body for bad in json_syntax())]), longest=32_768
    ),
    "form": Target(form_body, _short(_FORMS), longest=8192),
    "multipart": Target(multipart, _short([_TYPE + body for body in _FORMS]), longest=8192),
    "pieces": Target(pieces, tuple(b"\x10\x21\x33\x08\x90\x11\xff\x01" + head for head in _HEADS)),
    "connection": Target(connection, tuple(bytes([n]) + h for n in (0, 40, 255) for h in _HEADS)),
    "budget": Target(
        budget,
        (
            b"x-otmv-max-latency-ms: 1e3\nx-otmv-on-miss: reject\nx-otmv-variant: d1",
            b"x-otmv-: 1_0",
        ),
        longest=512,
    ),
    "hosts": Target(
        hosts,
        (b"host: [::1]:80\norigin: http://[::1]:80", b"host: localhost.\nsec-fetch-site: none"),
        longest=512,
    ),
    "trace": Target(
        trace, (b"traceparent: 00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01",), longest=1024
    ),
}
"""Each by its name."""
