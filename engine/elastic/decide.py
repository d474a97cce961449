"""`decide(snapshot, now) -> Decision`: what runs next, what stops, what expires. Pure.

The policy in one paragraph (docs/scheduling.md has the picture): every row to a first stop before
any goes further; among first stops the earliest deadline; among further ones the most quality
per second; newcomers gather; rows ride together whenever they need the same stage; and a row that
has passed a stop answers from there as soon as going on is worth less: quality times the chance of
being on time.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from math import inf

from engine.elastic.forks import turns
from engine.elastic.kinds import best_kind
from engine.elastic.legs import onward, to_first_stops
from engine.elastic.newcomers import starting
from engine.elastic.snapshot import Decision, RowView, Run, Snapshot
from engine.elastic.sorting import EPSILON_S, SortedRows, fill, load, sort_rows
from engine.elastic.tails import too_dear
from engine.elastic.worth import NextStep, stays_until_s


def decide(snapshot: Snapshot, now: float) -> Decision:
    """Return which rows expire, settle on a variant, and run; pure and total."""
    rows = sort_rows(snapshot, now)
    if rows.heads:
        return _settle_or_run(_heads(rows.heads, snapshot.max_batch), rows, snapshot, now)
    batch = best_kind(rows, _following, snapshot, now)
    if not batch and rows.lost:
        call = rows.lost[0].route.calls[rows.lost[0].position]
        batch = [row for row in rows.lost if row.route.calls[row.position] == call]
        batch = fill(batch, snapshot.max_batch)
    if not batch:
        return _decision(None, rows)
    call = batch[0].route.calls[batch[0].position]
    return _settle_or_run(Run(*call, tuple(batch)), rows, snapshot, now)


def _following(rows: SortedRows, snapshot: Snapshot, now: float) -> list[RowView]:
    """Return the batch that runs next among rows of one kind; none if no row is live."""
    batch = starting(rows, snapshot, now)
    if not batch and rows.first:
        batch = to_first_stops(rows, snapshot, now)
    if not batch and rows.onward:
        batch = onward(rows, snapshot, now)
    return batch or rows.newcomers[:1]


def _heads(heads: list[RowView], max_batch: int) -> Run:
    call = heads[0].route.head_call
    if call is None:
        raise ValueError("a row without a head is answered when it is settled")
    batch = [row for row in heads if row.route.head_call == call][:max_batch]
    return Run(*call, tuple(batch))


def _settle_or_run(run: Run, rows: SortedRows, snapshot: Snapshot, now: float) -> Decision:
    """Settle banked rows whose answer is worth more now than after this step; if none is, run.

    A settled row is answered before anything else runs, so there is nothing to run then.
    """
    lead = run.rows[0]
    line = lead.route.head_line if lead.final else lead.route.lines[lead.position]
    together = min(load(rows.onward), snapshot.max_batch)
    step = NextStep(line, load(run.rows), together)
    limits = _Limits(run, step, snapshot)
    for row in rows.onward:
        if row.deadline_s - now < limits.of(row) - EPSILON_S:
            rows.final.append(row)
        elif row.route.tailed and too_dear(row, snapshot, now):
            rows.gave_way.append(row)
    rows.final += rows.gave_way
    _make_room(rows, snapshot)
    if rows.final:
        return _decision(None, rows)
    live = len(rows.newcomers) + len(rows.first) + len(rows.onward)
    turned = turns(run.rows, live, snapshot, now)
    if turned:
        return Decision(None, tuple(rows.expire), (), tuple(turned))
    banked = (row for row in run.rows if not row.final and row.route.passed[row.position])
    spare_s = min((row.deadline_s - now - limits.of(row) for row in banked), default=inf)
    chances, history = snapshot.chances, snapshot.chances.history
    longest_s = chances.level * history.seconds_of(1, step.mean_s, history.worst)
    spare = min(spare_s / max(longest_s, EPSILON_S), 1e9)
    return _decision(replace(run, steps=_steps(run, rows, 1 + int(spare))), rows)


class _Limits:
    """Seconds that rows must have left to go on, looked up once per place."""

    def __init__(self, run: Run, step: NextStep, snapshot: Snapshot) -> None:
        self._riding = {row.id for row in run.rows}
        self._step, self._snapshot = step, snapshot
        self._found: dict[Hashable, float] = {}

    def of(self, row: RowView) -> float:
        rides = row.id in self._riding
        place = (row.route, row.position, rides, row.least_chance)
        found = self._found.get(place)
        if found is None:
            found = stays_until_s(row, rides, self._step, self._snapshot)
            self._found[place] = found
        return found


def _steps(run: Run, rows: SortedRows, most: int) -> int:
    """Return how many calls may follow each other before there is anything new to decide.

    More than one only where every live row rides; then up to the next stop or the next stage, and
    no further than `most`, what every banked row surely has time for. An arrival or a cancel
    interrupts it anyhow.
    """
    live = [*rows.first, *rows.onward, *rows.newcomers]
    if run.rows[0].final or len(run.rows) < len(live):
        return 1
    steps = most
    for row in run.rows:
        route, position = row.route, row.position
        stop = route.course.stops[route.passed[position]].steps
        calls = route.calls[position:stop]
        same = next((k for k, call in enumerate(calls) if call != calls[0]), len(calls))
        steps = min(steps, same)
    return max(steps, 1)


def _make_room(rows: SortedRows, snapshot: Snapshot) -> None:
    """Settle banked rows while too many are open: those with least to gain by going on."""
    excess = snapshot.crowded - len(rows.final)
    if excess > 0:
        settled = {row.id for row in rows.final}
        banked = [row for row in rows.onward if row.id not in settled]
        banked.sort(key=lambda row: row.route.gain[row.route.passed[row.position]])
        rows.gave_way += banked[:excess]
        rows.final += banked[:excess]


def _decision(run: Run | None, rows: SortedRows) -> Decision:
    return Decision(run, tuple(rows.expire), tuple(rows.final), (), tuple(rows.gave_way))
