from __future__ import annotations

import pytest

from artifact.scoring.answers import normalize_answer, vqa_accuracy


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Yes", "yes"),
        ("  the Dog\n", "dog"),
        ("an orange", "orange"),
        ("a", ""),
        ("two", "2"),
        ("None", "0"),
        ("ten cats", "10 cats"),
        ("eleven", "eleven"),
        ("dont", "don't"),
        ("couldntve", "couldntve"),  # the evaluation code restores one apostrophe only
        ("couldnt've", "couldn't've"),
        ("yalld've", "yalld've"),
        ("yall'd've", "y'all'd've"),
        ("lets", "lets"),  # not in the evaluation code's table
        ("somebody'd", "somebodyd"),
        ("Im", "im"),
        ("red-ish", "red ish"),  # inside a word: a space
        ("red -ish", "red ish"),  # next to a space: dropped
        ("a/b", "a/b".replace("/", " ").removeprefix("a ")),
        ("1,000", "1000"),
        ("1,000 a-b", "1000 ab"),  # a comma in a number drops every mark
        ("U.S.", "us"),
        ("3.5", "3.5"),
        ("yes!", "yes"),
        ("red, blue", "red blue"),
        ("it's", "it's"),
        ("time: 5", "time: 5"),  # the colon is not on the list
    ],
)
def test_normalization_follows_the_public_code(text: str, wanted: str):
    assert normalize_answer(text) == wanted


@pytest.mark.parametrize(
    ("matches", "wanted"), [(0, 0.0), (1, 0.3), (2, 0.6), (3, 0.9), (4, 1.0), (10, 1.0)]
)
def test_ten_answers_are_averaged_over_leaving_one_out(matches: int, wanted: float):
    truths = ["red"] * matches + [f"other {n}" for n in range(10 - matches)]
    assert vqa_accuracy("red", truths) == pytest.approx(wanted)


@pytest.mark.parametrize("matches", range(11))
def test_accuracy_equals_the_definition(matches: int):
    truths = ["two"] * matches + ["3"] * (10 - matches)
    by_hand = [
        min(sum(truth == "two" for truth in truths[:out] + truths[out + 1 :]) / 3, 1)
        for out in range(10)
    ]
    given = "two" if matches == 10 else "2"
    assert vqa_accuracy(given, truths) == pytest.approx(sum(by_hand) / 10)


@pytest.mark.parametrize(
    ("answer", "truths", "wanted"),
    [
        ("2", ["two"] * 10, 0.0),  # all agree: texts are compared as they are
        ("two", ["two"] * 10, 1.0),
        ("Two", ["two"] * 10, 0.0),
        ("two\n", ["two"] * 10, 1.0),
        ("a\tdog", ["a dog"] * 10, 1.0),
        ("2", ["two"] * 9 + ["3"], 1.0),  # they differ: numbers, articles and marks are normalized
        ("dog", ["the dog!"] * 4 + ["cat"] * 6, 1.0),
        ("the dog", ["dog"] * 3 + ["cat"] * 7, 0.9),
        ("2", ["two"] * 2, 0.0),
        ("two", ["two"] * 2, 1 / 3),
    ],
)
def test_nothing_is_normalized_where_all_agree(answer: str, truths: list[str], wanted: float):
    assert vqa_accuracy(answer, truths) == pytest.approx(wanted)


def test_32_full_stops_are_dropped_as_in_the_public_code():
    assert normalize_answer("a. b" + "." * 40) == "b" + "." * 9


def test_one_truth_matches_or_not_after_normalization():
    assert vqa_accuracy("The Red.", ["red"]) == 1
    assert vqa_accuracy("2", ["two"]) == 1
    assert vqa_accuracy("blue", ["red"]) == 0


def test_nothing_to_compare_with_is_an_error():
    with pytest.raises(ValueError, match="true answer"):
        vqa_accuracy("red", [])
