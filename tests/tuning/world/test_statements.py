"""Every statement is judged again from its text by a second, independent reading."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable

import numpy as np
import pytest

from tuning.world.dataset import MAX_STATEMENTS, pair, scene_of
from tuning.world.errors import WorldError
from tuning.world.scene import COLORS, SHAPES, SIZES, Scene
from tuning.world.statements import KINDS, Statement, state

SEED, PAIRS, EACH = 8, 2500, 4
STATED = [
    (scene_of(SEED, index - 1), scene_of(SEED, index), each)
    for index in range(1, PAIRS + 1)
    for each in pair(SEED, index, EACH)
]
NUMBERS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6}
SINGULAR = {"crosses": "cross", "objects": "object"} | {f"{shape}s": shape for shape in SHAPES}


def count(scene: Scene, noun: str) -> int:
    """Count a noun's objects; `a small circle` and `two small circles` are about the same."""
    words = [SINGULAR.get(word, word) for word in noun.split()]
    wanted = {word for word in words if word not in ("a", "an", "object")}
    assert wanted <= {*SIZES, *COLORS, *SHAPES}, noun
    return sum(wanted <= {item.size, item.color, item.shape} for item in scene.objects)


def judge(left: Scene, right: Scene, text: str) -> tuple[str, bool]:
    """Return (kind, truth), from the text and the two scenes alone."""
    side = {"left": left, "right": right}
    if found := re.fullmatch(r"the (left|right) image contains exactly (\w+) (.+)", text):
        return "count", count(side[found[1]], found[3]) == NUMBERS[found[2]]
    if found := re.fullmatch(r"the two images contain exactly (\w+) (.+) in total", text):
        return "count", sum(count(each, found[2]) for each in side.values()) == NUMBERS[found[1]]
    comparison = r"the (left|right) image contains (more|fewer) (.+) than the (left|right) image"
    if found := re.fullmatch(comparison, text):
        assert found[1] != found[4]
        a, b = (count(side[found[place]], found[3]) for place in (1, 4))
        return "comparison", a > b if found[2] == "more" else a < b
    if found := re.fullmatch(r"the (left|right) image contains (an? .+)", text):
        return "side", count(side[found[1]], found[2]) > 0
    found = re.fullmatch(r"(both|at least one|exactly one|neither) images? contains? (.+)", text)
    assert found, text
    showing = sum(count(each, found[2]) > 0 for each in side.values())
    wanted = {"both": (2,), "at least one": (1, 2), "exactly one": (1,), "neither": (0,)}
    return "quantity", showing in wanted[found[1]]


def wording(text: str) -> str:
    """Return a statement without what it is about."""
    values = {*SIZES, *COLORS, *SHAPES, *SINGULAR, "object", "a", "an", *NUMBERS}
    marked = " ".join("_" if word in values else word for word in text.split())
    return re.sub(r"_( _)+", "_", marked)


def share_guessed(form: Callable[[str], str]) -> float:
    """Learn the commoner truth per `form(text)` on one half, score on the other."""
    learned: dict[str, Counter[bool]] = defaultdict(Counter)
    half = len(STATED) // 2
    for _, _, each in STATED[:half]:
        learned[form(each.text)][each.truth] += 1
    best = {key: truths.most_common(1)[0][0] for key, truths in learned.items()}
    return sum(best.get(form(e.text)) == e.truth for _, _, e in STATED[half:]) / half


def test_every_truth_agrees_with_the_scenes():
    for left, right, each in STATED:
        assert judge(left, right, each.text) == (each.kind, each.truth), each


def test_true_and_false_are_balanced_over_all_and_in_every_wording():
    truths: dict[str, list[bool]] = defaultdict(list)
    for _, _, each in STATED:
        truths[wording(each.text)].append(each.truth)
        truths["all"].append(each.truth)
    assert len(truths) == 13 + 1
    for form, found in truths.items():
        four_deviations = 2 / len(found) ** 0.5
        assert abs(np.mean(found) - 0.5) < four_deviations, form


def test_every_kind_has_a_good_share():
    """Not the one it is drawn with: a count is drawn again most often, kind and all."""
    shares = Counter(each.kind for _, _, each in STATED)
    assert all(shares[kind] > 0.1 * len(STATED) for kind in KINDS)


def test_the_text_alone_does_not_give_the_truth():
    assert share_guessed(wording) < 0.53
    assert share_guessed(lambda text: text) < 0.53


def test_a_false_side_is_usually_true_of_the_other_picture():
    """So one picture alone does not tell: the statement must be read against the right one."""
    false = [
        (right if "the left" in each.text else left, each.text)
        for left, right, each in STATED
        if each.kind == "side" and not each.truth
    ]
    there = [count(other, text.split("contains ")[1]) > 0 for other, text in false]
    assert np.mean(there) > 0.6


def test_the_first_statements_are_the_same_whatever_the_count():
    for index in range(1, 60):
        many = pair(SEED, index, MAX_STATEMENTS)
        for fewer in (1, 2, 5):
            assert pair(SEED, index, fewer) == many[:fewer]


def test_statements_of_one_pair_differ_and_are_plain_text():
    for index in range(1, 60):
        stated = pair(SEED, index, MAX_STATEMENTS)
        assert len({each.text for each in stated}) == MAX_STATEMENTS
        for each in stated:
            assert isinstance(each, Statement)
            assert re.fullmatch(r"[a-z]+( [a-z]+)*", each.text)
            assert not re.search(r"\ba [aeiou]", each.text)


def test_stating_too_much_is_an_error_not_a_hang():
    with pytest.raises(WorldError, match="ask for fewer statements per pair"):
        state(scene_of(SEED, 0), scene_of(SEED, 1), np.random.default_rng(0), 3000)
