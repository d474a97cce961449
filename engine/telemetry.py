"""Every instrument of the server (docs/operations.md), on a registry of its own. Thread-safe."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Literal

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    Summary,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from artifact.task import TaskName
from engine.types import MadeBy, Outcome

NO_VARIANT = "none"
"""The variant label of a request that ended before one was chosen."""

SHED_REASONS = ("queue_full", "draining", "not_ready", "intake_full", "front_busy", "deadline")
"""Why a request was refused at admission."""

NO_API_KEY = "none"
"""The label of a request whose API key is missing or unknown; no API key may be called so."""

NO_PROBLEM = "none"
"""The label of a response that tells of no problem."""

ApiKeyOutcome = Literal["passed", "rate_exceeded", "unauthorized"]
"""How the check of a request's API key ended."""

RELOAD_OUTCOMES = ("ok", "refused", "error", "stopped")
"""How a reload ended: swapped; an artifact that cannot be served; our own fault; a shutdown."""

LOOKUP_OUTCOMES = ("hit", "miss")
"""Whether a picture was kept decoded since an earlier question about it."""

_AFTER_CHOICE: tuple[Outcome, ...] = ("ok", "late", "expired", "cancelled", "invalid", "error")
_BEFORE_CHOICE: tuple[Outcome, ...] = ("refused", "invalid")
_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_SLACK = (-10.0, -1.0, -0.1, 0.0, *_SECONDS)
_TENTHS = 10
_ROWS = (1, 2, 4, 8, 16, 32, 64)
_RATIOS = (0.25, 0.5, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0, 4.0)


ZERO_WHEN_IDLE = (
    "otmv_queue_depth",
    "otmv_open_requests",
    "otmv_running_requests",
    "otmv_utilization_ratio",
    "otmv_marginal_points_per_second",
    "otmv_caption_slots_taken",
    "otmv_body_bytes",
    "otmv_pictures_decoding",
    "otmv_engine_silent_seconds",
)
"""Gauges of what is under way: 0 when no request is."""


MOST_ADAPTER_NAMES = 200
"""Names that adapters' answers are counted under; operators may load any number in time."""

OTHER_ADAPTERS = "other:"
"""The label of all further ones; no adapter may be called so."""


class _BelowZero(Collector):
    """A histogram with buckets below 0: it has no sum, and OpenMetrics wants no count then."""

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram

    def collect(self) -> Iterable[Metric]:
        """Return its buckets."""
        for metric in self._histogram.collect():
            metric.samples = [each for each in metric.samples if each.name.endswith("_bucket")]
            yield metric


