"""Received bytes are cut where a request may end, however they came."""

from __future__ import annotations

import pytest

from server.http.connection.pieces import Pieces


def drain(pieces: Pieces) -> list[bytes]:
    found = []
    while pieces:
        found.append(pieces.next(None))
    return found


def test_a_piece_ends_with_the_first_blank_line() -> None:
    pieces = Pieces()
    pieces.add(b"GET / HTTP/1.1\r\nA: b\r\n\r\nGET /2 HTTP/1.1\r\n\r\nGET")
    assert drain(pieces) == [
        b"GET / HTTP/1.1\r\nA: b\r\n\r\n",
        b"GET /2 HTTP/1.1\r\n\r\n",
        b"GET",
    ]


@pytest.mark.parametrize("at", range(1, 12))
def test_a_blank_line_may_come_in_parts(at: int) -> None:
    data = b"A: b\r\n\r\nnext"
    pieces = Pieces()
    found = []
    for part in (data[:at], data[at:]):
        pieces.add(part)
        found += drain(pieces)
    head = data.index(b"next")
    lengths = [sum(map(len, found[: i + 1])) for i in range(len(found))]
    assert b"".join(found) == data
    assert head in lengths


def test_byte_by_byte_the_blank_line_is_seen() -> None:
    pieces = Pieces()
    for byte in b"A\r\n\r":
        pieces.add(bytes([byte]))
        drain(pieces)
    pieces.add(b"\nGET")
    assert pieces.next(None) == b"\n"
    assert pieces.next(None) == b"GET"


def test_a_counted_piece_has_its_length_or_what_there_is() -> None:
    pieces = Pieces()
    pieces.add(b"ab\r\n\r\ncd")
    assert pieces.next(7) == b"ab\r\n\r\nc"
    assert pieces.next(7) == b"d"
    assert not pieces


def test_what_is_put_back_comes_again() -> None:
    pieces = Pieces()
    pieces.add(b"head\r\n\r\nbody")
    pieces.next(None)
    pieces.put_back(2)
    pieces.add(b"!")
    assert pieces.next(None) == b"\r\nbody!"
