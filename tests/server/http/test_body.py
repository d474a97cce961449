"""Limits while a body streams: its bytes, the bytes of all, and time."""

from __future__ import annotations

import asyncio

from fastapi import FastAPI

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


def test_a_body_that_never_ends_is_given_up() -> None:
    async def scenario() -> Exchange:
        async with running(make_app(FakePool(), body_timeout_s=0.05)) as app:
            exchange = Exchange()
            exchange.body(GOOD.body[:10], more=True)
            await asyncio.wait_for(exchange.run(app), 5)
        return exchange

    assert asyncio.run(scenario()).status == 408
