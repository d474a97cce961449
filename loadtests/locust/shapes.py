"""A shape as locust knows it: one user sends the schedule, so the shape only says when it ends."""

from __future__ import annotations

from typing import Any

from locust import LoadTestShape


class Scheduled(LoadTestShape):  # type: ignore[misc]  # locust has no types
    """Keeps the one user until its schedule is sent and answered, whatever its form."""

    abstract = True  # else locust takes it for every run of the file that imports it

    def tick(self) -> tuple[int, float] | None:
        """Return (users, users started per second), None at the end."""
        run: Any = getattr(self.runner.environment, "otmv", None)
        return None if run is not None and run.over else (1, 1.0)
