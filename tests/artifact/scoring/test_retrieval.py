from __future__ import annotations

import numpy as np
import pytest

from artifact.scoring.retrieval import places_found, recalls, share_found


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


def test_each_query_finds_the_item_with_the_best_score() -> None:
    scores = np.array([[9, 8, 7], [1, 2, 3], [5, 4, 6]], np.float32)
    places = places_found(scores)
    assert places == [0, 2, 2]
    assert share_found(places) == pytest.approx(2 / 3)


def test_a_wrong_item_with_the_same_score_is_found_first() -> None:
    places = places_found(np.zeros((4, 4), np.float32))
    assert share_found(places) == 0.0
    rng = np.random.default_rng(0)
    for _ in range(50):
        scores = rng.integers(0, 4, (6, 6)).astype(np.float32)
        recall = recalls(scores, [[place] for place in range(6)], (1,))[1]
        assert share_found(places_found(scores)) == pytest.approx(recall)


def test_one_item_alone_is_found() -> None:
    assert places_found(np.zeros((1, 1), np.float32)) == [0]


def test_what_cannot_be_found_is_refused() -> None:
    with pytest.raises(ValueError, match="no number"):
        places_found(np.array([[np.nan]], np.float32))
    with pytest.raises(ValueError, match="without a query"):
        share_found([])
