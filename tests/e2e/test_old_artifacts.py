"""Artifacts that older releases exported, served today: over HTTP they answer as they did then."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import httpx
import pytest

from artifact.task import TASKS
from tests.fixtures.old_artifacts.recorded import (
    ARTIFACTS,
    MAX_NEW_TOKENS,
    V1,
    picture_bytes,
    recorded,
)
from tests.server.kit.live_server import serving

pytestmark = pytest.mark.e2e


def body_of(case: dict[str, Any]) -> dict[str, Any]:
    """Write the request of a recorded case, for its variant."""
    images = [base64.b64encode(picture_bytes(name)).decode() for name in case["pictures"]]
    body: dict[str, Any] = {"image": images[0]} if len(images) == 1 else {"images": images}
    body["budget"] = {"variant": case["variant"]}
    task = TASKS[case["task"]]
    if task.text is not None:
        body[task.text] = case["text"]
    if task.writes:
        body["max_new_tokens"] = MAX_NEW_TOKENS
    return body


@pytest.mark.parametrize("name", ARTIFACTS)
def test_a_server_gives_every_recorded_answer(name: str, tmp_path: Path) -> None:
    with serving(V1 / name, tmp_path) as server, httpx.Client(base_url=server.url) as client:
        for case in recorded(name):
            response = client.post(f"/v1/{case['task']}", json=body_of(case), timeout=30)
            assert response.status_code == 200, response.text
            answer = response.json()
            (found,) = answer.get("answers", [answer])
            then = case["http"]
            score = then.pop("score", None)
            assert found["variant"] == case["variant"]
            assert {field: found[field] for field in then} == then
            to_four_digits = None if score is None else pytest.approx(score, abs=5.1e-5)
            assert found.get("score") == to_four_digits
