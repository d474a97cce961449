from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from artifact.errors import EmptyQuestion, InvalidManifest, QuestionTooLong
from artifact.preprocess import TextCodec, to_pixels
from tests.engine.artifacts.tiny_artifact import write_tiny


@pytest.fixture(scope="module")
def codec(tmp_path_factory: pytest.TempPathFactory) -> TextCodec:
    return write_tiny(tmp_path_factory.mktemp("a") / "tiny").text_codec()


def test_a_picture_is_squared_without_cropping() -> None:
    image = Image.new("RGB", (40, 10), (255, 0, 0))
    image.paste((0, 0, 255), (20, 0, 40, 10))
    pixels = to_pixels(image, 8)
    assert pixels.shape == (8, 8, 3)
    assert pixels.dtype == np.uint8
    assert tuple(pixels[4, 0]) == (255, 0, 0)
    assert tuple(pixels[4, 7]) == (0, 0, 255)
    assert pixels.flags.writeable


def test_only_rgb_pictures() -> None:
    with pytest.raises(ValueError, match="RGB"):
        to_pixels(Image.new("L", (4, 4)), 4)


def test_questions_are_framed(codec: TextCodec) -> None:
    assert codec.encode_question(" what  colour zebra ") == [1, 5, 6, 3, 2]
    assert codec.decode([1, 5, 6, 2, 0]) == "what colour"


@pytest.mark.parametrize("question", ["", "  \n\t"])
def test_an_empty_question(codec: TextCodec, question: str) -> None:
    with pytest.raises(EmptyQuestion):
        codec.encode_question(question)


def test_the_limit_counts_the_frame(codec: TextCodec) -> None:
    assert len(codec.encode_question("a " * 6)) == 8
    with pytest.raises(QuestionTooLong, match=r"has 9 tokens; the model reads at most 8"):
        codec.encode_question("a " * 7)


def test_ten_thousand_words_are_refused_unread(codec: TextCodec) -> None:
    with pytest.raises(QuestionTooLong, match="far too many"):
        codec.encode_question("what " * 10_000)


def test_a_broken_tokenizer_file(tmp_path: Path) -> None:
    artifact = write_tiny(tmp_path / "tiny")
    artifact.path("tokenizer.json").write_text("{}")
    with pytest.raises(InvalidManifest, match="no tokenizer"):
        artifact.text_codec()
