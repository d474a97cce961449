"""Open requests: bounded, each ended exactly once, and how much work they are (docs/adr/0014)."""

from __future__ import annotations

import bisect
import itertools
import math
import threading
from collections.abc import Callable, Collection
from concurrent.futures import Future
from dataclasses import dataclass, field

from engine.errors import Draining, NotReady, QueueFull
from engine.telemetry import Telemetry
from engine.types import Answer, Outcome, Task, Ticket


@dataclass(slots=True)
class Place:
    """One open request.

    `variant` is the plan, and once it is settled the answer's; `least` is the smallest it may
    become and `remaining` the share of that still to run: what must be done before any answer.
    `keys`: how many keys, from the first, any variant it may become needs. `beams`: of a caption.
    `bucket`: padded length of its text. `reply_s`: what of its time is left to the caller.
    """

    ticket: Ticket
    variant: str
    least: str
    keys: int
    expires_s: float
    lost: bool
    request_bytes: int
    beams: int = 1
    bucket: int = 0
    reply_s: float = 0.0
    submitted: bool = False
    started: bool = False
    remaining: float = 1.0
    future: Future[Answer] = field(default_factory=Future)


class Backlog:
    """Work of open requests by deadline; frozen at the moment it is taken."""

    def __init__(self, costs: list[tuple[float, float]]) -> None:
        costs.sort()
        self._deadlines = [deadline for deadline, _ in costs]
        self._sums = [0.0, *itertools.accumulate(cost for _, cost in costs)]

    def before_s(self, deadline_s: float) -> float:
        """Return the seconds of work whose deadline is at most this one."""
        return self._sums[bisect.bisect_right(self._deadlines, deadline_s)]

    @property
    def total_s(self) -> float:
        """Return the seconds of all work."""
        return self._sums[-1]


def _slots(place: Place) -> int:
    """Return how many of the captions' slots a request holds."""
    return place.beams if place.ticket.task == "caption" else 0


class Ledger:
    """The table of open requests. Thread-safe; callers resolve the futures.

    Captions have slots besides, which a request that was submitted keeps until `free`: its end may
    come before the engine has let go of its keys and values.
    """

    def __init__(self, limit: int, telemetry: Telemetry, slots: int = 0) -> None:
        self._limit = limit
        self._slots = self._free_slots = slots
        self._telemetry = telemetry
        self._places: dict[int, Place] = {}
        self._changed = threading.Condition()
        self._ids = itertools.count(1)
        self._taking = True
        self._closed = False
        self._untold = 0

    @property
    def idle(self) -> bool:
        """Tell whether no request is open."""
        return not self._places

    @property
    def free_slots(self) -> int:
        """How many slots are left for captions."""
        return self._free_slots

    def waiting(self) -> float:
        """Return how many open requests have not begun."""
        with self._changed:
            return sum(not place.started for place in self._places.values())

    def request_bytes(self) -> float:
        """Return the bytes of open requests' own arrays, estimated."""
        with self._changed:
            return sum(place.request_bytes for place in self._places.values())

    def next_id(self) -> int:
        """Return a fresh ticket id."""
        return next(self._ids)

    def check_open(self, now: float, backlog_s: Callable[[], float], slots: int = 0) -> None:
        """Refuse a newcomer early; `slots` are those a caption needs.

        Raises:
            NotReady, Draining, QueueFull: the last with the time the backlog takes.
        """
        if self._closed:
            raise NotReady
        if not self._taking:
            raise Draining
        with self._changed:
            full = len(self._places) >= self._limit
            no_slots = slots > self._free_slots
        if (full or no_slots) and not self._sweep(now):
            retry_s = min(max(math.ceil(backlog_s()), 1), 60)
            raise QueueFull(self._slots if no_slots else self._limit, retry_s, captions=no_slots)

    def add(self, place: Place, now: float, backlog_s: Callable[[], float]) -> None:
        """Take a place.

        Raises:
            NotReady, Draining, QueueFull: also when the last place went since `check_open`.
        """
        slots = _slots(place)
        while True:
            self.check_open(now, backlog_s, slots)
            with self._changed:
                room = len(self._places) < self._limit and slots <= self._free_slots
                if self._taking and room:
                    self._places[place.ticket.id] = place
                    self._free_slots -= slots
                    return

    def told(self) -> None:
        """Say that the caller of a submitted request that has ended knows it."""
        with self._changed:
            self._untold -= 1
            self._changed.notify_all()

    def free(self, place: Place) -> None:
        """Give back the slots of a submitted request, once nothing of it is left."""
        with self._changed:
            self._free_slots += _slots(place)

    def _sweep(self, now: float) -> bool:
        """End requests admitted and never submitted, long past their deadline."""
        with self._changed:
            stale = [p for p in self._places.values() if not p.submitted and p.expires_s <= now]
            return any([self.end(place.ticket.id, "expired") is not None for place in stale])

    def claim(self, ticket_id: int) -> Place | None:
        """Return an open request that is being handed over now; None if it has ended, or was.

        From here on it is its owner who ends it: nobody sweeps it.
        """
        with self._changed:
            place = self._places.get(ticket_id)
            if place is None or place.submitted:
                return None
            place.submitted = True
            return place

    def find(self, ticket_id: int) -> Place | None:
        """Return an open request, None if it has ended."""
        with self._changed:
            return self._places.get(ticket_id)

    def end(self, ticket_id: int, outcome: Outcome) -> Place | None:
        """End a request and count it; None if it had ended already."""
        with self._changed:
            place = self._places.pop(ticket_id, None)
            if place is None:
                return None
            if place.submitted:
                self._untold += 1
            else:
                self._free_slots += _slots(place)
            self._telemetry.ended(place.ticket.task, place.variant, outcome)
            self._changed.notify_all()
        return place

    def backlog(
        self,
        now: float,
        cost_s: Callable[[Task, str, int, int], float],
        without: Collection[int] = (),
    ) -> Backlog:
        """Return the work left to a first answer of open requests whose deadline is live.

        `cost_s(task, variant, bucket, count)` are the seconds of a whole one among `count`.
        """
        with self._changed:
            live = [
                place
                for place in self._places.values()
                if not place.lost
                and place.ticket.deadline_s > now
                and place.ticket.id not in without
            ]
        whole_s: dict[tuple[Task, str, int], float] = {}
        costs = []
        for place in live:  # what another thread changes meanwhile is read once
            kind = (place.ticket.task, place.least, place.bucket)
            if kind not in whole_s:
                whole_s[kind] = cost_s(*kind, len(live))
            costs.append((place.ticket.deadline_s, place.remaining * whole_s[kind]))
        return Backlog(costs)

    def keys(self) -> int:
        """Return how many keys, from the first, open requests may still need."""
        with self._changed:
            return max((place.keys for place in self._places.values()), default=0)

    @property
    def crowd(self) -> int:
        """How many requests are open beyond three quarters of the places."""
        return max(len(self._places) - self._limit * 3 // 4, 0)

    def drain(self, timeout_s: float) -> bool:
        """Take nothing new; wait until every request has ended. False if some are left.

        A request has ended when its caller has been told.
        """
        self._taking = False
        with self._changed:
            return self._changed.wait_for(lambda: not self._places and not self._untold, timeout_s)

    def close(self) -> list[int]:
        """Take nothing new; return the ids still open."""
        self._taking = False
        self._closed = True
        with self._changed:
            return list(self._places)
