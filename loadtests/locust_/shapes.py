"""Shapes as locust knows them. One user sends the schedule, so a shape only says when it ends."""

from __future__ import annotations

from typing import Any, ClassVar

from locust import LoadTestShape

from loadtests.locust_.schedules import REPLAY


class _Scheduled(LoadTestShape):  # type: ignore[misc]
    """Keeps the one user until its schedule is sent and answered."""

    abstract = True
    name: ClassVar[str]

    def tick(self) -> tuple[int, float] | None:
        """Return (users, users started per second), None at the end."""
        run: Any = getattr(self.runner.environment, "otmv", None)
        return None if run is not None and run.over else (1, 1.0)


class Steady(_Scheduled):
    """One load all along (`levels.steady`)."""

    name = "steady"


class Step(_Scheduled):
    """A climb in equal steps (`levels.step`)."""

    name = "step"


class Spike(_Scheduled):
    """A higher load in the middle (`levels.spike`)."""

    name = "spike"


class Replay(_Scheduled):
    """The arrivals of a trace (`schedules.replay`)."""

    name = REPLAY


SHAPES: dict[str, type[_Scheduled]] = {shape.name: shape for shape in (Steady, Step, Spike, Replay)}
