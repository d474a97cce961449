from __future__ import annotations

import pytest

from artifact.errors import ArtifactError
from artifact.pattern import SkipPattern
from artifact.task import TaskName
from exporters.examples import Example
from exporters.ladder.patterns import PatternScores, ScoredPattern, labelled_rows
from exporters.ladder.search import search
from exporters.tasks.contract import SearchRows
from models.checkpoint import Checkpoint


class _Counted(PatternScores):
    calls = 0

    def extend(self, before: ScoredPattern | None, order: int) -> ScoredPattern:
        self.calls += 1
        return super().extend(before, order)


def test_patterns_are_scored_as_the_search_scores_them(
    checkpoint: Checkpoint, search_rows: dict[TaskName, SearchRows]
) -> None:
    found = search(checkpoint.model, search_rows)
    scored = PatternScores(checkpoint.model, search_rows).of(list(found.quality))
    assert scored.keys() == found.quality.keys()
    for pattern, shares in scored.items():
        assert shares.keys() == search_rows.keys()
        assert sum(shares.values()) / 3 == pytest.approx(found.quality[pattern], abs=1e-9)


def test_patterns_that_begin_alike_share_their_beginning(
    checkpoint: Checkpoint, search_rows: dict[TaskName, SearchRows]
) -> None:
    scores = _Counted(checkpoint.model, search_rows)
    full = SkipPattern.full(4)
    chain = [full.prefix(depth) for depth in (4, 2, 1, 3)]
    assert set(scores.of(chain)) == set(chain)
    assert scores.calls == 4
    scores.of([SkipPattern((0, 1, 3), 4), SkipPattern((0, 1, 2), 4), SkipPattern((0, 2), 4)])
    assert scores.calls == 4 + 5, "0, 1 then 2 or 3; 0 is shared with 0, 2"


def test_examples_of_no_task_of_the_model_are_an_error(checkpoint: Checkpoint) -> None:
    with pytest.raises(ArtifactError, match="no labelled example"):
        labelled_rows(checkpoint, [Example(b"", "size")])
