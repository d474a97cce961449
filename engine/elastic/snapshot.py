"""What `decide` sees and what it answers: plain values, no threads, no clock."""

from __future__ import annotations

from dataclasses import dataclass

from engine.elastic.chances import GUESS, Chances
from engine.elastic.course import Route


@dataclass(slots=True)
class RowView:
    """One live row. Its owner moves it between decisions; `decide` only reads.

    `position`: steps done, stem included. `deadline_s`, on the owner's clock, is what it is
    scheduled against: for a request without a latency budget the owner puts the end of its
    patience. `expires_s`: when work on it ends without an answer (deadline under `reject`,
    deadline + grace under `degrade`). `priority`: smaller goes first. `final`: only its head is
    left to run. `spent_s`: what the step it is at has had already, if it was put aside half-way.
    `least_chance`: of being on time, which it never goes below by going deeper; a late answer of it
    is worth nothing. None: it goes deeper as long as its answer is worth more on average.
    """

    id: int
    route: Route
    deadline_s: float
    expires_s: float
    priority: int = 0
    position: int = 0
    final: bool = False
    spent_s: float = 0.0
    least_chance: float | None = None


def urgency(row: RowView) -> tuple[int, float, int]:
    """Return the key a snapshot's rows are sorted by; it does not change while a row lives."""
    return (row.priority, row.deadline_s, row.id)


@dataclass(frozen=True, slots=True)
class PolicyNumbers:
    """The scheduler's few numbers, chosen in the simulator (docs/scheduling.md).

    `margin`: times are stretched by this when newcomers or leaders could still wait.
    `ride_share`, `wait_share`: newcomers start together once they are as many as arrive in this
    share of the most urgent one's slack (at most a whole course's time); the first where they join
    the running batch, the second where they hold it up. `wait_least`: there never fewer than these.
    """

    margin: float = 1.15
    ride_share: float = 0.3
    wait_share: float = 0.6
    wait_least: int = 4


DEFAULT = PolicyNumbers()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Every row waiting for a step, in order of `urgency`.

    `arrivals_hz`: observed rate of arriving rows. `correction` multiplies every mean time.
    `chances`: how far calls stray from that (`chances.CallTimes` learns it; the default is a
    guess). `late_worth`: a late answer's worth as a share of its quality. `crowded`: how many rows
    too many are open; as many rows with a banked answer must give it.
    """

    rows: list[RowView]
    max_batch: int
    arrivals_hz: float = 0.0
    correction: float = 1.0
    chances: Chances = GUESS
    late_worth: float = 0.0
    numbers: PolicyNumbers = DEFAULT
    crowded: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """Run one stage once per step on these rows, for `steps` steps."""

    stage: str
    bucket: int
    rows: tuple[RowView, ...]
    steps: int = 1


@dataclass(frozen=True, slots=True)
class Decision:
    """`expire` these rows, settle those in `final` on their last stop, `turn` these, then `run`.

    Rows in `final` have only their head left, or nothing if their route has none. Those in `turn`
    follow the other route from now on. Where a row is settled or turned nothing runs: decide
    again at once. No row is in two of expire, final and run. Those of `final` in `gave_way` had the
    time to go deeper, but others need the device.
    """

    run: Run | None
    expire: tuple[RowView, ...] = ()
    final: tuple[RowView, ...] = ()
    turn: tuple[tuple[RowView, Route], ...] = ()
    gave_way: tuple[RowView, ...] = ()

    @property
    def rows(self) -> tuple[RowView, ...]:
        """The rows it is about."""
        ran = self.run.rows if self.run is not None else ()
        return (*self.expire, *self.final, *(view for view, _ in self.turn), *ran)
