from __future__ import annotations

import pytest

from artifact.scoring.spelling import anls


@pytest.mark.parametrize(
    ("answer", "truths", "wanted"),
    [
        ("Hello", ["hello "], 1.0),
        ("helo", ["hello"], 0.8),
        ("kitten", ["sitting"], 1 - 3 / 7),
        ("ab", ["abcd"], 0.5),
        ("a", ["abcd"], 0.0),  # below a half
        ("a", ["zzz", "a b", "b"], 0.0),
        ("stop", ["go", "stopp"], 0.8),  # the nearest counts
        ("", [""], 1.0),
        ("", ["a"], 0.0),
    ],
)
def test_similarity_of_spelling(answer: str, truths: list[str], wanted: float) -> None:
    assert anls(answer, truths) == pytest.approx(wanted)


def test_no_truth_is_refused() -> None:
    with pytest.raises(ValueError, match="without a true answer"):
        anls("a", [])
