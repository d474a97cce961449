from __future__ import annotations

import pytest

from artifact.scoring.phrases import phrase_recall


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
    with pytest.raises(ValueError, match="phrases"):
        phrase_recall("a red circle", [])
