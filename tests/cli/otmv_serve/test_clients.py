"""Both clients before a real server on a real socket, whose engine follows rules."""

from __future__ import annotations

import asyncio
import inspect
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx
import pytest

from engine.errors import DeadlineExpired, QueueFull
from otmv_serve import (
    AsyncOtmvClient,
    CaptionReply,
    DeadlineMissed,
    InvalidRequest,
    KeyRefused,
    NothingFits,
    OtmvClient,
    OtmvError,
    RequestBudget,
    Retries,
    ServerBusy,
    ServerUnreachable,
    VariantNotKnown,
)
from server.access.keys import sha256_of
from tests.cli.otmv_serve.busy_pool import BusyPool
from tests.server.kit import sample_pictures
from tests.server.kit.fake_pool import FakePool
from tests.server.kit.live_server import serving_fake

PICTURE = sample_pictures.jpeg()
Call = Callable[..., Any]
ADAPTED_CALLS: list[tuple[Any, ...]] = [
    ("ask", PICTURE, "what?"),
    ("caption", PICTURE),
    ("stream_caption", PICTURE),
    ("reason", PICTURE, PICTURE, "both are red"),
]


def asked_sync(url: str, name: str, *arguments: Any, **options: Any) -> Any:
    """Return what a method of the ordinary client gives; of a stream, all of it."""
    with OtmvClient(url, **options) as client:
        found = getattr(client, name)(*arguments)
        return list(found) if inspect.isgenerator(found) else found


def asked_async(url: str, name: str, *arguments: Any, **options: Any) -> Any:
    """Return what the same method gives of the client with an event loop."""

    async def ask() -> Any:
        async with AsyncOtmvClient(url, **options) as client:
            found: Coroutine[Any, Any, Any] | AsyncIterator[Any] = getattr(client, name)(*arguments)
            if isinstance(found, Coroutine):
                return await found
            return [piece async for piece in found]

    return asyncio.run(ask())


both = pytest.mark.parametrize("ask", [asked_sync, asked_async], ids=["sync", "async"])


def test_the_two_have_the_same_methods() -> None:
    def signatures(kind: type) -> dict[str, list[inspect.Parameter]]:
        return {
            name: list(inspect.signature(member).parameters.values())
            for name, member in vars(kind).items()
            if (callable(member) and not name.startswith("_")) or name == "__init__"
        }

    assert signatures(OtmvClient) == signatures(AsyncOtmvClient)


@both
def test_answers_are_typed(ask: Call) -> None:
    with serving_fake(FakePool()) as server:
        reply = ask(server.url, "ask", PICTURE, "what color?", RequestBudget(variant="d2"))
        first, second = ask(server.url, "ask_all", PICTURE, ["a?", "b?"])
        caption = ask(server.url, "caption", PICTURE)
        verdict = ask(server.url, "reason", PICTURE, PICTURE, "both are red")
        found = ask(server.url, "variants")
    assert (reply.question, reply.answer, reply.score) == ("what color?", "red", 0.75)
    assert [each.answer for each in reply.top_k] == ["red", "blue", "two"]
    assert (reply.variant, reply.deadline_met, reply.degraded) == ("d2", True, False)
    assert reply.skip_pattern.bits.count("1") == reply.executed_blocks
    assert len(reply.skip_pattern.executed_orders) == reply.executed_blocks
    assert reply.timings_ms["total"] > 0
    assert reply.artifact.name
    assert (first.question, second.question) == ("a?", "b?")
    assert first.request_id == second.request_id
    assert caption.caption == "a red circle"
    assert (verdict.statement, type(verdict.answer)) == ("both are red", bool)
    assert {"d2", "full"} <= {each.variant for each in found.variants}


@both
def test_a_clients_adapter_is_asked_by_every_method(ask: Call) -> None:
    pool = FakePool()
    with serving_fake(pool) as server:
        for name, *arguments in ADAPTED_CALLS:
            pool.shelf.asked.clear()
            with pytest.raises(InvalidRequest, match="blue"):
                ask(server.url, name, *arguments, adapter="blue")
            assert pool.shelf.asked == ["blue"], name


@both
def test_a_stream_gives_pieces_and_then_the_caption(ask: Call) -> None:
    with serving_fake(FakePool()) as server:
        *pieces, reply = ask(server.url, "stream_caption", PICTURE)
    assert pieces == ["a", " red", " circle"]
    assert isinstance(reply, CaptionReply)
    assert reply.caption == "".join(pieces)


@both
def test_a_picture_is_a_path_or_bytes(ask: Call, tmp_path: Path) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(PICTURE)
    with serving_fake(FakePool()) as server:
        for picture in (path, str(path), PICTURE):
            assert ask(server.url, "ask", picture, "what?").answer == "red"
        with pytest.raises(FileNotFoundError, match=r"gone\.jpg"):
            ask(server.url, "ask", tmp_path / "gone.jpg", "what?")


