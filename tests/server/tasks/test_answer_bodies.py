"""Answers are written without their models, and are what the models say all the same."""

from __future__ import annotations

import base64
import re
from typing import Any

import pytest
from starlette.testclient import TestClient

from engine.types import Degraded
from server.tasks import SERVED_TASKS
from server.tasks.answer_body import AnswerBody, AnswersBody
from tests.server.kit import fake_pool, sample_pictures
from tests.server.kit.fake_pool import FakePool
from tests.server.kit.good_question import IMAGE

_OTHER = base64.b64encode(sample_pictures.png()).decode()
BODIES: dict[str, dict[str, Any]] = {
    "vqa": {"image": IMAGE, "questions": ["what color?", "wie groß? ☃"], "top_k": 2},
    "caption": {"image": IMAGE},
    "reason": {"images": [IMAGE, _OTHER], "statement": "both are red ☃"},
    "embed": {"text": "ein roter Kreis ☃"},
    "rank": {"text": "ein roter Kreis ☃", "images": [IMAGE, _OTHER]},
}


_LONGEST = {"rank": 6, "embed": 12}
"""Digits behind the point of numbers that are neither times nor shares."""


@pytest.mark.parametrize("served", SERVED_TASKS.values(), ids=SERVED_TASKS)
def test_an_answer_is_to_the_byte_what_its_model_would_write(
    served: Any, client: TestClient
) -> None:
    response = client.post(f"/v1/{served.name}", json=BODIES[served.name])
    assert response.status_code == 200
    model = served.answer.model_validate_json(response.content)
    assert response.text == model.model_dump_json()


@pytest.mark.parametrize("served", SERVED_TASKS.values(), ids=SERVED_TASKS)
def test_all_tasks_answer_in_one_shape(served: Any, client: TestClient, pool: FakePool) -> None:
    body = client.post(f"/v1/{served.name}", json=BODIES[served.name]).json()
    assert list(body)[:4] == list(AnswersBody.model_fields)
    assert body["task"] == served.name
    assert body["artifact"] == {"name": "fake", "hash": pool.artifact.hash[:12]}
    for answer in body["answers"]:
        assert set(AnswerBody.model_fields) < set(answer)
        assert answer["variant_quality"] == answer["quality"] == 0.95


@pytest.mark.parametrize("name", ["caption", "reason"])
def test_one_answer_stands_at_the_top_too_which_is_deprecated(
    name: str, client: TestClient
) -> None:
    body = client.post(f"/v1/{name}", json=BODIES[name]).json()
    (answer,) = body["answers"]
    assert {field: body[field] for field in answer} == answer
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    top = schemas[f"{name.capitalize()}Response"]["properties"]
    deprecated = {field for field, schema in top.items() if schema.get("deprecated")}
    assert deprecated == set(answer)
    inside = schemas[f"{name.capitalize()}Answer"]["properties"]
    assert {field for field, schema in inside.items() if schema.get("deprecated")} == {"quality"}


@pytest.mark.parametrize(
    ("because", "said"),
    [
        (None, None),
        (
            Degraded("time", "full", 0.012345678, 0.0098765),
            {"reason": "time", "variant": "full", "predicted_ms": 12.35, "left_ms": 9.88},
        ),
        (
            Degraded("load", "full", 0.012, None),
            {"reason": "load", "variant": "full", "predicted_ms": 12.0, "left_ms": None},
        ),
    ],
)
def test_an_answer_says_why_it_is_a_lower_variants(
    client: TestClient, pool: FakePool, because: Degraded | None, said: dict[str, Any] | None
) -> None:
    pool.degraded_because = because
    (answer,) = client.post("/v1/caption", json=BODIES["caption"]).json()["answers"]
    assert (answer["degraded"], answer["degraded_because"]) == (because is not None, said)


@pytest.mark.parametrize("served", SERVED_TASKS.values(), ids=SERVED_TASKS)
def test_no_number_has_more_digits_than_mean_something(
    served: Any, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Times to 0.01 ms, shares to 4 digits; cosines to 6, vectors to the float32."""
    monkeypatch.setattr(fake_pool, "LABELS", (("red", 2 / 3), ("blue", 1 / 3)))
    monkeypatch.setattr(fake_pool, "SCORES", (2 / 3, 1 / 3))
    text = client.post(f"/v1/{served.name}", json=BODIES[served.name]).text
    text += client.get("/v1/variants").text
    digits = {len(found) for found in re.findall(r"\d\.(\d+)", text)}
    assert max(digits) <= _LONGEST.get(served.name, 4)
    scored = served.name not in ("caption", "embed", "rank")
    assert not scored or '"score":0.6667' in text
    times = re.findall(r'_ms":(\d+\.\d+)|"(?:total|queue|decode)":\d+\.(\d+)', text)
    assert times
    assert all(len(each.partition(".")[2] or each) <= 2 for pair in times for each in pair if each)
