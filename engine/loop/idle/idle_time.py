"""The time in which nothing is to do, given away piece by piece to work that can wait."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from engine.clock import Clock
from engine.loop.inbox import Inbox
from engine.requests.open_requests import OpenRequests

_LOG = logging.getLogger(__name__)

_QUIET_S = 0.5
"""Nothing must have happened for so long before idle work begins, or goes on."""
_MOST_FAULTS = 16
"""Faults of one idle work, after which it is given up until an engine is opened anew."""


class IdleWork(Protocol):
    """Work that can wait, in pieces. Belongs to the engine's thread."""

    def wanted(self) -> bool:
        """Tell whether there may be something to do; cheap."""
        ...

    def piece(self) -> bool:
        """Do the next piece, one stage call at most; False: there is nothing to do now."""
        ...

    def pause(self) -> None:
        """Hear that other things come between the last piece and the next."""
        ...

    def drop(self) -> None:
        """Forget what is under way: a piece of it has thrown."""
        ...


class IdleTime:
    """Waits for the inbox, and does idle work meanwhile. Belongs to the engine's thread.

    A piece is done only after half a second in which nothing has happened, and only while no
    request is open, not even one whose picture is still being decoded. So a request waits for one
    stage call of idle work at most, and draining and closing for no more. What a piece throws is
    logged, and harms nothing else.

    Args:
        inbox: of the loop.
        requests: those that are open.
        works: what can wait, the most urgent first.
        clock: of the engine.
    """

    def __init__(
        self, inbox: Inbox, requests: OpenRequests, works: Sequence[IdleWork], clock: Clock
    ) -> None:
        self._inbox = inbox
        self._requests = requests
        self._works = list(works)
        self._faults = dict.fromkeys(works, 0)
        self._clock = clock
        self._piece_began_s: float | None = None

    @property
    def silent_s(self) -> float:
        """How long requests have waited for a piece at most, seconds; 0 while none is open."""
        began_s = self._piece_began_s  # read once: another thread writes it
        if began_s is None or self._requests.idle:
            return 0.0
        return self._clock.now_s() - began_s

    def wait(self) -> None:
        """Return once anything has happened."""
        while not self._inbox.wait(_QUIET_S if self._wanted() else None):
            self._work()

    def _wanted(self) -> list[IdleWork]:
        return [work for work in list(self._works) if self._guarded(work, work.wanted)]

    def _work(self) -> None:
        """Do pieces while the engine is idle and there are any."""
        begun: dict[IdleWork, None] = {}
        while not self._inbox.filled and self._requests.quiet:
            done = next((work for work in self._wanted() if self._did_piece(work)), None)
            if done is None:
                break
            begun[done] = None
        for work in begun:
            self._guarded(work, work.pause)

    def _did_piece(self, work: IdleWork) -> bool:
        self._piece_began_s = self._clock.now_s()
        try:
            return self._guarded(work, work.piece)
        finally:
            self._piece_began_s = None

    def _guarded(self, work: IdleWork, do: Callable[[], bool | None]) -> bool:
        """Do something; work that throws drops what it is at, and too often, is given up."""
        try:
            return bool(do())
        except Exception:  # idle work must never harm the loop
            _LOG.exception("idle work: %s", type(work).__name__)
        self._faults[work] += 1
        try:
            work.drop()
        except Exception:  # it cannot even be dropped
            _LOG.exception("idle work: %s is given up", type(work).__name__)
            self._faults[work] = _MOST_FAULTS
        if self._faults[work] >= _MOST_FAULTS and work in self._works:
            self._works.remove(work)
        return False
