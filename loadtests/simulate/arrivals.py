"""Arrival times for the simulator, in seconds from 0, ascending; every generator is seeded."""

from __future__ import annotations

from pathlib import Path

import numpy as np

_CHUNK = 4096


class TraceError(Exception):
    """A trace file cannot be used; the message says why and what it should hold."""


def gamma_arrivals(rate_hz: float, duration_s: float, cv2: float, seed: int) -> list[float]:
    """Return arrivals with gamma gaps whose squared coefficient of variation is `cv2`.

    `cv2` 1 is a Poisson process; 2, 4 and 8 are SuperServe's bursts (NSDI'25, section 6).
    """
    rng = np.random.default_rng([seed, round(rate_hz * 1000), round(cv2 * 1000)])
    times: list[float] = []
    now = 0.0
    while now < duration_s:
        found = now + np.cumsum(rng.gamma(1 / cv2, cv2 / rate_hz, size=_CHUNK))
        times += found[found < duration_s].tolist()
        now = float(found[-1])
    return times


def ramp_arrivals(from_hz: float, to_hz: float, duration_s: float, seed: int) -> list[float]:
    """Return Poisson arrivals whose rate changes linearly from `from_hz` to `to_hz` (thinning)."""
    peak_hz = max(from_hz, to_hz)
    times = np.asarray(gamma_arrivals(peak_hz, duration_s, 1.0, seed))
    rates = from_hz + (to_hz - from_hz) * times / duration_s
    keep = np.random.default_rng([seed, 1]).random(len(times)) * peak_hz < rates
    kept: list[float] = times[keep].tolist()
    return kept


def trace_arrivals(path: Path, duration_s: float) -> list[float]:
    """Return the arrivals of a trace: one number of seconds per line, `#` starts a comment.

    Times are shifted so that the first is 0 and cut at `duration_s`.

    Raises:
        TraceError: if the file cannot be read, holds anything else, or nothing.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
        times = sorted(float(line) for line in lines if line.strip() and line.strip()[0] != "#")
    except (OSError, ValueError) as error:
        raise TraceError(f"{path}: {error} (one time in seconds per line)") from error
    if not times or not np.isfinite(times).all():
        raise TraceError(f"{path}: no finite times (one time in seconds per line)")
    return [time - times[0] for time in times if time - times[0] < duration_s]
