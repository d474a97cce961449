"""Changes of the memory budget and reloads: one at a time, off the event loop, to their end."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from server.errors import MemoryBudgetChanging, ReloadRunning
from tests.server.kit.asgi_exchange import Exchange
from tests.server.kit.bad_requests import JSON_TYPE
from tests.server.kit.fake_memory import FakeMemory
from tests.server.kit.fake_pool import FakePool
from tests.server.kit.reload_app import (
    HeldOpening,
    ask,
    make_reload_app,
    open_fake,
    post,
    running_state,
)


@pytest.fixture
def held() -> FakeMemory:
    memory = FakeMemory()
    memory.go.clear()
    return memory


def exchange_of(budget_mb: float) -> Exchange:
    exchange = Exchange("/v1/memory-budget", dict(JSON_TYPE), "PUT")
    exchange.body(b'{"memory_budget_mb": %d}' % budget_mb)
    return exchange


def test_one_change_at_a_time_and_requests_go_on(folder: Path, held: FakeMemory) -> None:
    pool = FakePool(memory=held)

    async def scenario() -> None:
        app = make_reload_app(folder, pool)
        async with running_state(app):
            first, second = exchange_of(20), exchange_of(25)
            changing = asyncio.create_task(first.run(app))
            assert await asyncio.to_thread(held.begun.wait, 10)
            assert (await ask(app)).status == 200
            await second.run(app)
            assert second.status == 409
            assert second.answer["type"] == "urn:otmv:problem:memory-budget-changing"
            assert second.answer["retry_after_s"] > 0
            held.go.set()
            await asyncio.wait_for(changing, 10)
            assert first.status == 200
            third = exchange_of(25)
            await third.run(app)
            assert third.status == 200

    asyncio.run(scenario())
    assert held.budget_bytes == 25_000_000


def test_no_reload_begins_while_the_budget_is_changed(folder: Path, held: FakeMemory) -> None:
    pool = FakePool(memory=held, next=open_fake)

    async def scenario() -> None:
        app = make_reload_app(folder, pool)
        async with running_state(app) as serving:
            changing = asyncio.create_task(serving.memory_budget.change(pool, 20.0))
            assert await asyncio.to_thread(held.begun.wait, 10)
            with pytest.raises(MemoryBudgetChanging):
                await serving.reloader.reload()
            assert (await post(app)).status == 409
            held.go.set()
            await changing
            assert (await post(app)).status == 200

    asyncio.run(scenario())


def test_no_change_begins_while_an_artifact_is_loaded(folder: Path) -> None:
    opening = HeldOpening()
    pool = FakePool(next=opening)

    async def scenario() -> None:
        app = make_reload_app(folder, pool)
        async with running_state(app) as serving:
            reloading = asyncio.create_task(post(app))
            await opening.wait_begun()
            with pytest.raises(ReloadRunning):
                await serving.memory_budget.change(pool, 20.0)
            refused = exchange_of(20)
            await refused.run(app)
            assert refused.status == 409
            assert refused.answer["type"] == "urn:otmv:problem:reload-running"
            opening.go.set()
            assert (await reloading).status == 200
            assert not pool.memory.begun.is_set()

    asyncio.run(scenario())


def test_it_goes_on_if_its_caller_leaves(folder: Path, held: FakeMemory) -> None:
    pool = FakePool(memory=held)

    async def scenario() -> None:
        app = make_reload_app(folder, pool)
        async with running_state(app) as serving:
            changing = asyncio.create_task(serving.memory_budget.change(pool, 20.0))
            assert await asyncio.to_thread(held.begun.wait, 10)
            changing.cancel()
            await asyncio.wait({changing})
            with pytest.raises(MemoryBudgetChanging):
                await serving.memory_budget.change(pool, 25.0)
            held.go.set()
        assert held.budget_bytes == 20_000_000  # the shutdown has waited for it

    asyncio.run(scenario())
