"""From values and times to places in a picture, and to round labels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime

from monitoring.report.contents import Unit

_TIME_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200)
_DAY_S = 86_400
_LEAST = 1e-300
"""Values below are drawn as zero: floating point has too few digits to divide them."""


@dataclass(frozen=True)
class Scale:
    """A straight line from values [low, high] to pixels [start_px, end_px]."""

    low: float
    high: float
    start_px: float
    end_px: float

    def __call__(self, value: float) -> float:
        """Return where a value lies, px."""
        share = (value - self.low) / (self.high - self.low)
        return self.start_px + share * (self.end_px - self.start_px)


def ticks(low: float, high: float, about: int) -> list[float]:
    """Return round values within [low, high], `about` of them, evenly spaced."""
    if not high - low > _LEAST:
        return [low]
    raw = (high - low) / max(about, 1)
    unit: float = 10.0 ** math.floor(math.log10(raw))
    step = next(unit * factor for factor in (1, 2, 2.5, 5, 10) if unit * factor >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [step * number for number in range(first, last + 1)]


def ceiling(value: float, about: int) -> float:
    """Return a round value at or above one, so that `about` round ticks reach it."""
    if value <= _LEAST:
        return 1.0
    marks = ticks(0.0, value, about)
    step = marks[1] - marks[0] if len(marks) > 1 else value
    return step * math.ceil(value / step - 1e-9)


def time_ticks(start_s: float, end_s: float, about: int) -> list[tuple[float, str]]:
    """Return (Unix seconds, label) of round moments, UTC."""
    wanted = (end_s - start_s) / max(about, 1)
    steps = (*_TIME_STEPS_S, *(_DAY_S * days for days in (1, 2, 7, 14, 30, 90)))
    step = next((each for each in steps if each >= wanted), steps[-1])
    pattern = "%H:%M:%S" if step < 60 else "%H:%M" if step < _DAY_S else "%d %b"
    first = math.ceil(start_s / step)
    moments = [step * number for number in range(first, math.floor(end_s / step) + 1)]
    return [(moment, moment_text(moment, pattern)) for moment in moments]


def moment_text(time_s: float, pattern: str = "%d %b %Y, %H:%M:%S") -> str:
    """Return a Unix time as text, UTC."""
    return datetime.fromtimestamp(time_s, UTC).strftime(pattern)


def value_text(value: float, unit: Unit) -> str:
    """Return a value as a person reads it."""
    if unit == "share":
        return f"{100 * value:.3g} %"
    if unit == "quality":
        return f"{value:.3f}"
    if unit == "seconds":
        return _seconds_text(value)
    if unit == "per second":
        return f"{_plain(value)}/s"
    return _plain(value)


def _seconds_text(value: float) -> str:
    if value == 0:
        return "0"
    if value < 1:
        return f"{_plain(1e3 * value)} ms"
    return f"{_plain(value)} s"


def _plain(value: float) -> str:
    """Return three digits, more where the number is larger, and no exponent."""
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
