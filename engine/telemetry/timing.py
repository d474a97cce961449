"""How long the parts of a request take, and whether that was predicted."""

from __future__ import annotations

from collections.abc import Mapping

from engine.telemetry.instruments import SECONDS, Instruments

_SLACK = (-10.0, -1.0, -0.1, 0.0, *SECONDS)
_TENTHS = 10
_ROWS = (1, 2, 4, 8, 16, 32, 64)
_RATIOS = (0.25, 0.5, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0, 4.0)


class TimingInstruments:
    """How long the parts of a request take, and whether that was predicted."""

    def __init__(self, made: Instruments) -> None:
        self._phase_s = made.histogram("phase_seconds", "Time per phase.", SECONDS, "phase")
        self._step_rows = made.histogram("step_rows", "Rows per step.", _ROWS)
        self._queue_s = made.histogram("queue_wait_seconds", "Submission to first step.", SECONDS)
        self._slack_s = made.signed_histogram(
            "slack_at_start_seconds",
            "Deadline - now - predicted time to a first answer, at the first step.",
            _SLACK,
        )
        self._ratio = made.histogram(
            "latency_prediction_ratio",
            "Actual / predicted time from the moment the variant is final.",
            _RATIOS,
        )
        self._chance = made.summary(
            "on_time_chance",
            "Predicted chance of being on time, before the last step; by tenth, and what came.",
            "tenth",
            "met",
        )
        for tenth in range(_TENTHS):
            for met in ("true", "false"):
                self._chance.labels(str(tenth), met)

    def phases(self, phases_s: Mapping[str, float]) -> None:
        """Record seconds per phase; the server adds decode and preprocess."""
        for phase, seconds in phases_s.items():
            self._phase_s.labels(phase).observe(seconds)

    def started(self, queue_s: float, slack_s: float | None) -> None:
        """Record a request's first step; slack None without a deadline."""
        self._queue_s.observe(queue_s)
        if slack_s is not None:
            self._slack_s.observe(slack_s)

    def step(self, rows: int) -> None:
        """Record one step."""
        self._step_rows.observe(rows)

    def prediction(self, ratio: float) -> None:
        """Record actual / predicted time of one answered request."""
        self._ratio.observe(ratio)

    def came_true(self, chance: float, met: bool) -> None:
        """Record the predicted chance that one request is on time, and whether it was."""
        tenth = min(int(chance * _TENTHS), _TENTHS - 1)
        self._chance.labels(str(tenth), str(met).lower()).observe(chance)
