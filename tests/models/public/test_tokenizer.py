"""SentencePiece's ids, in BEiT-3's numbers."""

from __future__ import annotations

import io
import random
from pathlib import Path

import pytest
from sentencepiece import SentencePieceProcessor, SentencePieceTrainer, sentencepiece_model_pb2
from tokenizers import Tokenizer

from artifact.manifest import TextRecord
from artifact.preprocess import TextCodec
from models.public import UnreadableText, read_tokenizer
from tuning.world.vocabulary import ANSWERS

WORDS = [
    *("what color is the large circle left of a small square and how many are there", *ANSWERS),
    *("a man riding a wave on top of a surfboard", "caf\u00e9 na\u00efve \ufb01sh", "3.14 12,345"),
    *("isn't it? (yes) no!", "\u8fd9\u662f\u4ec0\u4e48", "\u041f\u0440\u0438\u0432\u0435\u0442"),
]


def trained(path: Path, kind: str = "unigram", **options: object) -> Path:
    """Train a small SentencePiece model with the settings of XLM-R's."""
    rng, model = random.Random(3), io.BytesIO()
    sentences = (" ".join(rng.choices(WORDS, k=5)) for _ in range(400))
    SentencePieceTrainer.train(
        sentence_iterator=sentences,
        model_writer=model,
        vocab_size=90,
        model_type=kind,
        character_coverage=0.99,
        minloglevel=2,
        **options,
    )
    path.write_bytes(model.getvalue())
    return path


@pytest.fixture(scope="module")
def spm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("spm") / "beit3.spm")


def test_special_tokens_stand_where_beit3_has_them(spm: Path) -> None:
    made = read_tokenizer(spm, 300)
    tokens = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    assert [made.token_to_id(token) for token in tokens] == [0, 1, 2, 3, 91]
    pieces = SentencePieceProcessor(model_file=str(spm))
    assert made.get_vocab_size() == pieces.get_piece_size() + 2
    assert all(
        made.token_to_id(pieces.id_to_piece(number)) == number + 1 for number in range(3, 90)
    )


def test_any_text_has_sentencepiece_s_ids(spm: Path) -> None:
    made, reference = read_tokenizer(spm, 300), SentencePieceProcessor(model_file=str(spm))
    rng = random.Random(5)
    characters = "".join(WORDS) + " \t\u00a0\u3000zqx\u2460\U0001f600\uff21e\u0301"
    for _ in range(500):
        text = "".join(rng.choices(characters, k=rng.randint(1, 40)))
        ids = [number + 1 if number else 3 for number in reference.encode(text)]
        assert made.encode(text, add_special_tokens=False).ids == ids, text


def test_it_serves_as_the_tokenizer_of_an_artifact(spm: Path, tmp_path: Path) -> None:
    saved = tmp_path / "tokenizer.json"
    saved.write_text(read_tokenizer(spm, 300).to_str())
    limits = TextRecord(
        bos=0, pad=1, eos=2, unk=3, mask=91, max_question_tokens=64, max_caption_tokens=64
    )
    codec = TextCodec.from_file(saved, limits)
    ids = codec.encode_question("a man riding a wave")
    assert (ids[0], ids[-1]) == (0, 2)
    assert codec.decode(ids) == "a man riding a wave"
    assert 91 not in codec.encode_question("what is <mask> here")
    assert read_tokenizer(saved, 300).to_str() == Tokenizer.from_file(str(saved)).to_str()


def test_a_normalisation_that_is_not_ours_would_be_seen(
    spm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.public.tokenizer._OFFSET", 2)
    with pytest.raises(UnreadableText, match="where SentencePiece gives"):
        read_tokenizer(spm, 300)


def test_what_cannot_be_read_is_one_line(spm: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.spm"
    broken.write_bytes(spm.read_bytes()[:-7])
    text = tmp_path / "text.spm"
    text.write_text("not a model")
    empty = tmp_path / "empty.json"
    empty.write_text("{}")
    for path, limit, problem in (
        (tmp_path / "nowhere.spm", 300, "no such file"),
        (broken, 300, "is no SentencePiece model"),
        (text, 300, "is no SentencePiece model"),
        (empty, 300, "is no tokenizer.json"),
        (trained(tmp_path / "bpe.spm", "bpe"), 300, "is no unigram model"),
        (trained(tmp_path / "pad.spm", pad_id=0, unk_id=3), 300, "does not begin with"),
        (spm, 91, "has 92 ids, the model only 91 words"),
    ):
        with pytest.raises(UnreadableText, match=problem) as caught:
            read_tokenizer(path, limit)
        assert "\n" not in str(caught.value)


def test_a_piece_that_would_stop_the_process_is_refused_first(spm: Path, tmp_path: Path) -> None:
    model = sentencepiece_model_pb2.ModelProto()
    model.ParseFromString(spm.read_bytes())
    model.pieces[50].piece = "a" * 200_000
    path = tmp_path / "long.spm"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(UnreadableText, match="more than 1024 bytes"):
        read_tokenizer(path, 300)
