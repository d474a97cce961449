"""Chat completions in chunks, as OpenAI's clients read them."""

from __future__ import annotations

import json
from typing import Any

import httpx
from starlette.testclient import TestClient

from tests.server.kit.chat import PICTURE, ask, refused, text
from tests.server.kit.fake_pool import FakePool


def events(response: httpx.Response) -> list[Any]:
    lines = [line for line in response.text.split("\n\n") if line]
    assert all(line.startswith("data: ") for line in lines)
    assert lines[-1] == "data: [DONE]"
    return [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]


def test_a_stream_is_chunks_then_usage_then_done(client: TestClient) -> None:
    options = {"stream": True, "stream_options": {"include_usage": True}}
    *pieces, last, usage = events(ask(client, [PICTURE], **options))
    deltas = [each["choices"][0]["delta"] for each in pieces]
    assert deltas[0] == {"role": "assistant", "content": "a"}
    assert "".join(each["content"] for each in deltas) == "a red circle"
    assert last["choices"][0] == {
        "index": 0,
        "delta": {},
        "logprobs": None,
        "finish_reason": "stop",
    }
    assert last["otmv"]["caption"] == "a red circle"
    assert usage["choices"] == []
    assert usage["usage"]["completion_tokens"] == 3
    assert len({each["id"] for each in (*pieces, last, usage)}) == 1


def test_what_is_not_written_word_by_word_streams_as_one_chunk(client: TestClient) -> None:
    only, last = events(ask(client, [PICTURE, text("what color?")], stream=True))
    assert only["choices"][0]["delta"] == {"role": "assistant", "content": "red"}
    assert last["choices"][0]["finish_reason"] == "stop"
    assert "usage" not in only
    refused(ask(client, [PICTURE], stream_options={"include_usage": True}), 400, "body")


def test_a_stream_that_fails_says_so_in_its_last_event(client: TestClient, pool: FakePool) -> None:
    pool.early, pool.answer_error = 1, RuntimeError("/secret")
    response = ask(client, [PICTURE], stream=True)
    assert response.status_code == 200
    error = json.loads(response.text.split("\n\n")[-2].removeprefix("data: "))["error"]
    assert (error["code"], error["type"]) == ("internal", "server_error")
    assert "secret" not in response.text
    assert "[DONE]" not in response.text
