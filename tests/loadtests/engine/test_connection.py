from __future__ import annotations

from loadtests.engine.connection import question_bytes
from server.http.multipart import parse_multipart


def test_the_request_is_one_the_server_reads() -> None:
    head, _, body = question_bytes(b"\xff\xd8jpeg", "what?", "d2").partition(b"\r\n\r\n")
    fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    assert int(fields["Content-Length"]) == len(body)
    parts = {part.name: part.data for part in parse_multipart(body, fields["Content-Type"])}
    assert parts == {"question": b"what?", "variant": b"d2", "image": b"\xff\xd8jpeg"}
