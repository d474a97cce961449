from __future__ import annotations

import pytest

from artifact.pattern import SkipPattern
from artifact.task import TaskName
from exporters.describe import ids
from exporters.ladder.family import family
from exporters.ladder.patterns import PatternScores
from exporters.ladder.record import ladder_record
from exporters.ladder.search import Ladder, search
from exporters.tasks.contract import SearchRows
from models.checkpoint import Checkpoint

SPLITS = ("searched on", "reported on")


def _unasked() -> PatternScores:
    pytest.fail("nothing is measured of a ladder that is no chain")


def test_a_free_ladder_has_no_chain(
    checkpoint: Checkpoint, search_rows: dict[TaskName, SearchRows]
) -> None:
    found = search(checkpoint.model, search_rows)
    record = ladder_record(found, ids(family(found), found.pattern), SPLITS, _unasked)
    assert record.chain is None
    assert record.search == "prefix beam, width 40"
    assert record.split == "searched on"


def test_a_chain_says_what_each_stop_costs_on_the_split_that_reports(
    checkpoint: Checkpoint, search_rows: dict[TaskName, SearchRows]
) -> None:
    full = SkipPattern.full(4)
    free = SkipPattern((0, 3), 4)
    quality = {full.prefix(1): 0.1, full.prefix(2): 0.4, free: 0.5, full: 0.6}
    found = Ladder(free, quality, 4, 1.0, 40).as_chain()
    scores = PatternScores(checkpoint.model, search_rows)
    record = ladder_record(found, ids([*list(quality)[:2], full], full), SPLITS, lambda: scores)
    assert record.search == "prefix beam, width 40, as a chain"
    assert record.chain is not None
    assert record.chain.split == "reported on"
    shallow, second, last = record.chain.stops
    assert [stop.variant for stop in (shallow, second, last)] == ["d1", "d2", "full"]
    assert second.free_pattern == (0, 3)
    measured = scores.of([free, full.prefix(2)])
    for task in search_rows:
        better = measured[free][task] - measured[full.prefix(2)][task]
        assert second.cost[task] == pytest.approx(better, abs=1e-4)
        assert shallow.cost[task] == last.cost[task] == 0.0
