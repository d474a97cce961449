"""Vectors and ranks through the Python client, from a real engine."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from artifact.store import Artifact
from otmv_serve import InvalidRequest, OtmvClient, RequestBudget
from tests.server.kit.live_server import ServerThread, serving_here
from tests.server.tasks.retrieval.embedding_model import TEXTS
from tests.server.tasks.retrieval.test_http import png


@pytest.fixture(scope="module")
def server(artifact: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerThread]:
    with serving_here(artifact.root, tmp_path_factory.mktemp("engine")) as live:
        yield live


@pytest.fixture(scope="module")
def client(server: ServerThread) -> Iterator[OtmvClient]:
    with OtmvClient(server.url) as opened:
        yield opened


def test_vectors_are_typed_and_ranks_are_those_of_the_vectors(client: OtmvClient) -> None:
    texts = list(TEXTS[:3])
    picture = client.embed_image(png(1))
    vectors = client.embed_texts(texts)
    by_picture = client.rank_texts(png(1), texts)
    by_text = client.rank_images(texts[0], [png(1), png(2)])
    cosines = [float(np.dot(picture.embedding, each.embedding)) for each in vectors]
    assert (picture.input, [each.input for each in vectors]) == ("image", ["text"] * 3)
    assert picture.dimensions == len(picture.embedding)
    assert by_picture.scores == pytest.approx(cosines, abs=1e-5)
    assert by_picture.order == sorted(range(3), key=lambda place: -cosines[place])
    assert (by_picture.query, by_text.query) == ("image", "text")
    assert by_text.scores[0] == pytest.approx(cosines[0], abs=1e-5)
    assert {picture.vector_space, vectors[0].vector_space} == {by_picture.vector_space}


def test_a_budget_holds_for_vectors_too(client: OtmvClient) -> None:
    shallow = client.embed_image(png(1), RequestBudget(variant="d1"))
    assert shallow.variant == "d1"
    assert shallow.vector_space != client.embed_image(png(1)).vector_space


def test_a_clients_adapter_is_asked_for_vectors_and_ranks(server: ServerThread) -> None:
    with OtmvClient(server.url, adapter="blue") as client:
        for ask in (
            lambda: client.embed_image(png(1)),
            lambda: client.embed_texts(["red"]),
            lambda: client.rank_images("red", [png(1)]),
            lambda: client.rank_texts(png(1), ["red"]),
        ):
            with pytest.raises(InvalidRequest, match="blue"):
                ask()
