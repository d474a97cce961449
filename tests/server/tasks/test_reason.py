"""A statement about two pictures: one engine request, both pictures under every limit."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from engine.errors import QueueFull
from engine.tasks.reason import ReasonInput
from pictures.worker_process import Decoded
from server.pictures.decoder import Decoder
from tests.server.kit import sample_pictures
from tests.server.kit.fake_artifact import SIDE_PX
from tests.server.kit.fake_pool import FakePool

BLUE = (30, 30, 220)
LEFT, RIGHT = sample_pictures.png(), sample_pictures.encoded(sample_pictures.solid(color=BLUE))
FORM = {"statement": "the left picture is red"}


def files(*data: bytes) -> list[tuple[str, tuple[str, bytes]]]:
    return [("image", ("p.png", each)) for each in data]


def document(**more: Any) -> dict[str, Any]:
    images = [base64.b64encode(data).decode() for data in (LEFT, RIGHT)]
    return {"images": images, **FORM, **more}


@pytest.mark.parametrize("as_form", [True, False])
def test_a_verdict_is_complete(client: TestClient, pool: FakePool, as_form: bool) -> None:
    if as_form:
        response = client.post("/v1/reason", files=files(LEFT, RIGHT), data=FORM)
    else:
        response = client.post("/v1/reason", json=document())
    assert response.status_code == 200, response.text
    body = response.json()
    assert (body["task"], body["statement"]) == ("reason", FORM["statement"])
    assert (body["answer"], body["score"]) == (False, 0.875)
    assert (body["variant"], body["quality"], body["deadline_met"]) == ("full", 0.95, True)
    assert body["skip_pattern"]["bits"] == "1111"
    assert body["request_id"] == response.headers["x-request-id"]
    assert "total;dur=" in response.headers["server-timing"]
    (seen,) = pool.seen
    assert isinstance(seen, ReasonInput)
    assert seen.statement == FORM["statement"]
    colors = [tuple(pixels[16, 16].tolist()) for pixels in seen.pixels]
    assert colors == [sample_pictures.RED, BLUE]
    assert ([each.task.name for each in pool.admitted], pool.rows) == (["reason"], [2])
    assert pool.open_places == 0


def test_the_budget_is_that_of_any_request(client: TestClient, pool: FakePool) -> None:
    budget = {"max_latency_ms": 250, "variant": "d2"}
    headers = {"X-Otmv-On-Miss": "reject"}
    body = client.post("/v1/reason", json=document(budget=budget), headers=headers).json()
    assert body["variant"] == "d2"
    (ticket,) = pool.admitted
    assert (ticket.budget.max_latency_ms, ticket.budget.on_miss) == (250, "reject")


def test_both_pictures_are_predicted_before_decoding(client: TestClient, pool: FakePool) -> None:
    small, large = sample_pictures.noisy("PNG", (32, 32)), sample_pictures.noisy("PNG", (600, 400))
    for pair in ((small, small), (small, large), (large, small)):
        assert client.post("/v1/reason", files=files(*pair), data=FORM).status_code == 200
    assert min(pool.decode_s[1:]) > pool.decode_s[0] > 0


def test_decode_times_are_summed_over_both_pictures(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def decode(*_: object) -> Decoded:
        return Decoded(np.zeros((SIDE_PX, SIDE_PX, 3), np.uint8), 0.25, 0.125)

    monkeypatch.setattr(Decoder, "_decode", decode)
    timings = client.post("/v1/reason", json=document()).json()["timings_ms"]
    assert (timings["decode"], timings["preprocess"]) == (500, 250)


@pytest.mark.parametrize(
    ("right", "status", "slug"),
    [
        (sample_pictures.noisy()[:5000], 422, "image-unreadable"),
        (b"this is not a picture", 415, "image-format"),
        (sample_pictures.png_header(50_000, 50_000), 413, "image-too-large"),
    ],
)
def test_an_error_says_which_picture(
    client: TestClient, pool: FakePool, right: bytes, status: int, slug: str
) -> None:
    for name, pair in {"right": (LEFT, right), "left": (right, RIGHT)}.items():
        response = client.post("/v1/reason", files=files(*pair), data=FORM)
        assert response.status_code == status
        problem = response.json()
        assert problem["type"] == f"urn:otmv:problem:{slug}"
        assert problem["detail"].startswith(f"{name} image ")
    assert pool.open_places == 0
    assert not pool.seen
    assert {outcome for _, outcome in pool.cancelled} <= {"invalid"}


def test_a_field_error_says_which_picture(client: TestClient) -> None:
    broken = document(images=[document()["images"][0], "!!!!"])
    problem = client.post("/v1/reason", json=broken).json()
    assert problem["errors"] == [{"field": "images.1", "problem": "is not valid base64"}]
    remote = document(images=["http://example.org/a.png", document()["images"][1]])
    assert client.post("/v1/reason", json=remote).json()["detail"].startswith("images.0 is an")


def test_a_refusal_comes_before_decoding(client: TestClient, pool: FakePool) -> None:
    pool.admit_error = QueueFull(2, 3.0)
    response = client.post("/v1/reason", files=files(LEFT, RIGHT), data=FORM)
    assert (response.status_code, response.headers["retry-after"]) == (429, "3")
    assert not pool.seen


def test_a_blank_statement_is_refused_as_such_and_a_variant_is_not(client: TestClient) -> None:
    blank = client.post("/v1/reason", json=document(statement=" ")).json()
    assert blank["errors"] == [{"field": "statement", "problem": "has no words"}]
    odd = client.post("/v1/reason", json=document(budget={"variant": "a b"})).json()
    assert "has no words" not in odd["detail"]
