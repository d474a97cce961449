"""The `openai` package of Python, as its users call it."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

openai = pytest.importorskip("openai")
pytestmark = pytest.mark.clients


@pytest.fixture
def client(server: str) -> Any:
    return openai.OpenAI(base_url=f"{server}/v1", api_key="none", max_retries=0)


@pytest.fixture
def url(picture: Path) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(picture.read_bytes()).decode()


def message(url: str, *texts: str) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = [{"type": "text", "text": text} for text in texts]
    parts.append({"type": "image_url", "image_url": {"url": url}})
    return [{"role": "user", "content": parts}]


def test_models_are_listed_and_found(client: Any) -> None:
    names = [model.id for model in client.models.list()]
    assert names[0] == "demo"
    assert "demo:full" in names
    assert client.models.retrieve("demo:full").owned_by == "demo"
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("other")
    assert caught.value.code == "model_not_found"


def test_a_question_is_answered(client: Any, url: str) -> None:
    completion = client.chat.completions.create(
        model="demo", messages=message(url, "how many things are there?"), max_tokens=16
    )
    (choice,) = completion.choices
    assert choice.message.role == "assistant"
    assert choice.message.content.isdigit()
    assert choice.finish_reason == "stop"
    assert completion.usage.total_tokens > completion.usage.prompt_tokens > 0
    assert completion.otmv["answer"] == choice.message.content
    assert completion._request_id == completion.otmv["request_id"]


def test_a_budget_and_a_variant_hold(client: Any, url: str) -> None:
    given = client.chat.completions.create(
        model="demo:d2",
        messages=message(url, "how many things are there?"),
        extra_headers={"x-slo-ttft-ms": "5000"},
        extra_body={"budget": {"min_quality": 0.01}},
    )
    assert given.otmv["variant"] == "d2"


def test_a_caption_streams_to_what_it_is_whole(client: Any, url: str) -> None:
    ask = client.chat.completions.create
    whole = ask(model="demo:full", messages=message(url)).choices[0].message.content
    chunks = list(
        ask(
            model="demo:full",
            messages=message(url, "Describe this image."),
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    *pieces, last, usage = chunks
    assert len(pieces) > 1
    assert "".join(each.choices[0].delta.content for each in pieces) == whole
    assert last.choices[0].finish_reason == "stop"
    assert last.otmv["caption"] == whole
    assert usage.usage.completion_tokens > 1
    assert not usage.choices


def test_a_stream_may_be_left(client: Any, url: str) -> None:
    stream = client.chat.completions.create(model="demo", messages=message(url), stream=True)
    next(iter(stream))
    stream.close()
    assert client.models.list().data


def test_refusals_are_the_client_s_own_errors(client: Any, url: str) -> None:
    ask = client.chat.completions.create
    with pytest.raises(openai.BadRequestError) as caught:
        ask(model="demo", messages=message(url), temperature=0.7)
    assert (caught.value.param, caught.value.code) == ("temperature", "invalid_fields")
    with pytest.raises(openai.BadRequestError) as caught:
        ask(model="demo", messages=message("https://example.com/cat.jpg"))
    assert caught.value.code == "remote_url"
    with pytest.raises(openai.NotFoundError) as missing:
        ask(model="demo@cats", messages=message(url))
    assert missing.value.param == "model"
    with pytest.raises(openai.InternalServerError) as late:
        ask(
            model="demo:full",
            messages=message(url, "how many?"),
            extra_body={"budget": {"max_latency_ms": 0.01, "on_miss": "reject"}},
        )
    assert late.value.status_code in (503, 504)


def test_two_pictures_and_a_statement(client: Any, url: str) -> None:
    parts: list[dict[str, Any]] = [{"type": "image_url", "image_url": {"url": url}}] * 2
    parts.append({"type": "text", "text": "there is a circle in both pictures"})
    given = client.chat.completions.create(
        model="demo", messages=[{"role": "user", "content": parts}]
    )
    assert given.choices[0].message.content in ("true", "false")


def test_embeddings_of_texts_are_numbers_or_base64(embedder: str) -> None:
    client = openai.OpenAI(base_url=f"{embedder}/v1", api_key="none", max_retries=0)
    (model,) = [each.id for each in client.models.list() if ":" not in each.id]
    texts = ["a small red circle", "a large blue square"]
    by_base64 = client.embeddings.create(model=model, input=texts)  # what the client asks for
    by_numbers = client.embeddings.create(model=model, input=texts, encoding_format="float")
    assert [each.index for each in by_base64.data] == [0, 1]
    for one, other in zip(by_base64.data, by_numbers.data, strict=True):
        assert one.embedding == pytest.approx(other.embedding, abs=1e-6)
        assert sum(value**2 for value in one.embedding) == pytest.approx(1, abs=1e-5)
    assert by_base64.usage.total_tokens == by_base64.usage.prompt_tokens > 2 * len(texts)
    with pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(model=model, input=texts, dimensions=7)
    assert caught.value.param == "dimensions"


def test_a_model_without_vectors_is_not_found(client: Any) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.embeddings.create(model="demo", input="a red circle")
    assert caught.value.code == "model_not_found"
