"""Open requests: bounded, each ended exactly once, and how much work they are (ADR 0014)."""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Callable, Collection
from dataclasses import replace

from artifact.task import TaskName
from engine.elastic.snapshot import RowView, urgency
from engine.errors import Draining, NotReady, QueueFull
from engine.requests.backlog import Backlog, CostS
from engine.requests.request import Request
from engine.telemetry import Telemetry
from engine.types import Outcome


class OpenRequests:
    """The table of open requests. Thread-safe; callers resolve the futures.

    Captions have slots besides, which a request that was submitted keeps until `free`: its end may
    come before the engine has let go of its keys and values.
    """

    def __init__(self, limit: int, telemetry: Telemetry, slots: int = 0) -> None:
        self._limit = limit
        self._slots = slots
        self._held: dict[int, int] = {}
        self._telemetry = telemetry
        self._requests: dict[int, Request] = {}
        self._changed = threading.Condition()
        self._ids = itertools.count(1)
        self._taking = True
        self._closed = False
        self.outside = 0
        """Requests that wait where the engine does not see them, as its caller said last."""
        self._untold: dict[int, Request] = {}

    @property
    def idle(self) -> bool:
        """Whether no request is open."""
        return not self._requests

    @property
    def quiet(self) -> bool:
        """Whether no request is open, and any would be taken."""
        return self._taking and not self._requests

    @property
    def open(self) -> int:
        """How many requests are open, waiting or running."""
        return len(self._requests)

    @property
    def slots_taken(self) -> int:
        """How many slots captions hold."""
        with self._changed:
            return sum(self._held.values())

    @property
    def _free_slots(self) -> int:
        return self._slots - sum(self._held.values())

    def waiting(self) -> float:
        """Return how many open requests have not begun."""
        with self._changed:
            return sum(not request.started for request in self._requests.values())

    def running(self) -> float:
        """Return how many open requests have begun."""
        with self._changed:
            return sum(request.started for request in self._requests.values())

    def utilization(self) -> float:
        """Return the share of the places that is taken, or of the captions' slots if it is more."""
        with self._changed:
            places = len(self._requests) / self._limit
            return max(places, sum(self._held.values()) / self._slots if self._slots else 0.0)

    def rows(self) -> list[RowView]:
        """Return copies of the rows of open requests as the scheduler sees them, by urgency.

        Those still being handed over have none yet.
        """
        with self._changed:
            views = [each.view for each in self._requests.values() if hasattr(each, "view")]
        return sorted(map(_copy, views), key=urgency)

    def request_bytes(self) -> float:
        """Return the bytes of open requests' own arrays, estimated."""
        with self._changed:
            return sum(request.request_bytes for request in self._requests.values())

    def next_id(self) -> int:
        """Return a fresh id."""
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
            full = len(self._requests) >= self._limit
            no_slots = slots > 0 and slots > self._free_slots
        if (full or no_slots) and not self._sweep(now):
            retry_s = min(max(math.ceil(backlog_s()), 1), 60)
            raise QueueFull(self._slots if no_slots else self._limit, retry_s, captions=no_slots)

    def add(self, request: Request, now: float, backlog_s: Callable[[], float]) -> None:
        """Open a request.

        Raises:
            NotReady, Draining, QueueFull: also when the last place went since `check_open`.
        """
        slots = request.slots
        while True:
            self.check_open(now, backlog_s, slots)
            with self._changed:
                room = len(self._requests) < self._limit
                room = room and (slots == 0 or slots <= self._free_slots)
                if self._taking and room:
                    self._requests[request.id] = request
                    if slots:
                        self._held[request.id] = slots
                    return

    def answered(self, request: Request) -> None:
        """Say that the future of a request that has ended is resolved; again does nothing."""
        with self._changed:
            self._untold.pop(request.id, None)
            self._changed.notify_all()

    def free(self, request: Request) -> None:
        """Give back the slots of a submitted request, once nothing of it is left; as `answered`.

        So with its adapter.
        """
        with self._changed:
            self._held.pop(request.id, None)
        if request.adapter is not None:
            request.adapter.release()

    def _sweep(self, now: float) -> bool:
        """End requests admitted and never submitted, long past their deadline."""
        with self._changed:
            stale = [r for r in self._requests.values() if not r.submitted and r.expires_s <= now]
            return any([self.end(request, "expired") for request in stale])

    def claim(self, request_id: int) -> Request | None:
        """Return an open request that is being handed over now; None if it has ended, or was.

        From here on only the engine or its caller ends it.
        """
        with self._changed:
            request = self._requests.get(request_id)
            if request is None or request.submitted:
                return None
            request.submitted = True
            return request

    def find(self, request_id: int) -> Request | None:
        """Return an open request, None if it has ended."""
        with self._changed:
            return self._requests.get(request_id)

    def end(self, request: Request, outcome: Outcome) -> bool:
        """End a request and count it; False if it had ended already.

        Taken out and counted in one statement: whatever throws, it is not counted twice.
        """
        with self._changed:
            if request.id not in self._requests:
                return False
            if request.submitted:
                self._untold[request.id] = request
            else:
                self._held.pop(request.id, None)
                if request.adapter is not None:
                    request.adapter.release()
            self._telemetry.ended(*self._requests.pop(request.id).labels, outcome)
            self._changed.notify_all()
        return True

    def backlog(self, now: float, cost_s: CostS, without: Collection[int] = ()) -> Backlog:
        """Return the work left to a first answer of open requests whose deadline is live.

        `cost_s(task, variant, bucket, count)` are the seconds of a whole one among `count`.
        """
        with self._changed:
            live = [
                request
                for request in self._requests.values()
                if not request.lost and request.due_s > now and request.id not in without
            ]
        whole_s: dict[tuple[TaskName, str, int], float] = {}
        costs = []
        for request in live:  # what another thread changes meanwhile is read once
            kind = (request.task.name, request.least, request.bucket)
            if kind not in whole_s:
                whole_s[kind] = cost_s(request.task, request.least, request.bucket, len(live))
            costs.append((request.due_s, request.remaining * whole_s[kind]))
        return Backlog(costs)

    def keys(self) -> int:
        """Return how many keys, from the first, open requests may still need."""
        with self._changed:
            return max((request.keys for request in self._requests.values()), default=0)

    @property
    def crowd(self) -> int:
        """How many requests wait for others to end: outside, or beyond 3/4 of the places."""
        return self.outside + max(len(self._requests) - self._limit * 3 // 4, 0)

    def drain(self, timeout_s: float) -> bool:
        """Take nothing new; wait until every request has ended. False if some are left.

        A request has ended when its future is resolved.
        """
        self._taking = False
        with self._changed:
            return self._changed.wait_for(
                lambda: not self._requests and not self._untold, timeout_s
            )

    def close(self) -> list[Request]:
        """Take nothing new; return the requests still open, or ended and not told."""
        self._taking = False
        self._closed = True
        with self._changed:
            return list({**self._requests, **self._untold}.values())


def _copy(view: RowView) -> RowView:
    """Return a row that nobody moves: its owner may change route and position meanwhile."""
    copied = replace(view)
    copied.position = min(copied.position, len(copied.route.calls))
    return copied