class Telemetry:
    """Instruments with bounded labels: task, variant id or `none`, outcome, phase, reason, kind,
    the names of the API keys that are configured, and those of the first adapters.

    `requests_total` counts each request once, when it ends; see `engine.types.Outcome`. It and
    `shed_total` begin at 0 with every label: Prometheus sees no growth up to a series' first value.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry if registry is not None else CollectorRegistry()
        by_variant = ("task", "variant")
        self._requests = self._counter(
            "requests", "Requests, counted once when they end.", *by_variant, "outcome"
        )
        self._images = self._counter("images", "Pictures answered.", *by_variant)
        self._busy = self._counter(
            "engine_busy_seconds",
            "Step time, split evenly over the rows of each step.",
            *by_variant,
        )
        self._blocks = self._counter("executed_blocks", "Blocks executed, per row.")
        self._missed = self._counter("deadline_missed", "Admitted, not answered in time.", "task")
        self._degraded = self._counter(
            "degraded", "Answered by a lower variant because of latency.", "task"
        )
        self._shed = self._counter("shed", "Refused at admission.", "reason")
        self._late_replies = self._counter(
            "late_replies", "Answered, but refused under reject: it would have been written late."
        )
        self._request_s = self._histogram(
            "request_seconds", "Arrival to answer, of answered requests.", _SECONDS, *by_variant
        )
        self._phase_s = self._histogram("phase_seconds", "Time per phase.", _SECONDS, "phase")
        self._step_rows = self._histogram("step_rows", "Rows per step.", _ROWS)
        self._queue_s = self._histogram("queue_wait_seconds", "Submission to first step.", _SECONDS)
        self._slack_s = Histogram(
            "otmv_slack_at_start_seconds",
            "Deadline - now - predicted time to a first answer, at the first step.",
            buckets=_SLACK,
            registry=None,
        )
        self.registry.register(_BelowZero(self._slack_s))
        self._ratio = self._histogram(
            "latency_prediction_ratio",
            "Actual / predicted time from the moment the variant is final.",
            _RATIOS,
        )
        self._chance = Summary(
            "otmv_on_time_chance",
            "Predicted chance of being on time, before the last step; by tenth, and what came.",
            ("tenth", "met"),
            registry=self.registry,
        )
        self._tokens = self._counter(
            "caption_tokens", "Decode passes of answered captions, [EOS] counted.", "variant"
        )
        self._first_token_s = self._histogram(
            "first_token_seconds", "Arrival to a caption's first word.", _SECONDS, "variant"
        )
        self._api_keys = self._counter(
            "api_key_requests",
            "HTTP requests by API key, when the key is checked.",
            "api_key",
            "outcome",
        )
        self._responses = self._counter(
            "http_responses",
            "HTTP responses, of routes and before them, by status and kind of problem.",
            "status",
            "problem",
        )
        self._adapted = self._counter("adapter_answers", "Answers with an adapter.", "adapter")
        self._adapters = self._gauge("adapters", "Adapters that requests may name.")
        self._adapter_names: set[str] = set()
        self._depth = self._gauge("queue_depth", "Requests admitted and not yet running.")
        self._open = self._gauge("open_requests", "Requests admitted and not yet ended.")
        self._running = self._gauge("running_requests", "Requests that have begun and not ended.")
        self._utilization = self._gauge(
            "utilization_ratio", "Share of the places for requests, or for captions, that is taken."
        )
        self._price = self._gauge(
            "marginal_points_per_second",
            "Points of quality (of 100) that a second of further work now would cost.",
        )
        self._slots = self._gauge("caption_slots_taken", "Slots of captions that are held.")
        self._bodies = self._gauge("body_bytes", "Request bodies in memory.")
        self._pictures = self._gauge(
            "pictures_decoding", "Pictures being decoded or waiting for it."
        )
        self._looked_up = self._counter(
            "picture_lookups", "Pictures looked for among those kept decoded.", "outcome"
        )
        self._kept_pictures = self._gauge("kept_picture_bytes", "Bytes of pictures kept decoded.")
        self._silent = self._gauge(
            "engine_silent_seconds", "Time of the engine's present turn; 0 while it is idle."
        )
        self._resident = self._gauge(
            "resident_bytes", "Bytes of loaded stages (measured) and of open requests.", "kind"
        )
        self._key_block = self._gauge(
            "key_block_bytes", "Bytes of one key block's loaded stages (measured).", "key"
        )
        self._budget = self._gauge("memory_budget_bytes", "Memory budget; +Inf without one.")
        self._ready = self._gauge("ready", "1 while requests are taken, else 0.")
        self._quality = self._gauge(
            "variant_quality", "Measured or declared task accuracy, 0 to 1.", *by_variant
        )
        self._agreement = self._gauge(
            "variant_agreement",
            "Share of answers that are the deepest variant's, where the artifact says it.",
            *MadeBy._fields,
        )
        self._audited = self._counter(
            "audited_answers",
            "Answers of lower variants run again at the deepest one; whether that says the same.",
            *MadeBy._fields,
            "agrees",
        )
        self._artifact = self._gauge("artifact_info", "The artifact served: 1.", "name", "sha256")
        self._reloads = self._counter("reloads", "Reloads of the artifact, by end.", "outcome")
        self._offered: frozenset[tuple[TaskName, str]] = frozenset()
        self._keys = 0
        ProcessCollector(registry=self.registry)
        for tenth in range(_TENTHS):
            for met in ("true", "false"):
                self._chance.labels(str(tenth), met)
        for reason in SHED_REASONS:
            self._shed.labels(reason)
        for found in LOOKUP_OUTCOMES:
            self._looked_up.labels(found)
        for outcome in RELOAD_OUTCOMES:
            self._reloads.labels(outcome)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"otmv_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"otmv_{name}", text, labels, registry=self.registry)

    def _histogram(
        self, name: str, text: str, buckets: tuple[float, ...], *labels: str
    ) -> Histogram:
        return Histogram(f"otmv_{name}", text, labels, buckets=buckets, registry=self.registry)

    def ended(self, task: TaskName, variant: str, outcome: Outcome) -> None:
        """Count a request's end; call exactly once per request."""
        self._requests.labels(task, variant, outcome).inc()
        if outcome in ("late", "expired"):
            self._missed.labels(task).inc()

    def shed(self, reason: str) -> None:
        """Count a refusal, by one of `SHED_REASONS`."""
        self._shed.labels(reason).inc()

    def picture_looked_up(self, known: bool) -> None:
        """Count a picture that was looked for among those kept decoded."""
        self._looked_up.labels("hit" if known else "miss").inc()

    def late_reply(self) -> None:
        """Count an answer, counted as one, that its client does not get: it came too late."""
        self._late_replies.inc()

    def announce_api_keys(self, names: Iterable[str]) -> None:
        """Begin the count of every API key at 0, and that of requests without a known one."""
        self._api_keys.labels(NO_API_KEY, "unauthorized")
        for name in names:
            self._api_keys.labels(name, "passed")
            self._api_keys.labels(name, "rate_exceeded")

    def api_key_checked(self, name: str, outcome: ApiKeyOutcome) -> None:
        """Count a request by the API key it came with; by an announced name only."""
        self._api_keys.labels(name, outcome).inc()

    def responded(self, status: int, problem: str | None) -> None:
        """Count an HTTP response: its status, and the last part of its problem's type, if any."""
        self._responses.labels(str(status), problem or NO_PROBLEM).inc()

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

    def work(self, task: TaskName, variant: str, busy_s: float, blocks: int) -> None:
        """Record what one row cost; once, when it ends."""
        self._busy.labels(task, variant).inc(busy_s)
        self._blocks.inc(blocks)

    def prediction(self, ratio: float) -> None:
        """Record actual / predicted time of one answered request."""
        self._ratio.observe(ratio)

    def came_true(self, chance: float, met: bool) -> None:
        """Record the predicted chance that one request is on time, and whether it was."""
        tenth = min(int(chance * _TENTHS), _TENTHS - 1)
        self._chance.labels(str(tenth), str(met).lower()).observe(chance)

    def audited(self, made_by: MadeBy, agrees: bool) -> None:
        """Count an answer that was run again at the deepest variant."""
        self._audited.labels(*made_by, str(agrees).lower()).inc()

    def watch_agreements(self, expected: Mapping[MadeBy, float | None], audited: bool) -> None:
        """Record which share of answers is expected to agree with the deepest variant's, in the
        place of what was before; None where that is not known. If any are audited, their counts
        begin at 0.
        """
        self._agreement.clear()
        for made_by, agreement in expected.items():
            for agrees in ("true", "false") if audited else ():
                self._audited.labels(*made_by, agrees)
            if agreement is not None:
                self._agreement.labels(*made_by).set(agreement)

    def watch_intake(self, body_bytes: Callable[[], float], pictures: Callable[[], float]) -> None:
        """Read the bytes of bodies and the pictures not yet decoded whenever metrics are read."""
        self._bodies.set_function(body_bytes)
        self._pictures.set_function(pictures)

    def watch_kept_pictures(self, held_bytes: Callable[[], float]) -> None:
        """Read the bytes of pictures kept decoded whenever metrics are read."""
        self._kept_pictures.set_function(held_bytes)

    def watch_open(self, count: Callable[[], float], slots: Callable[[], float]) -> None:
        """Read how many requests are open, and the slots they hold, whenever metrics are read."""
        self._open.set_function(count)
        self._slots.set_function(slots)

    def watch_load(
        self,
        running: Callable[[], float],
        utilization: Callable[[], float],
        price: Callable[[], float],
    ) -> None:
        """Read what routers choose a server by whenever metrics are read."""
        self._running.set_function(running)
        self._utilization.set_function(utilization)
        self._price.set_function(price)

    def watch_queue(self, depth: Callable[[], float], request_bytes: Callable[[], float]) -> None:
        """Read the queue's depth and the open requests' bytes whenever metrics are read."""
        self._depth.set_function(depth)
        self._resident.labels("requests").set_function(request_bytes)

    def watch_engine(self, silent_s: Callable[[], float]) -> None:
        """Read how long the engine's present turn has taken whenever metrics are read."""
        self._silent.set_function(silent_s)

    def watch_stages(self, loaded_bytes: Callable[[], tuple[int, int]]) -> None:
        """Read the bytes of (shared stages, key blocks) whenever metrics are read."""
        self._resident.labels("shared").set_function(lambda: loaded_bytes()[0])
        self._resident.labels("keys").set_function(lambda: loaded_bytes()[1])

    def adapted(self, adapter: str) -> None:
        """Count an answer with an adapter; beyond a number of names they count as one."""
        if len(self._adapter_names) < MOST_ADAPTER_NAMES:
            self._adapter_names.add(adapter)
        known = adapter in self._adapter_names
        self._adapted.labels(adapter if known else OTHER_ADAPTERS).inc()

    def watch_adapters(self, count: Callable[[], float]) -> None:
        """Let the gauge show how many adapters are loaded."""
        self._adapters.set_function(count)

    def watch_keys(self, keys: int, key_bytes: Callable[[int], int]) -> None:
        """Read the loaded bytes of each key block, 0 if it is not, whenever metrics are read."""
        for key in range(keys):
            self._key_block.labels(str(key)).set_function(partial(key_bytes, key))
        for key in range(keys, self._keys):
            self._key_block.remove(str(key))
        self._keys = keys

    def watch_budget(self, budget_bytes: Callable[[], int | None]) -> None:
        """Read the memory budget whenever metrics are read."""

        def read() -> float:
            budget = budget_bytes()
            return math.inf if budget is None else budget

        self._budget.set_function(read)

    def watch_ready(self, ready: Callable[[], bool]) -> None:
        """Read whether requests are taken whenever metrics are read."""
        self._ready.set_function(ready)

    def serving(self, name: str, sha256: str) -> None:
        """Record which artifact is served, in the place of the one before."""
        self._artifact.clear()
        self._artifact.labels(name, sha256).set(1)

    def reloaded(self, outcome: str) -> None:
        """Count a reload, by one of `RELOAD_OUTCOMES`."""
        self._reloads.labels(outcome).inc()

    def watch_offers(self, qualities: Mapping[tuple[TaskName, str], float | None]) -> None:
        """Record what is served, by task and variant, in the place of what was before."""
        for (task, variant), quality in qualities.items():
            self.offer(task, variant, quality)
        for gone in self._offered - qualities.keys():
            self._quality.remove(*gone)
        self._offered = frozenset(qualities)

    def offer(self, task: TaskName, variant: str, quality: float | None) -> None:
        """Record that a variant is served, and its quality; NaN if it was never measured."""
        self._quality.labels(task, variant).set(math.nan if quality is None else quality)
        for outcome in _AFTER_CHOICE:
            self._requests.labels(task, variant, outcome)
        for outcome in _BEFORE_CHOICE:
            self._requests.labels(task, NO_VARIANT, outcome)
