"""How answers to questions are scored: VQA accuracy.

Accuracy and normalization are those of the public VQA v2 evaluation code (GT-Vision-Lab/VQA,
vqaEval.py) since March 2021, when humans' answers began to be normalized as far as the model's. It
has habits that are kept, so that scores agree: nothing is normalized where all humans agree, and of
one text 32 full stops at most are dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_PUNCTUATION = ';/[]"{}()=+\\_-><@`,?!'
_COMMA_IN_NUMBER = re.compile(r"\d,\d")
_PERIOD = re.compile(r"\.(?!\d)")
_MOST_PERIODS = 32
"""The public code gives `re.UNICODE`, which is 32, where the number of replacements stands."""
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
    """Return the form in which answers are compared where humans differ.

    Lower case; punctuation and articles dropped; number words up to ten as digits; lost apostrophes
    restored.
    """
    text = _bare(text)
    has_comma_in_number = _COMMA_IN_NUMBER.search(text) is not None
    spaced = text
    for mark in _PUNCTUATION:
        drop = has_comma_in_number or f"{mark} " in text or f" {mark}" in text
        spaced = spaced.replace(mark, "" if drop else " ")
    spaced = _PERIOD.sub("", spaced, count=_MOST_PERIODS)
    words = [_DIGITS.get(word, word) for word in spaced.lower().split()]
    return " ".join(_RESTORED.get(word, word) for word in words if word not in _ARTICLES)


def vqa_accuracy(answer: str, truths: Sequence[str]) -> float:
    """Return the VQA accuracy of one answer, 0 to 1.

    Several truths (ten in VQA v2): min(matches / 3, 1), averaged over leaving out each truth in
    turn. One truth, which the public code cannot score: 1 if it matches in its normalized form.

    Raises:
        ValueError: there is no truth.
    """
    if not truths:
        raise ValueError("an answer cannot be scored without a true answer")
    given, said = _bare(answer), [_bare(truth) for truth in truths]
    if len(set(said)) > 1 or len(said) == 1:
        given, said = normalize_answer(given), [normalize_answer(truth) for truth in said]
    matches = said.count(given)
    if len(said) == 1:
        return float(matches)
    left_out_match = matches * min((matches - 1) / 3, 1.0)
    left_out_other = (len(said) - matches) * min(matches / 3, 1.0)
    return (left_out_match + left_out_other) / len(said)


def _bare(text: str) -> str:
    return text.replace("\n", " ").replace("\t", " ").strip()
