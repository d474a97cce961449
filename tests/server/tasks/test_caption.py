"""A caption, whole: its fields reach the engine, and its body is complete."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from engine.tasks.caption import CaptionInput
from tests.server.kit.fake_pool import FakePool
from tests.server.kit.good_question import FILE, IMAGE

PHASES = ["decode", "preprocess", "queue", "stem", "blocks", "head", "total"]


@pytest.mark.parametrize("as_form", [True, False])
def test_caption(client: TestClient, pool: FakePool, as_form: bool) -> None:
    if as_form:
        response = client.post("/v1/caption", files=FILE, data={"max_new_tokens": "7"})
    else:
        response = client.post("/v1/caption", json={"image": IMAGE, "max_new_tokens": 7})
    assert response.status_code == 200
    body = response.json()
    assert (body["task"], body["caption"], body["variant"]) == ("caption", "a red circle", "full")
    assert list(body["timings_ms"]) == PHASES
    (seen,) = pool.seen
    assert isinstance(seen, CaptionInput)
    assert seen.max_new_tokens == 7
