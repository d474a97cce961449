"""Which requests enter the front, when, and which are refused before they are parsed. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from enum import Enum, auto

from server.errors import FrontBusy, ShareUsedUp
from server.front.fair_line import FairLine
from server.front.recent_time import RecentTime

_FIRST_PACE_S = 0.002
_LEARNING_RATE = 0.1
_LONGEST_PACE_S = 0.25
"""A pause that is longer has another reason than how fast the front is."""
_NEEDED_SHARE = 0.9
_MOST_OCTAVES = 20
"""A client names its budget: what is learned by budget must stay bounded."""


class At(Enum):
    """Where a request is."""

    DOOR = auto()
    LINE = auto()
    FRONT = auto()
    AWAY = auto()
    GONE = auto()


@dataclass(eq=False)
class Visit:
    """One request's way through the front.

    `limit_s` is its latency budget as far as it is known, counted from `arrived_s`. `kind` groups
    requests that take alike. `told` is called once: with None when a place is free, else with why
    it is refused after all. `refused` keeps that, for a request that asks later.
    """

    share: Hashable
    kind: Hashable
    arrived_s: float
    limit_s: float
    at: At = At.DOOR
    entered_s: float = 0.0
    told: Callable[[FrontBusy | None], None] | None = field(default=None, repr=False)
    refused: FrontBusy | None = None

    @property
    def due_s(self) -> float:
        """When the last byte of its answer must be written."""
        return self.arrived_s + self.limit_s


def _octave(limit_s: float) -> int:
    """Return a budget's power of two, in ms: the engine lets the hurried go first."""
    return round(math.log2(min(max(1.0, limit_s * 1e3), 2.0**_MOST_OCTAVES)))  # NaN: the least


class Gate:
    """Keeps few requests in the front, so that it does not work on what comes too late anyway.

    The front has `places`. A request holds one until its pictures are decoded, and again from its
    answer until that is written. Without a free place it waits in a fair line, and is refused at
    once if its time would run out: what it would wait, by the pace of the line, and what requests
    of its kind with such a budget lately needed from there on. While a place is free nobody is
    refused, whatever was learned. Reads no clock.
    """

    def __init__(self, places: int, most_waiting: int) -> None:
        self._places = places
        self._most_waiting = most_waiting
        self._taken = 0
        self._line: FairLine[Visit] = FairLine()
        self._pace_s = _FIRST_PACE_S
        self._last_s: float | None = None
        self._needed: dict[tuple[Hashable, int], RecentTime] = {}

    @property
    def waiting(self) -> int:
        """Requests in the line."""
        return len(self._line)

    @property
    def inside(self) -> int:
        """Places taken."""
        return self._taken

    def check(self, visit: Visit, now: float) -> None:
        """Check that a request can still be on time if it stands in the line now.

        Raises:
            FrontBusy, ShareUsedUp: it cannot, or the line is full.
        """
        if self._is_free():
            return
        wait_s = self._pace_s * (1 + self._line.ahead(visit.share))
        full = len(self._line) >= self._most_waiting
        if full or now + wait_s + self.needed_s(visit, now) > visit.due_s:
            raise self._refusal(visit, wait_s)

    def enter(self, visit: Visit, now: float) -> None:
        """Give a place to a request whose body is there, or let it wait for one.

        Raises:
            FrontBusy, ShareUsedUp: as `check`.
        """
        self.check(visit, now)
        if self._is_free():
            self._last_s = None
            self._let_in(visit, now)
        else:
            visit.at = At.LINE
            self._line.add(visit.share, visit)

    def send_away(self, visit: Visit, now: float) -> None:
        """Give back the place of a request that others work on now: the decoder or the engine."""
        if visit.at is At.FRONT:
            visit.at = At.AWAY
            self._taken -= 1
            self._fill(now)

    def take_back(self, visit: Visit) -> None:
        """Take a request in again, for its answer; at once, even if there are too many."""
        if visit.at is At.AWAY:
            visit.at = At.FRONT
            self._taken += 1

    def end(self, visit: Visit, now: float) -> None:
        """Let a request go, wherever it is; harmless if it is gone."""
        if visit.at is At.LINE:
            self._line.remove(visit.share, visit)
        was_inside, visit.at = visit.at is At.FRONT, At.GONE
        if was_inside:
            self._taken -= 1
            self._fill(now)

    def learn(self, visit: Visit, ended_s: float, now: float) -> None:
        """Learn what a request needed since it entered; `ended_s`: or would have ended."""
        if visit.at is not At.DOOR:
            key = visit.kind, _octave(visit.limit_s)
            self._needed.setdefault(key, RecentTime(_NEEDED_SHARE)).add(
                max(0.0, ended_s - visit.entered_s), now
            )

    def needed_s(self, visit: Visit, now: float) -> float:
        """Return what a request will need once it has entered."""
        found = self._needed.get((visit.kind, _octave(visit.limit_s)))
        return 0.0 if found is None else found.predicted_s(now)

    def _is_free(self) -> bool:
        return self._taken < self._places and not self._line

    def _let_in(self, visit: Visit, now: float) -> None:
        visit.at, visit.entered_s = At.FRONT, now
        self._taken += 1
        if visit.told is not None:
            visit.told(None)

    def _fill(self, now: float) -> None:
        """Let in who waits, as long as there are places; refuse who has waited too long."""
        while self._taken < self._places and self._line:
            visit = self._line.pop()
            if now + self.needed_s(visit, now) > visit.due_s and self._taken:
                visit.at, visit.refused = At.GONE, self._refusal(visit, self._pace_s)
                if visit.told is not None:
                    visit.told(visit.refused)
                continue
            self._learn_pace(now)
            self._let_in(visit, now)

    def _learn_pace(self, now: float) -> None:
        if self._last_s is not None:
            took_s = min(now - self._last_s, _LONGEST_PACE_S)
            self._pace_s += _LEARNING_RATE * (took_s - self._pace_s)
        self._last_s = now

    def _refusal(self, visit: Visit, wait_s: float) -> FrontBusy:
        """Return why: its own share is what it waits for, or everybody's."""
        mine = self._line.waiting_of(visit.share)
        if self._line.shares > 1 and mine * self._line.shares > len(self._line):
            return ShareUsedUp(wait_s)
        return FrontBusy(wait_s)
