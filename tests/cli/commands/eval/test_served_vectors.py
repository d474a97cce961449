"""Vectors that a server is asked for: in how many requests, and that spaces do not mix."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from cli.commands.eval.subjects import Shown
from cli.commands.eval.subjects.served import _TEXTS_A_REQUEST, ServedSubject
from server.tasks.vector_requests import LIMIT_VECTORS
from tests.server.kit.live_server import serving_here
from tests.server.tasks.retrieval.embedding_model import (
    TEXTS,
    by_torch,
    picture,
    shared_artifact,
    shared_checkpoint,
)
from tuning.data.example import DataExample
from tuning.data.problems import DataError


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    artifact = shared_artifact(tmp_path_factory.getbasetemp())
    with serving_here(artifact.root, tmp_path_factory.mktemp("engine")) as live:
        yield live.url


def test_a_server_is_asked_for_as_many_texts_as_it_takes(url: str) -> None:
    assert _TEXTS_A_REQUEST == LIMIT_VECTORS
    subject = ServedSubject(url, None)
    texts = [TEXTS[at % len(TEXTS)] for at in range(LIMIT_VECTORS + 1)]
    (found,) = subject.text_vectors("full", [texts])
    assert found is not None
    expected = np.stack([by_torch(shared_checkpoint(), text, 4) for text in texts])
    assert found == pytest.approx(expected, abs=1e-5)
    assert subject.text_vectors("full", [["red " * 999], ["red"]])[0] is None


def test_vectors_of_two_spaces_do_not_mix(url: str, tmp_path: Path) -> None:
    subject = ServedSubject(url, None)
    subject.text_vectors("d1", [["red"]])
    subject._space_of["d1"] = "of before/d1/fp32"
    Image.fromarray(picture(0)).save(tmp_path / "0.png")
    shown = Shown(DataExample("0", (str(tmp_path / "0.png"),)), ())
    with pytest.raises(DataError, match=r"of before/d1/fp32.*measure it again"):
        subject.picture_vectors("d1", [shown])


def test_a_server_offers_each_variant_once(url: str) -> None:
    offered = httpx.get(f"{url}/v1/variants").json()["tasks"]
    assert {"embed_image", "embed_text"} <= set(offered)
    subject = ServedSubject(url, None)
    assert subject.tasks == ("vqa", "embed")
    assert subject.variants("embed") == ("d1", "d2", "d3", "full")
