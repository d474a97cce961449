"""What happens around the engine: responses, API keys, pictures, reloads."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from engine.telemetry.instruments import Instruments
from engine.telemetry.labels import (
    LOOKUP_OUTCOMES,
    NO_API_KEY,
    NO_PROBLEM,
    RELOAD_OUTCOMES,
    ApiKeyOutcome,
)


class HttpInstruments:
    """What happens around the engine: responses, API keys, pictures, reloads."""

    def __init__(self, made: Instruments) -> None:
        self._late_replies = made.counter(
            "late_replies", "Answered, but refused under reject: it would have been written late."
        )
        self._api_keys = made.counter(
            "api_key_requests",
            "HTTP requests by API key, when the key is checked.",
            "api_key",
            "outcome",
        )
        self._responses = made.counter(
            "http_responses",
            "HTTP responses, of routes and before them, by status and kind of problem.",
            "status",
            "problem",
        )
        self._bodies = made.gauge("body_bytes", "Request bodies in memory.")
        self._pictures = made.gauge(
            "pictures_decoding", "Pictures being decoded or waiting for it."
        )
        self._looked_up = made.counter(
            "picture_lookups", "Pictures looked for among those kept decoded.", "outcome"
        )
        self._kept_pictures = made.gauge("kept_picture_bytes", "Bytes of pictures kept decoded.")
        self._ready = made.gauge("ready", "1 while requests are taken, else 0.")
        self._reloads = made.counter("reloads", "Reloads of the artifact, by end.", "outcome")
        for found in LOOKUP_OUTCOMES:
            self._looked_up.labels(found)
        for outcome in RELOAD_OUTCOMES:
            self._reloads.labels(outcome)

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

    def watch_intake(self, body_bytes: Callable[[], float], pictures: Callable[[], float]) -> None:
        """Read the bytes of bodies and the pictures not yet decoded whenever metrics are read."""
        self._bodies.set_function(body_bytes)
        self._pictures.set_function(pictures)

    def watch_kept_pictures(self, held_bytes: Callable[[], float]) -> None:
        """Read the bytes of pictures kept decoded whenever metrics are read."""
        self._kept_pictures.set_function(held_bytes)

    def picture_looked_up(self, known: bool) -> None:
        """Count a picture that was looked for among those kept decoded."""
        self._looked_up.labels("hit" if known else "miss").inc()

    def watch_ready(self, ready: Callable[[], bool]) -> None:
        """Read whether requests are taken whenever metrics are read."""
        self._ready.set_function(ready)

    def reloaded(self, outcome: str) -> None:
        """Count a reload, by one of `RELOAD_OUTCOMES`."""
        self._reloads.labels(outcome).inc()
