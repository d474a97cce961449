from __future__ import annotations

import pytest

from artifact.scoring.statements import StatementScores, statement_scores


def test_a_sentence_is_consistent_if_it_is_right_about_every_pair() -> None:
    judged = [
        ("dev-7-0-1", True),
        ("dev-7-1-1", True),
        ("dev-7-0-2", True),
        ("dev-7-1-2", False),
        ("dev-8-0-1", True),
        ("test1-8-0-1", False),
    ]
    assert statement_scores(judged) == StatementScores(4 / 6, 2 / 4)


def test_without_identifiers_there_is_no_consistency() -> None:
    assert statement_scores([("dev-1-0-0", True), ("a", False)]) == StatementScores(0.5, None)
    with pytest.raises(ValueError, match="without statements"):
        statement_scores([])
