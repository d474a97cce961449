"""BEiT-3's SentencePiece model as a `tokenizer.json`, its ids checked against SentencePiece itself.

BEiT-3 numbers pieces as XLM-R does: `<s>` 0, `<pad>` 1, `</s>` 2, `<unk>` 3, piece i of the file at
i + 1, and `<mask>` after the last one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import Unigram

from models.public.errors import UnreadableText

_SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
_MASK = "<mask>"
_UNKNOWN_ID, _OFFSET, _OWN_PIECES = 3, 1, 3
"""`<unk>`; what is added to a piece's number; pieces 0 to 2 of the file are its own `<unk>`, `<s>`,
`</s>`."""

_UNIGRAM, _WORD_MARK = 1, "\u2581"
_LONGEST_PIECE_BYTES = 1024
_PIECES_A_TEXT = 8
_TIE = 1e-3

_ODD_TEXTS = (
    "what color is the large circle?",
    "A man riding  a wave\ton top of a surfboard.",
    "how many zebras (3 or 12,345.67) aren't in the picture, e.g. left/right?",
    "caf\u00e9 na\u00efve \ufb01sh \uff21\uff22\uff23 \u2460 \u2167 \u00bd \u2122 e\u0301 \u00df",
    "\u8fd9\u662f\u4ec0\u4e48\uff1f \u041f\u0440\u0438\u0432\u0435\u0442 \u0645\u0631",
    "\U0001f600\U0001f600 \u00a0 no\u00adbreak \u200b zero\u200bwidth",
    "unbelievablyyyyyyyyyyyyyyyyyyyyyy",
)


def read_tokenizer(path: Path, vocab_size: int) -> Tokenizer:
    """Read a SentencePiece model, or a `tokenizer.json`, that knows the special tokens.

    Args:
        path: ending in `.json`, or else a SentencePiece model of the unigram kind.
        vocab_size: rows of the model's table of words; ids must lie below.

    Raises:
        UnreadableText: it is neither, has more ids, or gives other ids than SentencePiece does.
    """
    if not path.is_file():
        fix = "give --tokenizer beit3.spm, of the BEiT-3 release"
        raise UnreadableText(path, "no such file", fix)
    made = _from_json(path) if path.suffix == ".json" else _from_sentencepiece(path)
    for token in (*_SPECIAL, _MASK):
        if made.token_to_id(token) is None:
            raise UnreadableText(path, f"has no token {token}", "give the model's own tokenizer")
    if (ids := made.get_vocab_size()) > vocab_size:
        problem = f"has {ids} ids, the model only {vocab_size} words"
        raise UnreadableText(path, problem, "give the model's own tokenizer")
    return made


def _from_json(path: Path) -> Tokenizer:
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises bare Exception
        raise UnreadableText(path, "is no tokenizer.json", "give beit3.spm instead") from error


def _from_sentencepiece(path: Path) -> Tokenizer:
    from google.protobuf.message import DecodeError
    from sentencepiece import SentencePieceProcessor, sentencepiece_model_pb2

    model, raw = sentencepiece_model_pb2.ModelProto(), path.read_bytes()
    fix = "give beit3.spm, of the BEiT-3 release"
    try:
        model.ParseFromString(raw)
    except DecodeError as error:
        raise UnreadableText(path, "is no SentencePiece model", fix) from error
    pieces = [(piece.piece, piece.score) for piece in model.pieces]
    if [piece for piece, _ in pieces[:_OWN_PIECES]] != ["<unk>", "<s>", "</s>"]:
        raise UnreadableText(path, "does not begin with <unk>, <s>, </s>", fix)
    if model.trainer_spec.model_type != _UNIGRAM:
        raise UnreadableText(path, "is no unigram model", fix)
    if any(len(piece.encode()) > _LONGEST_PIECE_BYTES for piece, _ in pieces):
        raise UnreadableText(path, f"has a piece of more than {_LONGEST_PIECE_BYTES} bytes", fix)
    try:
        reference = SentencePieceProcessor(model_proto=raw)
    except RuntimeError as error:
        raise UnreadableText(path, f"is refused by SentencePiece ({error})", fix) from error
    made = _unigram(pieces, model.normalizer_spec)
    _check(path, made, reference, pieces)
    return made


def _unigram(pieces: Sequence[tuple[str, float]], normal: Any) -> Tokenizer:
    """Make the tokenizer of pieces with scores, and of a file's rules of normalisation."""
    own = [(token, 0.0) for token in _SPECIAL]
    vocabulary = [*own, *pieces[_OWN_PIECES:], (_MASK, 0.0)]
    made = Tokenizer(Unigram(vocabulary, unk_id=_UNKNOWN_ID, byte_fallback=False))
    charsmap = normal.precompiled_charsmap
    steps: list[normalizers.Normalizer] = []
    if charsmap:
        steps.append(normalizers.Precompiled(charsmap))
    if normal.remove_extra_whitespaces:
        steps += [normalizers.Strip(), normalizers.Replace(Regex(" {2,}"), " ")]
    made.normalizer = normalizers.Sequence(steps)
    scheme = "always" if normal.add_dummy_prefix else "never"
    made.pre_tokenizer = pre_tokenizers.Metaspace(replacement=_WORD_MARK, prepend_scheme=scheme)
    made.decoder = decoders.Metaspace(replacement=_WORD_MARK, prepend_scheme=scheme)
    made.add_special_tokens([*_SPECIAL, _MASK])
    return made


def _check(
    path: Path, made: Tokenizer, reference: Any, pieces: Sequence[tuple[str, float]]
) -> None:
    """Compare ids on odd texts, and on texts that have every piece of the file."""
    for text in (*_ODD_TEXTS, *_texts_of_pieces(pieces)):
        wanted = [_our_id(piece) for piece in reference.encode(text)]
        found = made.encode(text, add_special_tokens=False).ids
        if found != wanted and not _tie(pieces, found, wanted):
            problem = f"gives {found[:8]} for {text[:40]!r}, where SentencePiece gives {wanted[:8]}"
            raise UnreadableText(path, problem, "report this, with the file's name")


def _our_id(piece: int) -> int:
    return piece + _OFFSET if piece else _UNKNOWN_ID


def _texts_of_pieces(pieces: Sequence[tuple[str, float]]) -> Iterator[str]:
    words = [piece.replace(_WORD_MARK, " ") for piece, _ in pieces[_OWN_PIECES:]]
    special = (*_SPECIAL, _MASK)
    for first in range(0, len(words), _PIECES_A_TEXT):
        text = "".join(words[first : first + _PIECES_A_TEXT])
        if not any(token in text for token in special):
            yield text


def _tie(pieces: Sequence[tuple[str, float]], one: Sequence[int], other: Sequence[int]) -> bool:
    """Tell whether two ways to cut a text have the same score: then either is right."""
    if _UNKNOWN_ID in one or _UNKNOWN_ID in other:
        return False
    sums = [sum(pieces[token - _OFFSET][1] for token in ids) for ids in (one, other)]
    return abs(sums[0] - sums[1]) < _TIE
