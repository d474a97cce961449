from __future__ import annotations

import pytest

from artifact.scoring import normalize_answer, phrase_recall, vqa_accuracy


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
    assert vqa_accuracy("2", truths) == pytest.approx(sum(by_hand) / 10)


def test_one_truth_matches_or_not_after_normalization():
    assert vqa_accuracy("The Red.", ["red"]) == 1
    assert vqa_accuracy("2", ["two"]) == 1
    assert vqa_accuracy("blue", ["red"]) == 0


@pytest.mark.parametrize(
    ("caption", "phrases", "wanted"),
    [
        ("a small red circle and a large blue square", ["red circle", "blue square"], 1),
        ("a small red circle and a large blue square", ["red circle", "blue cross"], 0.5),
        ("a red circle", ["red circle", "red circle"], 0.5),
        ("a red circle, a red circle", ["red circle", "red circle"], 1),
        ("a red, circle", ["red circle"], 1),
        ("Red Circle.", ["red circle"], 1),
        ("a circle that is red", ["red circle"], 0),
        ("a bored circle", ["red circle"], 0),
        ("red circles", ["red circle"], 0),
        ("", ["red circle"], 0),
        ("go go go", ["go go", "go go"], 0.5),
    ],
)
def test_phrase_recall_uses_each_occurrence_once(caption, phrases, wanted):
    assert phrase_recall(caption, phrases) == wanted


def test_nothing_to_compare_with_is_an_error():
    with pytest.raises(ValueError, match="true answer"):
        vqa_accuracy("red", [])
    with pytest.raises(ValueError, match="phrases"):
        phrase_recall("a red circle", [])
