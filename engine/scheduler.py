"""What to run next: `decide(snapshot, now) -> Decision`, pure (docs/adr/0014).

Earliest deadline first. The most urgent row picks the stage and shape bucket; other rows that
need the same fill the batch, the most urgent first. Preemption happens between steps, for free.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RowView:
    """What the scheduler knows of one row that waits for its next step.

    `deadline_s` is infinite without a latency budget. `expires_s` is when work on it stops: the
    deadline under `reject`, deadline + grace under `degrade`. `lost`: it was predicted to miss its
    deadline when its variant was chosen. `sequence` breaks ties, first come first.
    """

    id: int
    stage: str
    bucket: int
    deadline_s: float
    expires_s: float
    lost: bool
    sequence: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Every row waiting for a step, and how many may share one."""

    rows: tuple[RowView, ...]
    max_batch: int


@dataclass(frozen=True, slots=True)
class Run:
    """Run one stage on these rows, most urgent first, for `steps` steps."""

    stage: str
    bucket: int
    rows: tuple[int, ...]
    steps: int = 1


@dataclass(frozen=True, slots=True)
class Decision:
    """`expire` these rows, then `run`; with nothing to run, sleep until something arrives."""

    run: Run | None
    expire: tuple[int, ...]


def is_best_effort(row: RowView, now: float) -> bool:
    """Tell whether a row's deadline is lost: passed, or predicted to be missed."""
    return row.lost or row.deadline_s <= now


def urgency(row: RowView, now: float) -> tuple[bool, float, int]:
    """Return the sort key of a row: live deadlines first, then the earliest deadline."""
    return (is_best_effort(row, now), row.deadline_s, row.sequence)


def decide(snapshot: Snapshot, now: float) -> Decision:
    """Return which rows expire and which run next; pure and total."""
    expired = tuple(row.id for row in snapshot.rows if row.expires_s <= now)
    live = [row for row in snapshot.rows if row.expires_s > now]
    if not live:
        return Decision(None, expired)
    first = min(live, key=lambda row: urgency(row, now))
    together = [r for r in live if r.stage == first.stage and r.bucket == first.bucket]
    together.sort(key=lambda row: urgency(row, now))
    chosen = tuple(row.id for row in together[: snapshot.max_batch])
    return Decision(Run(first.stage, first.bucket, chosen), expired)


def expires_s(deadline_s: float, reject: bool, grace_s: float) -> float:
    """Return when work on a request stops; never without a deadline."""
    if math.isinf(deadline_s) or reject:
        return deadline_s
    return deadline_s + grace_s
