"""The demo's tokenizer: one id per word of the generated world."""

from __future__ import annotations

from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import WordLevel

from tuning.world.vocabulary import WORDS

BOS, PAD, EOS, UNK, MASK = "<s>", "<pad>", "</s>", "<unk>", "<mask>"
SPECIAL = (BOS, PAD, EOS, UNK, MASK)
PAD_ID, MASK_ID = SPECIAL.index(PAD), SPECIAL.index(MASK)


def world_tokenizer() -> Tokenizer:
    """Build the word-level tokenizer; ids 0-4 are BOS, PAD, EOS, UNK, MASK (XLM-R's order)."""
    vocabulary = {word: i for i, word in enumerate((*SPECIAL, *WORDS))}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token=UNK))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.decoder = decoders.WordPiece(prefix="##", cleanup=True)
    tokenizer.add_special_tokens(list(SPECIAL))
    return tokenizer
