"""Hugging Face's `InferenceClient`, as its users call it."""

from __future__ import annotations

from pathlib import Path

import pytest

hub = pytest.importorskip("huggingface_hub")
pytestmark = pytest.mark.clients


def test_a_question_is_answered(server: str, picture: Path) -> None:
    client = hub.InferenceClient(f"{server}/hf/visual-question-answering")
    found = client.visual_question_answering(picture, "how many things are there?", top_k=3)
    assert len(found) == 3
    assert found[0].answer.isdigit()
    assert 1 >= found[0].score >= found[1].score
    assert found[0].otmv["task"] == "vqa"


def test_a_picture_is_described_from_a_file_and_from_bytes(server: str, picture: Path) -> None:
    client = hub.InferenceClient(f"{server}/hf/image-to-text")
    text = client.image_to_text(picture).generated_text
    assert text
    assert client.image_to_text(picture.read_bytes()).generated_text == text


def test_a_model_s_name_chooses_the_variant(server: str, picture: Path) -> None:
    client = hub.InferenceClient(f"{server}/hf/models/demo:d2")
    assert client.image_to_text(picture).otmv["variant"] == "d2"
    assert client.visual_question_answering(picture, "how many?")[0].otmv["variant"] == "d2"


def test_refusals_are_its_own_errors(server: str, picture: Path) -> None:
    errors = pytest.importorskip("huggingface_hub.errors")
    client = hub.InferenceClient(f"{server}/hf/models/demo@cats")
    with pytest.raises(errors.HfHubHTTPError) as caught:
        client.image_to_text(picture)
    assert caught.value.response.status_code == 404
