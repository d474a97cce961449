"""Which picture is decoded next: large ones never take every worker from small ones."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from engine.clock import Clock

_PATIENCE_S = 1.0
"""A large picture that has waited this long goes before small ones: it must not wait for ever."""


@dataclass(eq=False)
class Place:
    """A picture that waits for a worker, or holds one."""

    large: bool
    decoded_bytes: int
    since_s: float
    turn: asyncio.Future[None]


class Lanes:
    """Grants workers to pictures, in two lanes, first come first served in each.

    Large pictures take all workers but one at most, and together no more than `limit_bytes`; one
    that is larger by itself is decoded without another large one. Belongs to the event loop.
    """

    def __init__(self, workers: int, limit_bytes: int, clock: Clock) -> None:
        self._free = workers
        self._free_for_large = max(1, workers - 1)
        self._limit_bytes = limit_bytes
        self._clock = clock
        self._large_bytes = 0
        self._small_waiting: deque[Place] = deque()
        self._large_waiting: deque[Place] = deque()

    async def enter(self, large: bool, decoded_bytes: int) -> Place:
        """Wait for a worker; the place must be given back by `leave`."""
        turn = asyncio.get_running_loop().create_future()
        place = Place(large, decoded_bytes, self._clock.now_s(), turn)
        lane = self._large_waiting if large else self._small_waiting
        lane.append(place)
        self._grant()
        try:
            await turn
        except asyncio.CancelledError:
            if place in lane:
                lane.remove(place)
                self._grant()  # what stood behind it may fit
            else:  # granted, and cancelled before it ran
                self.leave(place)
            raise
        return place

    def leave(self, place: Place) -> None:
        """Give a worker back."""
        self._free += 1
        if place.large:
            self._free_for_large += 1
            self._large_bytes -= place.decoded_bytes
        self._grant()

    def _grant(self) -> None:
        while self._free:
            lane = self._next_lane()
            if lane is None:
                return
            chosen = lane.popleft()
            self._free -= 1
            if chosen.large:
                self._free_for_large -= 1
                self._large_bytes += chosen.decoded_bytes
            if not chosen.turn.done():
                chosen.turn.set_result(None)

    def _next_lane(self) -> deque[Place] | None:
        large = self._large_waiting if self._large_may_go() else None
        if large and self._clock.now_s() - large[0].since_s > _PATIENCE_S:
            return large
        return self._small_waiting or large or None

    def _large_may_go(self) -> bool:
        if not self._large_waiting or not self._free_for_large:
            return False
        wanted_bytes = self._large_bytes + self._large_waiting[0].decoded_bytes
        return not self._large_bytes or wanted_bytes <= self._limit_bytes
