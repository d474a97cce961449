"""Clients that leave: what they asked for ends."""

from __future__ import annotations

import asyncio

from tests.server.kit.asgi_exchange import Exchange
from tests.server.kit.bad_requests import good_request
from tests.server.kit.fake_app import make_app, running
from tests.server.kit.fake_pool import FakePool

GOOD = good_request()


async def _leaves_while_waiting(pool: FakePool) -> Exchange:
    async with running(make_app(pool)) as app:
        exchange = Exchange()
        exchange.body(GOOD.body)
        task = asyncio.create_task(exchange.run(app))
        assert await asyncio.to_thread(pool.wait_for, lambda p: p.waiting == 1)
        exchange.disconnect()
        await asyncio.wait_for(task, 5)
    return exchange


def test_a_client_that_leaves_cancels_its_rows() -> None:
    pool = FakePool(hold=True)
    exchange = asyncio.run(_leaves_while_waiting(pool))
    assert [(ticket.id, outcome) for ticket, outcome in pool.cancelled] == [(0, "cancelled")]
    assert pool.open_places == 0
    assert exchange.status == 499


async def _leaves_while_sending(pool: FakePool) -> Exchange:
    async with running(make_app(pool)) as app:
        exchange = Exchange()
        exchange.body(GOOD.body[:50], more=True)
        exchange.disconnect()
        await asyncio.wait_for(exchange.run(app), 5)
        assert app.state.serving.bodies.held_bytes == 0
    return exchange


def test_a_client_that_leaves_while_sending_takes_no_place() -> None:
    pool = FakePool()
    assert asyncio.run(_leaves_while_sending(pool)).status == 499
    assert not pool.admitted
