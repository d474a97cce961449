from __future__ import annotations

import pytest

from artifact.scoring.phrases import objects_named


def test_recall_is_pooled_over_objects_not_pictures() -> None:
    captions = ["a red circle", "a blue cross"]
    phrases = [["red circle"], ["blue cross", "green square", "red cross"]]
    assert objects_named(captions, phrases) == pytest.approx(2 / 4)


def test_nothing_to_score_is_an_error() -> None:
    with pytest.raises(ValueError, match="without pictures"):
        objects_named([], [])
    with pytest.raises(ValueError, match="zip"):
        objects_named(["a red circle"], [])
