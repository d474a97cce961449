"""Chat completions: which task a message becomes, what is refused by name, and what comes back."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from starlette.testclient import TestClient

from engine.errors import DeadlineUnattainable, QueueFull
from engine.tasks.caption import CaptionInput
from engine.tasks.vqa import VqaInput
from server.apis.openai.chat import asks_to_describe
from tests.server.kit import sample_pictures
from tests.server.kit.chat import CHAT, PICTURE, ask, body, refused, text
from tests.server.kit.fake_pool import FakePool
from tests.server.kit.ready_client import ready_client


@pytest.mark.parametrize(
    ("content", "task", "said"),
    [
        ([text("what color?"), PICTURE], "vqa", "red"),
        ([PICTURE, text("what"), text("color?")], "vqa", "red"),
        ([PICTURE], "caption", "a red circle"),
        ([PICTURE, text(" Describe  this image. ")], "caption", "a red circle"),
        ([PICTURE, PICTURE, text("both are red")], "reason", "false"),
    ],
)
def test_a_message_becomes_the_task_that_takes_it(
    client: TestClient, content: Any, task: str, said: str
) -> None:
    response = ask(client, content)
    completion = response.json()
    assert completion["object"] == "chat.completion"
    assert completion["choices"][0]["message"]["content"] == said
    assert completion["choices"][0]["finish_reason"] == "stop"
    assert (completion["otmv"]["task"], completion["otmv"]["variant"]) == (task, "full")
    assert completion["otmv"]["timings_ms"]["total"] > 0
    assert completion["id"] == f"chatcmpl-{response.headers['x-request-id']}"
    assert "decode;dur=" in response.headers["server-timing"]


def test_texts_are_joined_and_tokens_of_pictures_are_counted(
    client: TestClient, pool: FakePool
) -> None:
    usage = ask(client, [PICTURE, text("what"), text("color?")]).json()["usage"]
    (seen,) = pool.seen
    assert isinstance(seen, VqaInput)
    assert seen.question == "what\ncolor?"
    # 1 + (32 / 16)² of the picture, [BOS] what color? [EOS]
    assert usage == {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10}


def test_a_model_s_name_forces_task_and_variant(client: TestClient, pool: FakePool) -> None:
    forced = ask(client, [PICTURE, text("describe this image")], model="fake/vqa:d2").json()
    assert (forced["otmv"]["task"], forced["otmv"]["variant"]) == ("vqa", "d2")
    assert forced["model"] == "fake/vqa:d2"
    assert pool.admitted[0].budget.variant == "d2"
    refused(ask(client, [PICTURE, text("hm?")], model="fake/caption"), 400, "messages.0.content")
    refused(ask(client, [PICTURE], model="fake/vqa"), 400, "messages.0.content")
    refused(ask(client, [PICTURE, text("x")], model="fake/reason"), 400, "messages.0.content")


@pytest.mark.parametrize("model", ["other", "fake/embed", "fake:d9", "fake@cats"])
def test_a_model_that_is_not_there_is_404(client: TestClient, model: str) -> None:
    error = refused(ask(client, [PICTURE], model=model), 404, "model")
    assert error["code"] == "model_not_found"
    assert "there" in error["message"]


def test_a_variant_is_not_named_twice_in_two_ways(client: TestClient) -> None:
    response = ask(client, [PICTURE], model="fake:d2", budget={"variant": "full"})
    refused(response, 400, "budget.variant")
    assert ask(client, [PICTURE], model="fake:d2", budget={"variant": "d2"}).status_code == 200


def test_budgets_come_in_the_body_or_in_headers(client: TestClient, pool: FakePool) -> None:
    ask(client, [PICTURE], budget={"max_latency_ms": 900, "on_miss": "reject"})
    headers = {"X-Otmv-Max-Latency-Ms": "800"}
    client.post(CHAT, json=body([PICTURE]), headers=headers)
    budgets = [each.budget for each in pool.admitted]
    assert [each.max_latency_ms for each in budgets] == [900, 800]
    assert budgets[0].on_miss == "reject"


@pytest.mark.parametrize(
    "field",
    [
        {"n": 2},
        {"n": True},
        {"temperature": 0.7},
        {"presence_penalty": 1},
        {"logit_bias": {"5": 1}},
        {"stop": ["."]},
        {"logprobs": True},
        {"tools": [{"type": "function", "function": {"name": "f"}}]},
        {"tool_choice": "required"},
        {"response_format": {"type": "json_object"}},
        {"modalities": ["audio"]},
        {"store": True},
        {"chat_template": "{{ messages }}"},
        {"max_tokens": 0},
        {"stream": "yes"},
        {"budget": 5},
    ],
    ids=str,
)
def test_what_would_change_the_answer_is_refused_by_name(
    client: TestClient, field: dict[str, Any]
) -> None:
    refused(ask(client, [PICTURE], **field), 400, next(iter(field)))


def test_what_changes_nothing_is_taken(client: TestClient) -> None:
    harmless = {
        "temperature": 0.0,
        "n": 1,
        "top_p": 0.9,
        "seed": 7,
        "user": "me",
        "tools": [],
        "tool_choice": "auto",
        "logprobs": False,
        "stop": None,
        "response_format": {"type": "text"},
        "metadata": {"a": "b"},
        "stream": False,
    }
    assert ask(client, [PICTURE], **harmless).status_code == 200


@pytest.mark.parametrize(
    ("messages", "param", "says"),
    [
        ([{"role": "system", "content": "be kind"}], "messages.0.role", "system messages"),
        ([{"role": "user", "content": "a"}] * 2, "messages", "earlier turns"),
        (
            [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],
            "messages.1.role",
            "earlier turns",
        ),
        ([{"role": "user", "content": "hello"}], "messages.0.content", "no picture"),
        (
            [{"role": "user", "content": [{"type": "input_audio"}]}],
            "messages.0.content.0",
            "neither",
        ),
        (
            [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": ""}}]}],
            "messages.0.content.0.image_url.url",
            "at least 1",
        ),
        ([{"role": "user", "content": 5}], "messages.0.content", "neither a text"),
        ([{"role": "user", "content": [PICTURE] * 3}], "messages.0.content", "3 pictures"),
        ([{"role": "user", "content": [PICTURE] * 9}], "messages.0.content", "at most 8"),
        ([], "messages", "at least 1"),
    ],
)
def test_messages_that_are_not_read_are_refused_by_name(
    client: TestClient, messages: Any, param: str, says: str
) -> None:
    response = client.post(CHAT, json={"model": "fake", "messages": messages})
    assert says in refused(response, 400, param)["message"]


@pytest.mark.parametrize("url", ["https://example.com/a.jpg", "file:///etc/passwd", "//x/a.jpg"])
def test_no_address_is_fetched(client: TestClient, url: str) -> None:
    response = ask(client, [{"type": "image_url", "image_url": {"url": url}}])
    error = refused(response, 400, "messages.0.content.0.image_url.url")
    assert error["code"] == "remote_url"


def test_a_conversation_is_refused_by_its_turns_not_by_its_size(client: TestClient) -> None:
    turns = [{"role": role, "content": "x"} for role in ("user", "assistant")] * 20
    response = client.post(CHAT, json={"model": "fake", "messages": turns})
    assert "earlier turns" in refused(response, 400, "messages.1.role")["message"]


def test_a_large_picture_is_set_aside_wherever_it_stands() -> None:
    large = sample_pictures.noisy("PNG", (900, 700))
    picture = {"image_url": {"detail": "low", "url": base64.b64encode(large).decode()}}
    with ready_client() as client:
        response = ask(client, [{"type": "image_url"} | picture, text("what color?")])
    assert len(large) > 1_000_000
    assert response.json()["choices"][0]["message"]["content"] == "red"


def test_a_caption_is_cut_where_it_is_asked_to_be(client: TestClient, pool: FakePool) -> None:
    cut = ask(client, [PICTURE], max_completion_tokens=3, max_tokens=3).json()
    assert cut["choices"][0]["finish_reason"] == "length"
    assert cut["usage"]["completion_tokens"] == 3
    ask(client, [PICTURE], max_tokens=100_000)
    (first, second) = pool.seen
    assert isinstance(first, CaptionInput)
    assert isinstance(second, CaptionInput)
    assert (first.max_new_tokens, second.max_new_tokens) == (3, 512)
    refused(ask(client, [PICTURE], max_tokens=3, max_completion_tokens=4), 400, "body")
    whole = ask(client, [PICTURE, text("how many?")], max_tokens=1).json()
    assert whole["choices"][0]["finish_reason"] == "stop"


def test_refusals_say_whether_to_try_again(client: TestClient, pool: FakePool) -> None:
    pool.admit_error = QueueFull(8, 2.2)
    full = ask(client, [PICTURE])
    assert refused(full, 429, None)["type"] == "rate_limit_error"
    assert (full.headers["retry-after"], full.headers["x-should-retry"]) == ("3", "true")
    pool.admit_error = DeadlineUnattainable(5, 40.5, "d2")
    late = ask(client, [PICTURE])
    assert refused(late, 504, None)["code"] == "deadline_unattainable"
    assert late.headers["x-should-retry"] == "false"


def test_limits_of_bodies_and_keys_hold(client: TestClient) -> None:
    response = client.post(CHAT, content=b"x" * (21 * 2**20))
    assert response.status_code in (400, 413, 415)
    assert client.post(CHAT, data={"a": "b"}).status_code == 415
    refused(client.post(f"{CHAT}?x=1", json=body([PICTURE])), 400, "query")
    deep = b"[" * 100_000
    response = client.post(CHAT, content=deep, headers={"content-type": "application/json"})
    assert refused(response, 400, None)["code"] == "malformed_body"


def test_a_key_is_asked_for_in_openai_s_shape() -> None:
    with ready_client(keys={"ann": {"sha256": "0" * 64}}) as client:
        response = ask(client, [PICTURE])
        error = refused(response, 401, None)
        assert (error["type"], error["code"]) == ("authentication_error", "unauthorized")
        assert response.headers["www-authenticate"].startswith("Bearer")
        assert client.get("/v1/models").status_code == 401


@pytest.mark.parametrize(
    ("words", "describes"),
    [
        ("", True),
        ("Describe this image", True),
        ("What\u2019s in this image?", True),
        ("describe", True),
        ("describe the dog", False),
        ("what color is it?", False),
    ],
)
def test_a_short_list_of_texts_asks_for_a_caption(words: str, describes: bool) -> None:
    assert asks_to_describe(words) is describes
