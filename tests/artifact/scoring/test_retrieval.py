from __future__ import annotations

import numpy as np
import pytest

from artifact.scoring import retrieval
from artifact.scoring.retrieval import places_found, recalls, share_found, shares_within


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


def test_ranks_in_blocks_are_those_of_all_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    queries, items = (rng.integers(-2, 3, (n, 4)).astype(np.float32) for n in (11, 7))
    right = [[int(at) % 7, (int(at) + 3) % 7] for at in range(11)]
    expected = recalls(queries @ items.T, right, (1, 2, 5))
    for at_once in (1, 21, 1000):
        monkeypatch.setattr(retrieval, "_SCORES_AT_ONCE", at_once)
        found = retrieval.ranks(queries, items, right)
        assert shares_within(found, (1, 2, 5)) == expected


def test_a_rank_counts_wrong_items_alone() -> None:
    queries = np.array([[1, 0], [0, 1]], np.float32)
    items = np.array([[0.9, 0], [0.8, 0], [0.7, 1], [0.6, 1]], np.float32)
    assert retrieval.ranks(queries, items, [[1, 2], [2]]).tolist() == [2, 2]
    with pytest.raises(ValueError, match="without a right item"):
        retrieval.ranks(queries, items, [[0]])
