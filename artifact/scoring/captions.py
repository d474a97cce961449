"""How captions are scored: BLEU@4 and CIDEr-D, as COCO's public evaluation computes them.

Source: salaniz/pycocoevalcap, `bleu/bleu_scorer.py` and `cider/cider_scorer.py`. Both take texts
whose words are separated by blanks; `tokenize` makes such texts.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

LONGEST = 4
"""Words of the longest n-grams that are counted."""

TOKENIZER = "pure-Python stand-in for the Stanford PTB tokenizer"
"""What scores of texts split by `tokenize` are shown with: published ones use the Java program."""

_SIGMA = 6.0
_TINY, _SMALL = 1e-15, 1e-9
_SCALE = 10.0

_WORDS = re.compile(
    r"""(?:[a-z]\.){2,}                   # u.s.
    | \d+(?:[.,:/]\d+)*                   # 1,000  10:30  1/2
    | [^\W_]+(?:[-/'&][^\W_]+)*'?         # well-known  rock'n'roll  dogs'
    | \.{3} | --+ | \S                    # the rest, mark by mark
    """,
    re.VERBOSE,
)
_CLITIC = re.compile(r"(n't|'(?:s|m|d|re|ve|ll))$")
_TOGETHER = {
    "cannot": "can not",
    "gonna": "gon na",
    "gotta": "got ta",
    "wanna": "wan na",
    "gimme": "gim me",
    "lemme": "lem me",
}
_DROPPED = frozenset({*"'`(){}[].?!,:;-\"", "''", "``", "--", "..."})

Ngram = tuple[str, ...]
Counts = Counter[Ngram]


@dataclass(frozen=True)
class CaptionScores:
    """Scores of a set of captions: BLEU@4 0 to 1, CIDEr-D 0 to 10. Papers print 100 times both."""

    bleu4: float
    cider_d: float


def tokenize(text: str) -> str:
    """Return a caption in lower case, its words separated by blanks, punctuation left out.

    Contractions are split as in the Penn Treebank: "isn't" is "is n't".
    """
    words: list[str] = []
    for word in _WORDS.findall(text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")):
        words += _split(word)
    return " ".join(word for word in words if word not in _DROPPED)


def caption_scores(given: Sequence[str], references: Sequence[Sequence[str]]) -> CaptionScores:
    """Score captions against references, all of them split into words already.

    Args:
        given: one caption a picture.
        references: its right captions, at least one a picture.

    Raises:
        ValueError: there are fewer than two pictures, or one has no reference.
    """
    if len(given) != len(references) or not all(references):
        raise ValueError("captions cannot be scored without a reference for each picture")
    if len(given) < 2:
        raise ValueError("CIDEr needs two pictures at least: it weighs words by how rare they are")
    counted = [_ngrams(text) for text in given]
    right = [[_ngrams(text) for text in texts] for texts in references]
    return CaptionScores(_bleu(counted, right), _cider(counted, right))


def _split(word: str) -> list[str]:
    if word in _TOGETHER:
        return _TOGETHER[word].split()
    if clitic := _CLITIC.search(word):
        stem = word[: clitic.start()]
        return [stem, clitic.group()] if stem else [word]
    return [word[:-1], "'"] if word.endswith("'") and len(word) > 1 else [word]


def _ngrams(text: str) -> Counts:
    words = text.split()
    return Counter(
        tuple(words[at : at + length])
        for length in range(1, LONGEST + 1)
        for at in range(len(words) - length + 1)
    )


def _length(counts: Counts, words: int = 1) -> int:
    return sum(count for ngram, count in counts.items() if len(ngram) == words)


def _bleu(given: Sequence[Counts], references: Sequence[Sequence[Counts]]) -> float:
    """Return the corpus' BLEU@4; of references, the closest in length counts, the shorter first."""
    guessed, right = [0] * LONGEST, [0] * LONGEST
    given_words = reference_words = 0
    for one, others in zip(given, references, strict=True):
        words = _length(one)
        given_words += words
        reference_words += min((abs(n - words), n) for n in map(_length, others))[1]
        for length in range(LONGEST):
            guessed[length] += max(0, words - length)
        for ngram, count in one.items():
            right[len(ngram) - 1] += min(count, max(other[ngram] for other in others))
    product = math.prod((r + _TINY) / (g + _SMALL) for r, g in zip(right, guessed, strict=True))
    ratio = (given_words + _TINY) / (reference_words + _SMALL)
    return product ** (1 / LONGEST) * (math.exp(1 - 1 / ratio) if ratio < 1 else 1.0)


@dataclass(frozen=True)
class _Weighed:
    """A text's n-grams, each with its weight, by length; the norms of these; its bigrams."""

    weights: tuple[dict[Ngram, float], ...]
    norms: tuple[float, ...]
    bigrams: int


def _cider(given: Sequence[Counts], references: Sequence[Sequence[Counts]]) -> float:
    """Return the mean CIDEr-D; n-grams are weighed by the pictures whose references hold them."""
    holding: Counter[Ngram] = Counter()
    for others in references:
        holding.update(set().union(*others))
    pictures = math.log(len(given))

    def weighed(counts: Counts) -> _Weighed:
        weights: tuple[dict[Ngram, float], ...] = tuple({} for _ in range(LONGEST))
        for ngram, count in counts.items():
            rarity = pictures - math.log(max(1, holding[ngram]))
            weights[len(ngram) - 1][ngram] = count * rarity
        norms = tuple(math.sqrt(sum(w * w for w in each.values())) for each in weights)
        return _Weighed(weights, norms, _length(counts, 2))

    total = 0.0
    for one, others in zip(given, references, strict=True):
        mine = weighed(one)
        total += sum(_similarity(mine, weighed(other)) for other in others) / len(others)
    return _SCALE * total / len(given)


def _similarity(given: _Weighed, other: _Weighed) -> float:
    """Return the mean over lengths of the clipped cosine, less where lengths differ.

    The length is that in bigrams, as in the public code.
    """
    cosines = 0.0
    for mine, theirs, a, b in zip(
        given.weights, other.weights, given.norms, other.norms, strict=True
    ):
        shared = sum(min(w, theirs.get(n, 0.0)) * theirs.get(n, 0.0) for n, w in mine.items())
        cosines += shared / (a * b) if a and b else shared
    delta = given.bigrams - other.bigrams
    return cosines / LONGEST * math.exp(-(delta**2) / (2 * _SIGMA**2))
