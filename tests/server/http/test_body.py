"""Limits while a body streams: its bytes, the bytes of all, and time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.requests import Request

from server.errors import BodyTooLarge, BodyTooSlow, ClientLeft, ServerError, TooManyBodies
from server.http.body import BodyReader
from tests.server.kit.asgi_exchange import Exchange
from tests.server.kit.bad_requests import good_request
from tests.server.kit.fake_app import make_app, running
from tests.server.kit.fake_pool import FakePool

GOOD = good_request()


async def _streams(app: FastAPI, announced: int | None, chunks: list[bytes]) -> Exchange:
    async with running(app):
        exchange = Exchange()
        if announced is not None:
            exchange.headers["content-length"] = str(announced)
        for chunk in chunks:
            exchange.body(chunk, more=True)
        exchange.disconnect()
        await asyncio.wait_for(exchange.run(app), 5)
        assert app.state.serving.bodies.held_bytes == 0
    return exchange


def test_an_announced_size_over_the_limit_is_refused_unread() -> None:
    app = make_app(FakePool(), max_body_bytes=4096)
    exchange = asyncio.run(_streams(app, 5000, []))
    assert exchange.status == 413
    assert (b"connection", b"close") in exchange.sent[0]["headers"]


def test_a_body_that_grows_over_the_limit_is_refused_while_it_streams() -> None:
    app = make_app(FakePool(), max_body_bytes=4096)
    exchange = asyncio.run(_streams(app, None, [b"x" * 1500] * 10))
    assert exchange.status == 413
    assert exchange.answer["type"] == "urn:otmv:problem:body-too-large"


def test_bodies_in_memory_are_bounded_together() -> None:
    app = make_app(FakePool(), max_body_bytes=4096, max_bodies_bytes=4096)
    app.state.serving.bodies.take(4000)

    async def scenario() -> Exchange:
        async with running(app):
            exchange = Exchange()
            exchange.body(GOOD.body)
            await exchange.run(app)
        return exchange

    exchange = asyncio.run(scenario())
    assert exchange.status == 429
    assert app.state.serving.bodies.held_bytes == 4000
    app.state.serving.bodies.give(4000)


def test_a_body_that_never_ends_is_given_up() -> None:
    async def scenario() -> Exchange:
        async with running(make_app(FakePool(), body_timeout_s=0.05)) as app:
            exchange = Exchange()
            exchange.body(GOOD.body[:10], more=True)
            await asyncio.wait_for(exchange.run(app), 5)
            assert app.state.serving.bodies.held_bytes == 0
        return exchange

    assert asyncio.run(scenario()).status == 408


def test_a_body_gives_its_bytes_back_however_its_reading_ends() -> None:
    async def scenario(ending: dict[str, Any] | None, expected: type[ServerError]) -> int:
        reader = BodyReader(4096, 8192, timeout_s=0.02)
        messages = [{"type": "http.request", "body": b"x" * 3000, "more_body": True}]

        async def receive() -> Any:
            if messages:
                return messages.pop()
            if ending is None:
                await asyncio.sleep(60)
            return ending

        scope = {"type": "http", "method": "POST", "headers": []}
        with pytest.raises(ServerError) as caught:
            await reader.read(Request(scope, receive))
        assert type(caught.value) is expected
        return reader.held_bytes

    more = {"type": "http.request", "body": b"x" * 1097}
    for ending, expected in (
        (None, BodyTooSlow),
        ({"type": "http.disconnect"}, ClientLeft),
        (more, BodyTooLarge),
    ):
        assert asyncio.run(scenario(ending, expected)) == 0


def test_a_body_right_at_the_limits_is_read_and_given_back_once() -> None:
    async def scenario() -> None:
        reader = BodyReader(100, 100, timeout_s=5)
        messages = [{"type": "http.request", "body": b"x" * 100, "more_body": False}]

        async def receive() -> Any:
            return messages.pop()

        scope = {"type": "http", "method": "POST", "headers": [(b"content-length", b"100")]}
        body = await reader.read(Request(scope, receive))
        assert (len(body.data), reader.held_bytes) == (100, 100)
        with pytest.raises(TooManyBodies):
            reader.take(1)
        body.close()
        body.close()
        assert (body.data, reader.held_bytes) == (b"", 0)

    asyncio.run(scenario())
