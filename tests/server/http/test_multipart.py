"""A form's parts: bounded headers, and data that is handed on in slices."""

from __future__ import annotations

import contextlib

import pytest

from server.errors import MalformedBody
from server.http import multipart
from server.http.multipart import parse_multipart

TYPE = "multipart/form-data; boundary=B"
NAMED = b'content-disposition: form-data; name="a"\r\n'


def form(headers: bytes, data: bytes = b"x") -> bytes:
    return b"--B\r\n" + NAMED + headers + b"\r\n" + data + b"\r\n--B--\r\n"


@pytest.mark.parametrize("near", range(-6, 7))
def test_data_is_whole_wherever_slices_cut_it(near: int) -> None:
    data = b"\r\n--" * 40_000 + b"y" * (multipart._SLICE_BYTES + near)
    (part,) = parse_multipart(form(b"", data), TYPE)
    assert (part.name, part.data, part.filename) == ("a", data, None)


def test_the_library_bounds_the_headers_of_a_part() -> None:
    (part,) = parse_multipart(form(b"x: y\r\n" * 5), TYPE)
    assert part.data == b"x"
    for headers in (
        b"x: y\r\n" * 500_000,
        b"x: " + b"y" * 15_000_000 + b"\r\n",
        b"x" * 15_000_000 + b": y\r\n",
    ):
        with pytest.raises(MalformedBody):
            parse_multipart(form(headers), TYPE)


PART = NAMED + b"\r\nx\r\n"
RFC_2046 = {
    "text before": (b"for old readers\r\n--Bx\r\n --B\r\n--B\r\n" + PART + b"--B--\r\n", 1),
    "an empty line before": (b"\r\n--B\r\n" + PART + b"--B--\r\n", 1),
    "long text before": (b"-" * 200_000 + b"\r\n--B\r\n" + PART + b"--B--\r\n", 1),
    "text after": (b"--B\r\n" + PART + b"--B--\r\nand so on\r\n--B\r\n", 1),
    "nothing after": (b"--B\r\n" + PART + b"--B--", 1),
    "white space after each boundary": (
        b"--B \t \r\n" + PART + b"--B\t\r\n" + PART + b"--B-- \t\r\n",
        2,
    ),
    "a folded name": (
        b'--B\r\nContent-Disposition: form-data;\r\n\tname="a"\r\n\r\nx\r\n--B--\r\n',
        1,
    ),
    "a folded first word": (
        b'--B\r\nContent-Disposition:\r\n form-data; name="a"\r\n\r\nx\r\n--B--\r\n',
        1,
    ),
    "another header folded twice": (b"--B\r\nX-A: b\r\n c\r\n  d\r\n" + PART + b"--B--\r\n", 1),
}


@pytest.mark.parametrize("name", RFC_2046)
def test_what_rfc_2046_allows(name: str) -> None:
    body, count = RFC_2046[name]
    parts = parse_multipart(body, TYPE)
    assert [(part.name, part.data) for part in parts] == [("a", b"x")] * count


@pytest.mark.parametrize(
    "boundary", ["B", '"B"', "'B'", '"a b"', '"(B)+_,-./:=?"', r'"B\.C"', f'"{"b" * 70}"']
)
def test_every_boundary(boundary: str) -> None:
    bare = boundary.strip('"').replace("\\", "").encode()
    body = b"--" + bare + b"\r\n" + PART + b"--" + bare + b"--\r\n"
    (part,) = parse_multipart(body, f"multipart/form-data;boundary={boundary}; charset=utf-8")
    assert part.data == b"x"


def test_data_is_not_unfolded() -> None:
    data = b"a\r\n b\r\n\tc\r\n\r\n d\r\n--Bx\r\n e"
    (part,) = parse_multipart(form(b"", data), TYPE)
    assert part.data == data


@pytest.mark.parametrize("near", range(-6, 7))
def test_boundaries_are_found_wherever_slices_end(near: int) -> None:
    data = b"y" * (multipart._SLICE_BYTES + near)
    folded = b'X: y\r\n z\r\nContent-Disposition: form-data;\r\n name="b"\r\n\r\n'
    body = b"--B\r\n" + PART[:-3] + data + b"\r\n--B \r\n" + folded + b"z\r\n--B--"
    parts = parse_multipart(body, TYPE)
    assert [(part.name, part.data) for part in parts] == [("a", data), ("b", b"z")]


@pytest.mark.parametrize(
    "body", [b"", b"text only", b"--B", b"--B--", b"--B\r\n\r\nx\r\n--B--", b"--B\r\n" + PART]
)
def test_a_form_without_a_whole_part_has_none(body: bytes) -> None:
    with contextlib.suppress(MalformedBody):
        assert parse_multipart(body, TYPE) == []
