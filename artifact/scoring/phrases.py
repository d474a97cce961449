"""How captions of generated pictures are scored: the objects they name."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence


def phrase_recall(caption: str, phrases: Sequence[str]) -> float:
    """Return the share of `phrases` that the caption contains as consecutive words, 0 to 1.

    A phrase listed twice must occur twice. Case and punctuation do not matter.

    Raises:
        ValueError: there is no phrase.
    """
    if not phrases:
        raise ValueError("a caption cannot be scored without phrases")
    words = _words(caption)
    found = 0
    for phrase, wanted in Counter(_words(phrase) for phrase in phrases).items():
        found += min(wanted, _occurrences(words, phrase))
    return found / len(phrases)


def objects_named(captions: Iterable[str], phrases: Iterable[Sequence[str]]) -> float:
    """Return the share of all objects that their captions name: recall pooled over pictures.

    Args:
        captions: one for each picture.
        phrases: for each picture, one phrase for each object.

    Raises:
        ValueError: a picture has no phrase, there is no picture, or the two differ in number.
    """
    named = total = 0.0
    for caption, wanted in zip(captions, phrases, strict=True):
        named += phrase_recall(caption, wanted) * len(wanted)
        total += len(wanted)
    if not total:
        raise ValueError("captions cannot be scored without pictures")
    return named / total


def _words(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"[\w']+", text.lower()))


def _occurrences(words: tuple[str, ...], phrase: tuple[str, ...]) -> int:
    """Count the places where `phrase` occurs in `words`; occurrences do not share words."""
    count = place = 0
    while phrase and place <= len(words) - len(phrase):
        hit = words[place : place + len(phrase)] == phrase
        count += hit
        place += len(phrase) if hit else 1
    return count
