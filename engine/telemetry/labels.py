"""The values that labels may have, and gauges that are 0 when nothing is under way."""

from __future__ import annotations

from typing import Literal

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

MOST_ADAPTER_NAMES = 200
"""Names that adapters' answers are counted under; operators may load any number in time."""

OTHER_ADAPTERS = "other:"
"""The label of all further ones; no adapter may be called so."""

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
