"""What the connections of one server share."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.clock import Clock
from engine.telemetry import Telemetry
from server.configuration.settings import Settings
from server.http.connection.arrival_clock import ArrivalClock
from server.http.connection.head_admission import HeadAdmission
from server.http.connection.heads import WaitingBytes
from server.http.connection.parse_turns import ParseTurns

_AFTER_BODY_S = 5.0
"""A route refuses a slow body itself: only what it does not read comes to this limit."""


@dataclass(frozen=True)
class ConnectionLimits:
    """Limits of each connection, and of all together.

    `arrivals` stamps what is read, `turns` says when it is parsed; `telemetry` counts what is
    refused before a route sees it.
    `admission` refuses what comes too late anyway; None: nothing.
    """

    head_timeout_s: float
    body_timeout_s: float
    most_connections: int
    arrivals: ArrivalClock
    telemetry: Telemetry
    waiting: WaitingBytes = field(default_factory=WaitingBytes)
    admission: HeadAdmission | None = None
    turns: ParseTurns = field(default_factory=ParseTurns)

    @classmethod
    def of(
        cls,
        settings: Settings,
        most_connections: int,
        clock: Clock,
        telemetry: Telemetry,
        admission: HeadAdmission | None = None,
    ) -> ConnectionLimits:
        """Return what the settings say."""
        body_timeout_s = settings.body_timeout_s + _AFTER_BODY_S
        return cls(
            settings.head_timeout_s,
            body_timeout_s,
            most_connections,
            ArrivalClock(clock),
            telemetry,
            admission=admission,
        )