@both
def test_refusals_are_typed(ask: Call) -> None:
    with serving_fake(FakePool()) as server:
        with pytest.raises(VariantNotKnown) as unknown:
            ask(server.url, "ask", PICTURE, "what?", RequestBudget(variant="d9"))
        with pytest.raises(NothingFits):
            ask(server.url, "ask", PICTURE, "what?", RequestBudget(max_memory_mb=0.001))
    assert "full" in unknown.value.known_variants


@both
def test_an_api_key_is_sent(ask: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving_fake(FakePool(), keys={"alice": {"sha256": sha256_of("otmv-a")}}) as server:
        assert ask(server.url, "ask", PICTURE, "what?", api_key="otmv-a").answer == "red"
        with pytest.raises(KeyRefused):
            ask(server.url, "ask", PICTURE, "what?")
        monkeypatch.setenv("OTMV_KEY", "otmv-a")
        monkeypatch.setenv("OTMV_URL", server.url)
        assert ask(None, "ask", PICTURE, "what?").answer == "red"


@both
@pytest.mark.parametrize("name", ["caption", "stream_caption"])
def test_a_busy_server_is_asked_again_when_it_said(ask: Call, name: str) -> None:
    pool = BusyPool(waits_s=[0.02, 0.03])
    with serving_fake(pool) as server:
        ask(server.url, name, PICTURE)
        assert (len(pool.admitted), pool.waits_s) == (1, [])
        pool.waits_s = [0.01] * 5
        with pytest.raises(ServerBusy) as caught:
            ask(server.url, name, PICTURE, retries=Retries(most=3))
    assert len(pool.waits_s) == 1
    assert caught.value.asked_wait_s == 0.01


@both
def test_a_long_wait_is_raised_at_once(ask: Call) -> None:
    with serving_fake(FakePool(admit_error=QueueFull(8, 600.0))) as server:
        with pytest.raises(ServerBusy) as caught:
            ask(server.url, "ask", PICTURE, "what?")
        assert caught.value.asked_wait_s == 600.0


@both
def test_no_wait_outlasts_the_budget(ask: Call) -> None:
    pool = BusyPool(waits_s=[20.0])
    with serving_fake(pool) as server, pytest.raises(ServerBusy):
        ask(server.url, "ask", PICTURE, "what?", RequestBudget(max_latency_ms=5_000))
    assert pool.admitted == []


@both
def test_a_missed_deadline_is_not_asked_again(ask: Call) -> None:
    pool = FakePool(answer_error=DeadlineExpired(1.5))
    with serving_fake(pool) as server, pytest.raises(DeadlineMissed):
        ask(server.url, "ask", PICTURE, "what?")
    assert len(pool.admitted) == 1


@both
def test_a_stream_that_has_begun_is_not_asked_again(ask: Call) -> None:
    pool = FakePool(early=1, answer_error=QueueFull(8, 0.01))
    with serving_fake(pool) as server, pytest.raises(ServerBusy):
        ask(server.url, "stream_caption", PICTURE)
    assert len(pool.admitted) == 1


@both
def test_silence_is_not_asked_again(ask: Call) -> None:
    pool = FakePool(hold=True)
    with serving_fake(pool) as server:
        with pytest.raises(ServerUnreachable, match="timed out") as caught:
            ask(server.url, "ask", PICTURE, "what?", timeout_s=0.1)
        assert not caught.value.again
        assert len(pool.admitted) == 1
        assert pool.wait_for(lambda p: not p.open_places)


@both
def test_no_server_is_said_with_its_address(ask: Call) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ServerUnreachable, match=f"no answer from {url}") as caught:
            ask(url, "ask", PICTURE, "what?", retries=Retries(most=1, first_wait_s=0.01))
    assert caught.value.again


@both
@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://host", "http://", "nonsense"])
def test_an_address_that_is_none_is_said_at_once(ask: Call, url: str) -> None:
    with pytest.raises(ValueError, match="url: "):
        ask(url, "variants")


@pytest.fixture
def page() -> Call:
    """Return what makes a client's options whose server gives one page for all."""

    def make(status: int, **content: Any) -> dict[str, Any]:
        answer = httpx.Response(status, **content)
        return {"transport": httpx.MockTransport(lambda _: answer), "retries": Retries(most=0)}

    return make


@pytest.mark.parametrize(
    ("status", "content", "words"),
    [
        (200, {"text": "<html>"}, "no JSON: '<html>'"),
        (200, {"json": []}, "answers: there are none"),
        (200, {"json": {"answers": []}}, "answers: there are none"),
        (200, {"json": {"answers": [3]}}, "no answer of an otmv server: "),
        (200, {"json": {"answers": [{}]}}, "request_id: "),
        (502, {"text": "<b>Bad\nGateway</b>"}, "the server answered 502: <b>Bad Gateway</b>"),
        (404, {"json": {"detail": "Not Found"}}, "the server answered 404: Not Found"),
        (302, {"text": ""}, "the server answered 302"),
    ],
)
@both
def test_what_another_program_says_is_one_line(
    ask: Call, page: Call, status: int, content: dict[str, Any], words: str
) -> None:
    with pytest.raises(OtmvError) as caught:
        ask("http://other", "ask", PICTURE, "what?", **page(status, **content))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
