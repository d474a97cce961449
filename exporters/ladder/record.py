"""What the manifest says of how its variants were found."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from artifact.manifest import ChainRecord, ChainStopRecord, LadderRecord
from artifact.pattern import SkipPattern
from exporters.ladder import chain
from exporters.ladder.patterns import PatternScores
from exporters.ladder.search import Ladder


def ladder_record(
    found: Ladder,
    ids: Mapping[SkipPattern, str],
    splits: tuple[str, str],
    scores: Callable[[], PatternScores],
) -> LadderRecord:
    """Say how the variants were found, and of a chain what it costs.

    Args:
        found: by the search.
        ids: of the variants.
        splits: names of the split that was searched on, and of the one that quality is reported on.
        scores: makes what scores patterns on the latter; called for a chain only.
    """
    return LadderRecord(
        search=f"prefix beam, width {found.beam}" + (", as a chain" if found.chained else ""),
        split=splits[0],
        evaluations=found.evaluations,
        seconds=round(found.seconds, 1),
        chain=_chain_record(found, ids, splits[1], scores()) if found.chained else None,
    )


def _chain_record(
    found: Ladder, ids: Mapping[SkipPattern, str], split: str, scores: PatternScores
) -> ChainRecord:
    pairs = chain.free_patterns(found, list(ids))
    costs = chain.costs(pairs, scores.of([*pairs, *pairs.values()]))
    return ChainRecord(
        split=split,
        stops=tuple(
            ChainStopRecord(
                variant=ids[one.stop],
                free_pattern=one.free.executed,
                cost={task: round(cost, 4) for task, cost in one.cost.items()},
            )
            for one in costs
        ),
    )
