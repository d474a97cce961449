"""Server-sent events, line by line."""

from __future__ import annotations

from typing import Any

import pytest

from otmv_serve import DeadlineMissed, ReplyUnreadable, ServerFailed
from otmv_serve.events import EventReader, read_event


def events(*lines: str) -> list[tuple[str, Any]]:
    reader = EventReader()
    return [event for line in lines if (event := reader.take(line)) is not None]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["event: token", 'data: {"text": "a"}', ""], [("token", {"text": "a"})]),
        (["event:token", 'data:{"text": " a"}', ""], [("token", {"text": " a"})]),
        ([": a comment", "id: 3", "retry: 5", "event: x", "data: 1", ""], [("x", 1)]),
        (["event: x", "data: [1,", "data: 2]", ""], [("x", [1, 2])]),
        (["event: x", ""], []),
        (["event: x", "data: 1"], []),
        (["event: x", "data: 1", "", "data: 2", ""], [("x", 1), ("", 2)]),
    ],
)
def test_lines_become_events(lines: list[str], expected: list[tuple[str, Any]]) -> None:
    assert events(*lines) == expected


def test_what_is_no_json_is_said() -> None:
    with pytest.raises(ReplyUnreadable, match="no event of an otmv server: 'nonsense'"):
        events("data: nonsense", "")


def test_a_failure_after_the_start_has_the_status_it_would_have_had() -> None:
    problem = {"status": 504, "title": "late", "detail": "by far"}
    with pytest.raises(DeadlineMissed, match="late: by far"):
        read_event(("error", problem), lambda body: body)
    with pytest.raises(ServerFailed):
        read_event(("error", None), lambda body: body)


@pytest.mark.parametrize("data", [None, [], {}, {"text": 3}])
def test_a_piece_without_a_text_is_no_piece(data: object) -> None:
    with pytest.raises(ReplyUnreadable, match="token"):
        read_event(("token", data), lambda body: body)
