"""How answers and captions are scored.

The accuracy and the answer normalization are those of the public VQA v2 evaluation code
(GT-Vision-Lab/VQA, vqaEval.py), with one difference: both sides are always normalized. That code
leaves the humans' number words and articles alone, and all of their text when they agree.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

_PUNCTUATION = ';/[]"{}()=+\\_-><@`,?!'
_COMMA_IN_NUMBER = re.compile(r"\d,\d")
_PERIOD = re.compile(r"\.(?!\d)")
_ARTICLES = frozenset(("a", "an", "the"))
_NUMBER_WORDS = (
    *("zero", "one", "two", "three", "four", "five"),
    *("six", "seven", "eight", "nine", "ten"),
)
_DIGITS = {word: str(number) for number, word in enumerate(_NUMBER_WORDS)} | {"none": "0"}

# The evaluation code restores one lost apostrophe in exactly these words.
_CONTRACTIONS = """
    ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't hadn't've hasn't
    haven't he'd he'd've he's how'd how'll how's isn't it'd it'd've it'll ma'am mightn't mightn't've
    might've mustn't must've needn't not've o'clock oughtn't 'ow's'at shan't she'd've should've
    shouldn't shouldn't've somebody'd've somebody'll somebody's someone'd someone'd've someone'll
    someone's something'd something'd've something'll that's there'd there'd've there're there's
    they'd they'd've they'll they're they've 'twas wasn't we'd've we've weren't what'll what're
    what's what've when's where'd where's where've who'd who'd've who'll who's who've why'll why're
    why's won't would've wouldn't wouldn't've y'all y'all'll y'all'd've you'd you'd've you'll you're
    you've
"""


def _without_one_apostrophe(word: str) -> Iterator[str]:
    for place, letter in enumerate(word):
        if letter == "'":
            yield word[:place] + word[place + 1 :]


_RESTORED = {
    broken: word for word in _CONTRACTIONS.split() for broken in _without_one_apostrophe(word)
} | {"somebody'd": "somebodyd"}  # reversed in the evaluation code; kept, so that scores agree


def normalize_answer(text: str) -> str:
    """Return the form in which answers are compared.

    Lower case; punctuation and articles dropped; number words up to ten as digits; lost apostrophes
    restored.
    """
    text = " ".join(text.split())
    has_comma_in_number = _COMMA_IN_NUMBER.search(text) is not None
    spaced = text
    for mark in _PUNCTUATION:
        drop = has_comma_in_number or f"{mark} " in text or f" {mark}" in text
        spaced = spaced.replace(mark, "" if drop else " ")
    words = [_DIGITS.get(word, word) for word in _PERIOD.sub("", spaced).lower().split()]
    return " ".join(_RESTORED.get(word, word) for word in words if word not in _ARTICLES)


def vqa_accuracy(answer: str, truths: Sequence[str]) -> float:
    """Return the VQA accuracy of one answer, 0 to 1.

    Several truths (ten in VQA v2): min(matches / 3, 1), averaged over leaving out each truth in
    turn. One truth: 1 if it matches, else 0.

    Raises:
        ValueError: there is no truth.
    """
    if not truths:
        raise ValueError("an answer cannot be scored without a true answer")
    given = normalize_answer(answer)
    matches = sum(normalize_answer(truth) == given for truth in truths)
    if len(truths) == 1:
        return float(matches)
    left_out_match = matches * min((matches - 1) / 3, 1.0)
    left_out_other = (len(truths) - matches) * min(matches / 3, 1.0)
    return (left_out_match + left_out_other) / len(truths)


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
