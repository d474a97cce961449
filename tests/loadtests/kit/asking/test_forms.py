from __future__ import annotations

from loadtests.kit.asking.forms import CONTENT_TYPE, encode_form
from server.http.multipart import parse_multipart


def test_the_form_is_one_the_server_reads() -> None:
    body = encode_form(b"\xff\xd8picture\r\n", {"question": "what?", "max_latency_ms": "5"})
    parts = {part.name: part.data for part in parse_multipart(body, CONTENT_TYPE)}
    assert parts == {
        "question": b"what?",
        "max_latency_ms": b"5",
        "image": b"\xff\xd8picture\r\n",
    }
