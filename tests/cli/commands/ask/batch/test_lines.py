"""Lines of a batch, ours and OpenAI's, good and bad."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from cli.commands.ask.batch.lines import LONGEST_LINE_BYTES, BadLine, read_line

OPENAI = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {"n": 1}}


def read(line: Any) -> Any:
    return read_line(json.dumps(line).encode(), 7)


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"image": "p.jpg", "question": "q?"}, "/v1/vqa"),
        ({"image": "p.jpg", "questions": ["q?"]}, "/v1/vqa"),
        ({"images": ["p.jpg", "p.jpg"], "statement": "s"}, "/v1/reason"),
        ({"image": "p.jpg", "max_new_tokens": 3}, "/v1/caption"),
    ],
)
def test_our_lines_go_where_their_fields_say(fields: dict[str, Any], path: str) -> None:
    assert (read(fields).name, read(fields).path) == ("7", path)
    assert read({"id": 12, **fields}).name == "12"
    assert read({"id": "x", **fields}).body == fields


def test_pictures_are_files_beside_the_input_or_data(tmp_path: Path) -> None:
    (tmp_path / "p.jpg").write_bytes(b"\xff\xd8")
    encoded = base64.b64encode(b"\xff\xd8").decode()
    assert read({"image": "p.jpg"}).sendable(tmp_path) == {"image": encoded}
    both = read({"images": ["p.jpg", "data:,x"], "statement": "s"}).sendable(tmp_path)
    assert both["images"] == [encoded, "data:,x"]
    for given, words in (
        ("gone.jpg", "cannot read gone.jpg"),
        (".", "cannot read ."),
        ("nul\0", "no path"),
        ("https://host/p.jpg", "addresses are not fetched"),
        ("", "give the path"),
        (3, "give the path"),
    ):
        with pytest.raises(BadLine, match=words):
            read({"image": given}).sendable(tmp_path)


def test_a_line_of_openai_is_sent_and_answered_as_it_is(tmp_path: Path) -> None:
    line = read(OPENAI)
    assert (line.name, line.path, line.sendable(tmp_path)) == ("a", OPENAI["url"], {"n": 1})
    said = {"request_id": "r", "choices": []}
    assert line.answered(said) == {
        "custom_id": "a",
        "response": {"status_code": 200, "request_id": "r", "body": said},
        "error": None,
    }
    assert line.refused(422, {"title": "no"})["response"]["status_code"] == 422


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ([], "not an object"),
        ({"question": "q?"}, "no picture"),
        ({"image": "p.jpg", "stream": True}, "stream"),
        ({"image": "p.jpg", "id": True}, "id: "),
        ({"image": "p.jpg", "id": ""}, "id: "),
        ({**OPENAI, "custom_id": 3}, "custom_id"),
        ({**OPENAI, "method": "GET"}, "method: give POST"),
        ({**OPENAI, "url": "/v1/artifacts/reload"}, "url: "),
        ({**OPENAI, "url": "http://other/v1/vqa"}, "url: "),
        ({**OPENAI, "url": "/v1/../metrics"}, "url: "),
        ({**OPENAI, "body": "x"}, "body: "),
        ({**OPENAI, "body": {"stream": True}}, r"body\.stream"),
        ({**OPENAI, "extra": 1}, "extra: not a field"),
        ({"body": {}}, "custom_id"),
    ],
)
def test_what_is_wrong_with_a_line_is_said(line: Any, words: str) -> None:
    with pytest.raises(BadLine, match=words):
        read(line)


@pytest.mark.parametrize("text", [b"nonsense", b'{"a": ', b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_is_said(text: bytes) -> None:
    with pytest.raises(BadLine, match="not JSON"):
        read_line(text, 1)


def test_a_line_has_a_limit() -> None:
    with pytest.raises(BadLine, match="longer than 64 MiB"):
        read_line(bytes(LONGEST_LINE_BYTES + 1), 1)
