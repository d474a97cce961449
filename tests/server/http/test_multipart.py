"""A form's parts: bounded headers, and data that is handed on in slices."""

from __future__ import annotations

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
