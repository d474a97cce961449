"""Vectors and ranks over HTTP, from a real engine: values, spaces, depths, refusals."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from artifact.store import Artifact
from models.checkpoint import Checkpoint
from tests.server.kit.live_server import ServerThread, serving_here
from tests.server.tasks.retrieval.embedding_model import (
    TEXTS,
    VARIANTS,
    by_torch,
    depth_of,
    picture,
)


def png(seed: int) -> bytes:
    """Return the picture of a seed as a file; it has the model's size, so nothing is resized."""
    file = io.BytesIO()
    Image.fromarray(picture(seed)).save(file, "PNG")
    return file.getvalue()


def encoded(seed: int) -> str:
    return base64.b64encode(png(seed)).decode()


@pytest.fixture(scope="module")
def server(artifact: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerThread]:
    with serving_here(artifact.root, tmp_path_factory.mktemp("engine")) as live:
        yield live


@pytest.fixture(scope="module")
def client(server: ServerThread) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=30) as opened:
        yield opened


def answer(client: httpx.Client, route: str, body: dict[str, Any]) -> dict[str, Any]:
    response = client.post(f"/v1/{route}", json=body)
    assert response.status_code == 200, response.text
    (found,) = response.json()["answers"]
    return dict(found)


def problem(client: httpx.Client, route: str, body: dict[str, Any]) -> str:
    response = client.post(f"/v1/{route}", json=body)
    assert response.status_code == 422, response.text
    assert response.headers["content-type"] == "application/problem+json"
    return str(response.json()["detail"])


def numbers(found: dict[str, Any]) -> NDArray[np.float32]:
    return np.array(found["embedding"], np.float32)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_vector_is_the_models_and_names_where_it_lies(
    client: httpx.Client, checkpoint: Checkpoint, artifact: Artifact, variant: str
) -> None:
    budget = {"variant": variant}
    for body, asked in (
        ({"text": TEXTS[1]}, TEXTS[1]),
        ({"image": encoded(3)}, picture(3)),
    ):
        found = answer(client, "embed", body | {"budget": budget})
        expected = by_torch(checkpoint, asked, depth_of(variant))
        assert np.linalg.norm(numbers(found) - expected) <= 1e-5
        assert found["input"] == next(iter(body))
        assert found["dimensions"] == len(expected)
        assert found["variant"] == variant
        assert found["precision"] == "fp32"
        assert found["vector_space"] == f"{artifact.short_hash}/{variant}/fp32"


def test_base64_holds_the_same_float32(client: httpx.Client) -> None:
    body = {"text": TEXTS[0], "budget": {"variant": "full"}}
    listed = numbers(answer(client, "embed", body))
    packed = answer(client, "embed", body | {"encoding_format": "base64"})["embedding"]
    assert np.frombuffer(base64.b64decode(packed), "<f4") == pytest.approx(listed, abs=1e-6)


def test_a_form_gives_the_same_vector(client: httpx.Client) -> None:
    files = {"image": ("p.png", png(4), "image/png")}
    response = client.post("/v1/embed", files=files, data={"variant": "full"})
    assert response.status_code == 200, response.text
    by_json = answer(client, "embed", {"image": encoded(4), "budget": {"variant": "full"}})
    by_form = response.json()["answers"][0]
    assert np.linalg.norm(numbers(by_form) - numbers(by_json)) <= 1e-5


@pytest.mark.parametrize("variant", [*VARIANTS, None])
def test_a_rank_has_the_cosines_of_one_variant(
    client: httpx.Client, checkpoint: Checkpoint, variant: str | None
) -> None:
    budget = {} if variant is None else {"variant": variant}
    shown = range(6)
    body = {"text": TEXTS[0], "images": [encoded(seed) for seed in shown], "budget": budget}
    found = answer(client, "rank", body)
    depth = depth_of(found["variant"])
    assert variant is None or found["variant"] == variant
    query = by_torch(checkpoint, TEXTS[0], depth)
    cosines = [float(query @ by_torch(checkpoint, picture(seed), depth)) for seed in shown]
    assert found["query"] == "text"
    assert found["scores"] == pytest.approx(cosines, abs=1e-5)
    assert found["order"] == sorted(shown, key=lambda place: -cosines[place])


