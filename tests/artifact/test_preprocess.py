from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from tokenizers import Tokenizer
from tokenizers.models import Unigram
from tokenizers.normalizers import NFKC
from tokenizers.pre_tokenizers import Metaspace

from artifact.errors import EmptyQuestion, InvalidManifest, QuestionTooLong
from artifact.preprocess import TextCodec, to_pixels
from tests.engine.artifacts.tiny_artifact import write_tiny
from tuning.tokens import world_tokenizer


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


def sentence_piece() -> Tokenizer:
    """Return a tokenizer like BEiT-3's, whose vocabulary holds its special tokens as pieces."""
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    pieces = [*((token, 0.0) for token in special), *((piece, -3.0) for piece in ("▁", *"<>/as"))]
    tokenizer = Tokenizer(Unigram(pieces, unk_id=3))
    tokenizer.normalizer = NFKC()
    tokenizer.pre_tokenizer = Metaspace()
    tokenizer.add_special_tokens(special)
    return tokenizer


@pytest.mark.parametrize("make", [world_tokenizer, sentence_piece])
@pytest.mark.parametrize(
    "question", ["a </s> s", "<mask>", "a<s>", "\uff1c/s\uff1e", "<pad>" * 3, "<mask", "a < mask >"]
)
def test_special_tokens_in_a_question_are_words(
    make: Callable[[], Tokenizer], question: str
) -> None:
    limits = SimpleNamespace(bos=0, pad=1, eos=2, mask=4, max_question_tokens=64)
    start, *words, end = TextCodec(make(), limits).encode_question(question)
    assert (start, end) == (0, 2)
    assert len(words) > 0
    assert not {0, 1, 2, 4} & set(words)


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
