"""The front of one server: its gate with a clock, and those who wait in its line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Mapping

from engine.clock import Clock
from engine.telemetry import Telemetry
from server.errors import FrontBusy
from server.front.gate import At, Gate, Visit
from server.front.latency_hint import hinted_latency_s

VISIT = "visit"
"""In a scope's state: the request's `Visit`."""


class Front:
    """Used from the event loop only.

    Args:
        gate: decides.
        clock: of the server.
        telemetry: counts what is refused.
        default_s: latency budgets of API keys, by name, and, as None, of everybody else.
        is_open: whether requests are taken at all; else a route says why not.
    """

    def __init__(
        self,
        gate: Gate,
        clock: Clock,
        telemetry: Telemetry,
        default_s: Mapping[Hashable, float],
        is_open: Callable[[], bool],
    ) -> None:
        self.gate = gate
        self._clock = clock
        self._telemetry = telemetry
        self._default_s = default_s
        self._is_open = is_open

    @property
    def waiting(self) -> int:
        """Requests in the line."""
        return self.gate.waiting

    def knock(
        self,
        kind: Hashable,
        share: Hashable,
        arrived_s: float,
        said: str | None = None,
        body: bytes = b"",
        *,
        whole: bool = False,
    ) -> Visit:
        """Begin the visit of a request whose head is complete.

        `said`: the budget in its head, ms; `body`: as much as has come; `whole`: that is all. Then
        it enters now: its task runs later, when many others may have been let past.

        Raises:
            FrontBusy: it would come too late.
        """
        visit = Visit(share, kind, arrived_s, self._limit_s(share, said, body))
        if self._is_open():
            ask = self.gate.enter if whole else self.gate.check
            try:
                ask(visit, self._clock.now_s())
            except FrontBusy:
                self._telemetry.shed("front_busy")
                raise
        return visit

    async def enter(self, visit: Visit, body: bytes | bytearray) -> None:
        """Wait for a place, now that the body is there.

        Raises:
            FrontBusy: there will be none in time.
        """
        try:
            if visit.at is At.DOOR:
                visit.limit_s = min(visit.limit_s, hinted_latency_s(body) or visit.limit_s)
                self.gate.enter(visit, self._clock.now_s())
            if visit.at is At.LINE:
                await self._turn(visit)
            if visit.refused is not None:
                raise visit.refused
        except FrontBusy:
            self._telemetry.shed("front_busy")
            raise

    async def _turn(self, visit: Visit) -> None:
        """Wait until a request in the line enters, or is refused."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        visit.told = lambda _: None if turn.done() else turn.set_result(None)
        await turn

    def send_away(self, visit: Visit) -> None:
        """Give a place back while others work on the request."""
        self.gate.send_away(visit, self._clock.now_s())

    def take_back(self, visit: Visit) -> None:
        """Take a request in again, for its answer."""
        self.gate.take_back(visit)

    def end(self, visit: Visit) -> None:
        """Let a request go."""
        self.gate.end(visit, self._clock.now_s())

    def learn(self, visit: Visit, ended_s: float) -> None:
        """Learn what a request needed, or would have needed."""
        self.gate.learn(visit, ended_s, self._clock.now_s())

    def _limit_s(self, share: Hashable, said: str | None, body: bytes) -> float:
        if found := hinted_latency_s(body):
            return found
        try:
            return float(said or "") / 1e3
        except ValueError:
            return self._default_s.get(share, self._default_s[None])
