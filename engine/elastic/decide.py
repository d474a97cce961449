"""`decide(snapshot, now) -> Decision`: what runs next, who stops, who expires. Pure.

The policy in one paragraph (docs/scheduling.md has the picture): everybody to a first stop before
anybody goes further; among first stops the earliest deadline; among further ones the most quality
per second; newcomers gather; rows ride together whenever they need the same stage; and a row that
has passed a stop can never lose its answer, since it is settled on that stop before a step that
would end after its deadline.
"""

from __future__ import annotations

from engine.elastic.legs import onward, to_first_stops
from engine.elastic.newcomers import starting
from engine.elastic.snapshot import Decision, RowView, Run, Snapshot
from engine.elastic.sorting import EPSILON_S, Rows, sort_rows


def decide(snapshot: Snapshot, now: float) -> Decision:
    """Return who expires, who settles on a variant, and which rows run; pure and total."""
    rows = sort_rows(snapshot, now)
    if rows.heads:
        return _decision(_heads(rows.heads, snapshot.max_batch), rows)
    batch = starting(rows, snapshot, now)
    if not batch and rows.first:
        batch = to_first_stops(rows, snapshot, now)
    if not batch and rows.onward:
        batch = onward(rows, snapshot, now)
    if not batch and rows.newcomers:
        batch = rows.newcomers[:1]
    if not batch and rows.lost:
        call = rows.lost[0].route.calls[rows.lost[0].position]
        batch = [row for row in rows.lost if row.route.calls[row.position] == call]
        batch = batch[: snapshot.max_batch]
    if not batch:
        return _decision(None, rows)
    return _settle_then_run(batch, rows, snapshot, now)


def _heads(heads: list[RowView], max_batch: int) -> Run:
    call = heads[0].route.head_call
    batch = [row for row in heads if row.route.head_call == call][:max_batch]
    return Run(*call, tuple(batch))


def _settle_then_run(batch: list[RowView], rows: Rows, snapshot: Snapshot, now: float) -> Decision:
    """Settle banked rows whose deadline comes before this step and their head would end."""
    lead = batch[0]
    stretch = snapshot.correction * snapshot.tuning.guard
    fixed_s, row_s = lead.route.lines[lead.position]
    head_fixed_s, head_row_s = lead.route.head_line
    step_s = (fixed_s + row_s * len(batch)) * stretch
    head_s = (head_fixed_s + head_row_s * snapshot.max_batch) * stretch
    end_s = now + step_s + head_s - EPSILON_S
    late = [row for row in rows.onward if row.deadline_s < end_s]
    if late:
        rows.final.extend(late)
        settled = {row.id for row in late}
        batch = [row for row in batch if row.id not in settled]
    if not batch:
        return _decision(None, rows)
    return _decision(Run(*lead.route.calls[lead.position], tuple(batch)), rows)


def _decision(run: Run | None, rows: Rows) -> Decision:
    return Decision(run, tuple(rows.expire), tuple(rows.final))
