"""A loop that does what the elastic scheduler decides, with arithmetic for a backend."""

from __future__ import annotations

import random
from bisect import insort
from dataclasses import dataclass, field

from engine.elastic.chances import GUESS, CallTimes, Chances
from engine.elastic.decide import decide
from engine.elastic.snapshot import RowView, Run, Snapshot, urgency
from tests.engine.elastic.routes import PATTERNS, family, line


def _learned(longest: float) -> Chances:
    """Return chances where one call in eight takes `longest` times as long."""
    times = CallTimes()
    for number in range(64):
        times.add(0.001 * (longest if number % 8 == 3 else 1.0), 0.001, number * 0.001)
    return times.chances


CHANCES = (GUESS, _learned(1.0), _learned(10.0))


def value(seed: int, executed: tuple[int, ...]) -> int:
    """What a row alone answers: the arithmetic stand-in for stem, blocks and series read-out."""
    h, y = seed, 0
    for order in executed:
        h = (h * 31 + order) % 1_000_003
        y = (y + h) % 1_000_003
    return y


@dataclass
class FakeLoop:
    """Does what `decide` says and records it; checks what must hold at every decision."""

    seed: int
    rows: list[RowView] = field(default_factory=list)
    now: float = 0.0
    ends: dict[int, list[str]] = field(default_factory=dict)
    answers: dict[int, tuple[str, int]] = field(default_factory=dict)
    state: dict[int, tuple[int, int]] = field(default_factory=dict)
    banked: dict[int, int] = field(default_factory=dict)
    cancelled: set[int] = field(default_factory=set)
    waited: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.max_batch = self.random.choice((1, 3, 8, 16))
        self.keys = self.random.choice((1, 2, 8))

    def offer(self, number: int) -> None:
        pick = self.random
        allowed = pick.sample(sorted(PATTERNS), pick.randint(1, len(PATTERNS)))
        task, bucket = pick.choice(("vqa", "nlvr")), pick.choice((8, 16))
        route = family(allowed, self.keys, task, bucket)[0]
        budget_s = pick.choice((0.0005, 0.002, 0.01, 0.03, 1.0))
        grace_s = pick.choice((0.0, 0.02))
        deadline_s = self.now + budget_s
        row = RowView(number, route, deadline_s, deadline_s + grace_s, pick.choice((0, 0, 1)))
        row.least_chance = pick.choice((None, None, 0.0, 0.5, 0.99, 1.0))
        insort(self.rows, row, key=urgency)
        self.state[number] = (number, 0)

    def cancel(self) -> None:
        row = self.random.choice(self.rows)
        self.rows.remove(row)
        self.cancelled.add(row.id)
        self._end(row, "cancelled")

    def decide(self) -> bool:
        """Take and apply one decision; False if there is nothing to do."""
        before = [(row.id, row.position, row.final) for row in self.rows]
        rate_hz, crowded = self.random.choice((0.0, 500.0)), self.random.choice((0, 0, 0, 2))
        chances = self.random.choice(CHANCES)
        snapshot = Snapshot(self.rows, self.max_batch, rate_hz, chances=chances, crowded=crowded)
        decision = decide(snapshot, self.now)
        assert before == [(row.id, row.position, row.final) for row in self.rows]
        assert decision == decide(snapshot, self.now)
        touched = [row.id for row in (*decision.expire, *decision.final)]
        touched += [row.id for row in decision.run.rows] if decision.run else []
        assert len(touched) == len(set(touched))
        assert not self.cancelled & set(touched)
        for row in decision.expire:
            self.rows.remove(row)
            self._end(row, "expired")
        for row in decision.final:
            assert not row.final
            row.final = True
        for row, route in decision.turn:
            assert route.course.agrees(row.route.course, row.position)
            row.route = route
        if decision.run is not None:
            self._run(decision.run)
        return bool(touched or decision.turn)

    def _run(self, run: Run) -> None:
        assert 1 <= len(run.rows) <= self.max_batch
        lost = [row for row in run.rows if not row.final and self._is_lost(row)]
        live = [row for row in self.rows if not row.final and not self._is_lost(row)]
        assert not (lost and live), "best effort ran before a live deadline"
        for _ in range(self.random.randint(1, run.steps)):  # an arrival may interrupt it
            self._call(run)

    def _call(self, run: Run) -> None:
        for row in run.rows:
            head = row.route.head_call
            assert (run.stage, run.bucket) == (head if row.final else row.route.calls[row.position])
        fixed_s, row_s = line(run.stage, run.bucket)
        self.now += (fixed_s + row_s * len(run.rows)) * self.random.uniform(0.8, 1.4)
        for row in run.rows:
            if row.final:
                self.rows.remove(row)
                stop = row.route.banked(row.position)
                self.answers[row.id] = (stop.variant, self.banked[row.id])
                self._end(row, "answered")
            else:
                self._advance(row)

    def _advance(self, row: RowView) -> None:
        names = [stop.variant for stop in row.route.course.stops]
        executed = PATTERNS[names[-1]].executed
        if row.position:
            h, y = self.state[row.id]
            h = (h * 31 + executed[row.position - 1]) % 1_000_003
            self.state[row.id] = (h, (y + h) % 1_000_003)
        row.position += 1
        if row.route.at_stop[row.position]:
            self.banked[row.id] = self.state[row.id][1]

    def _is_lost(self, row: RowView) -> bool:
        if row.route.passed[row.position]:
            return False
        need_s = row.route.fixed_s[row.position] + row.route.row_s[row.position]
        return self.now + need_s > row.deadline_s + 1e-9

    def _end(self, row: RowView, how: str) -> None:
        self.ends.setdefault(row.id, []).append(how)
