from __future__ import annotations

import numpy as np
import pytest

from artifact.scoring.retrieval import recalls


def test_recall_counts_queries_with_a_right_item_among_the_best() -> None:
    scores = np.array([[9, 8, 7], [1, 2, 3], [5, 4, 3]], np.float32)
    assert recalls(scores, [[0], [0], [1, 2]], (1, 2, 3)) == {1: 1 / 3, 2: 2 / 3, 3: 1.0}


def test_wrong_items_with_the_same_score_stand_before_the_right_one() -> None:
    alike = np.zeros((4, 20), np.float32)
    assert recalls(alike, [[0], [1], [2], [3]]) == {1: 0.0, 5: 0.0, 10: 0.0}
    assert recalls(alike, [[0, 1]] * 4, (1, 18, 19)) == {1: 0.0, 18: 0.0, 19: 1.0}


def test_two_right_items_do_not_stand_in_each_others_way() -> None:
    scores = np.array([[1, 3, 2]], np.float32)
    assert recalls(scores, [[0, 1]], (1,)) == {1: 1.0}


def test_what_cannot_be_ranked_is_refused() -> None:
    with pytest.raises(ValueError, match="without a right item"):
        recalls(np.zeros((1, 2), np.float32), [[]])
    with pytest.raises(ValueError, match="no number"):
        recalls(np.array([[np.nan, 1]], np.float32), [[0]])