def test_texts_are_ranked_by_a_picture(client: httpx.Client, checkpoint: Checkpoint) -> None:
    found = answer(client, "rank", {"image": encoded(2), "texts": list(TEXTS)})
    depth = depth_of(found["variant"])
    seen = by_torch(checkpoint, picture(2), depth)
    cosines = [float(seen @ by_torch(checkpoint, text, depth)) for text in TEXTS]
    assert found["query"] == "image"
    assert found["scores"] == pytest.approx(cosines, abs=1e-5)


def test_a_rank_without_time_compares_by_the_first_stop(
    client: httpx.Client, checkpoint: Checkpoint
) -> None:
    body = {
        "text": TEXTS[0],
        "images": [encoded(seed) for seed in range(3)],
        "budget": {"max_latency_ms": 0.01},
    }
    found = answer(client, "rank", body)
    assert (found["variant"], found["degraded"], found["deadline_met"]) == ("d1", True, False)
    query = by_torch(checkpoint, TEXTS[0], 1)
    cosines = [float(query @ by_torch(checkpoint, picture(seed), 1)) for seed in range(3)]
    assert found["scores"] == pytest.approx(cosines, abs=1e-5)


def test_a_form_may_repeat_pictures(client: httpx.Client) -> None:
    files = [("image", (f"{seed}.png", png(seed), "image/png")) for seed in range(3)]
    data = {"text": TEXTS[0], "variant": "full"}
    response = client.post("/v1/rank", files=files, data=data)
    assert response.status_code == 200, response.text
    images = [encoded(seed) for seed in range(3)]
    body = {"text": TEXTS[0], "images": images, "budget": {"variant": "full"}}
    by_json = answer(client, "rank", body)["scores"]
    assert response.json()["answers"][0]["scores"] == pytest.approx(by_json, abs=1e-5)


_ONE_OF_BOTH = "body: give one of image, text and texts"
_ONE_AND_MANY = "body: give one text and pictures, or one picture and texts"


def test_what_is_neither_or_both_is_refused(client: httpx.Client) -> None:
    assert problem(client, "embed", {}) == _ONE_OF_BOTH
    assert problem(client, "embed", {"text": "a", "image": encoded(0)}) == _ONE_OF_BOTH
    assert problem(client, "embed", {"text": "a", "texts": ["a"]}) == _ONE_OF_BOTH
    for body in (
        {"text": "a red circle"},
        {"image": encoded(0)},
        {"text": "a", "texts": ["a"], "image": encoded(0)},
        {"texts": ["a", "a"], "images": [encoded(0), encoded(1)]},
    ):
        assert problem(client, "rank", body) == _ONE_AND_MANY
    assert "encoding_format" in problem(client, "embed", {"text": "a", "encoding_format": "hex"})
    too_many = {"text": "a red circle", "images": [encoded(0)] * 33}
    assert problem(client, "rank", too_many).startswith("images: ")
    assert "tokens" in problem(client, "embed", {"text": "circle " * 60})
    broken = {"text": "a", "images": [encoded(0), base64.b64encode(b"no picture").decode()]}
    response = client.post("/v1/rank", json=broken)
    assert response.status_code == 415
    assert "image 1" in response.json()["detail"]


def test_a_route_lists_the_variants_of_both_sides(client: httpx.Client) -> None:
    listed = client.get("/v1/variants", params={"task": "embed"}).json()["variants"]
    asked = [(each["task"], each["variant"]) for each in listed]
    assert asked == [
        (task, variant) for task in ("embed_image", "embed_text") for variant in VARIANTS
    ]
