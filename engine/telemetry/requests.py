"""What became of requests."""

from __future__ import annotations

from artifact.task import TaskName
from engine.telemetry.instruments import BY_VARIANT, SECONDS, Instruments
from engine.telemetry.labels import MOST_ADAPTER_NAMES, NO_VARIANT, OTHER_ADAPTERS, SHED_REASONS
from engine.types import Outcome

_AFTER_CHOICE: tuple[Outcome, ...] = ("ok", "late", "expired", "cancelled", "invalid", "error")
_BEFORE_CHOICE: tuple[Outcome, ...] = ("refused", "invalid")


class RequestInstruments:
    """What became of requests."""

    def __init__(self, made: Instruments) -> None:
        self._requests = made.counter(
            "requests", "Requests, counted once when they end.", *BY_VARIANT, "outcome"
        )
        self._images = made.counter("images", "Pictures answered.", *BY_VARIANT)
        self._busy = made.counter(
            "engine_busy_seconds",
            "Step time, split evenly over the rows of each step.",
            *BY_VARIANT,
        )
        self._blocks = made.counter("executed_blocks", "Blocks executed, per row.")
        self._missed = made.counter("deadline_missed", "Admitted, not answered in time.", "task")
        self._degraded = made.counter(
            "degraded", "Answered by a lower variant because of latency.", "task"
        )
        self._shed = made.counter("shed", "Refused at admission.", "reason")
        self._request_s = made.histogram(
            "request_seconds", "Arrival to answer, of answered requests.", SECONDS, *BY_VARIANT
        )
        self._tokens = made.counter(
            "caption_tokens", "Decode passes of answered captions, [EOS] counted.", "variant"
        )
        self._first_token_s = made.histogram(
            "first_token_seconds", "Arrival to a caption's first word.", SECONDS, "variant"
        )
        self._adapted = made.counter("adapter_answers", "Answers with an adapter.", "adapter")
        self._adapter_names: set[str] = set()
        for reason in SHED_REASONS:
            self._shed.labels(reason)

    def ended(self, task: TaskName, variant: str, outcome: Outcome) -> None:
        """Count a request's end; call exactly once per request."""
        self._requests.labels(task, variant, outcome).inc()
        if outcome in ("late", "expired"):
            self._missed.labels(task).inc()

    def shed(self, reason: str) -> None:
        """Count a refusal, by one of `SHED_REASONS`."""
        self._shed.labels(reason).inc()

    def answered(
        self, task: TaskName, variant: str, seconds: float, degraded: bool, pictures: int = 1
    ) -> None:
        """Record an answer, its time since arrival and how many pictures it was about."""
        self._images.labels(task, variant).inc(pictures)
        self._request_s.labels(task, variant).observe(seconds)
        if degraded:
            self._degraded.labels(task).inc()

    def caption(self, variant: str, tokens: int, first_token_s: float) -> None:
        """Record an answered caption: its decode passes, and its first word after the arrival."""
        self._tokens.labels(variant).inc(tokens)
        self._first_token_s.labels(variant).observe(first_token_s)

    def adapted(self, adapter: str) -> None:
        """Count an answer with an adapter; beyond a number of names they count as one."""
        if len(self._adapter_names) < MOST_ADAPTER_NAMES:
            self._adapter_names.add(adapter)
        known = adapter in self._adapter_names
        self._adapted.labels(adapter if known else OTHER_ADAPTERS).inc()

    def work(self, task: TaskName, variant: str, busy_s: float, blocks: int) -> None:
        """Record what one row cost; once, when it ends."""
        self._busy.labels(task, variant).inc(busy_s)
        self._blocks.inc(blocks)

    def begin_counting(self, task: TaskName, variant: str) -> None:
        """Begin the counts of a variant's requests at 0."""
        for outcome in _AFTER_CHOICE:
            self._requests.labels(task, variant, outcome)
        for outcome in _BEFORE_CHOICE:
            self._requests.labels(task, NO_VARIANT, outcome)
