"""Tokenizers with one id a word: the demo's, and those made of a data set's words."""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import WordLevel

from tuning.world.vocabulary import WORDS

BOS, PAD, EOS, UNK, MASK = "<s>", "<pad>", "</s>", "<unk>", "<mask>"
SPECIAL = (BOS, PAD, EOS, UNK, MASK)
PAD_ID, MASK_ID = SPECIAL.index(PAD), SPECIAL.index(MASK)


def world_tokenizer() -> Tokenizer:
    """Build the tokenizer of the generated world's words."""
    return word_tokenizer(WORDS)


def word_tokenizer(words: Iterable[str]) -> Tokenizer:
    """Build a word-level tokenizer; ids 0-4 are BOS, PAD, EOS, UNK, MASK (XLM-R's order)."""
    vocabulary = {word: i for i, word in enumerate((*SPECIAL, *words))}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token=UNK))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.decoder = decoders.WordPiece(prefix="##", cleanup=True)
    tokenizer.add_special_tokens(list(SPECIAL))
    return tokenizer


def words_of(texts: Iterable[str]) -> list[str]:
    """Return the words that a word-level tokenizer finds in texts, in alphabetical order."""
    made = word_tokenizer(())
    found: set[str] = set()
    for text in set(texts):
        normal = made.normalizer.normalize_str(text)
        found.update(word for word, _ in made.pre_tokenizer.pre_tokenize_str(normal))
    return sorted(found.difference(SPECIAL))
