"""A request leaves nothing that only the garbage collector could free."""

from __future__ import annotations

import gc
import json

import pytest
from starlette.testclient import TestClient

from tests.server.kit.asgi_exchange import Exchange
from tests.server.kit.good_question import IMAGE


def answered(client: TestClient, **budget: str) -> int:
    exchange = Exchange(headers={"content-type": "application/json"})
    exchange.body(json.dumps({"image": IMAGE, "question": "what color?", **budget}).encode())
    assert client.portal is not None
    client.portal.call(exchange.run, client.app)
    return exchange.status


@pytest.mark.parametrize(("budget", "status"), [({}, 200), ({"variant": "none"}, 422)])
def test_a_request_leaves_no_cycle(client: TestClient, budget: dict[str, str], status: int) -> None:
    answered(client, **budget)
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        assert {answered(client, **budget) for _ in range(3)} == {status}
        gc.collect()
        left = {type(each).__qualname__ for each in gc.garbage if _is_ours(each)}
    finally:
        gc.set_debug(0)
        gc.enable()
        gc.garbage.clear()
    assert left == set()


def _is_ours(found: object) -> bool:
    return type(found).__module__.split(".")[0] in {"server", "engine"}
