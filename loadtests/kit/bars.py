"""A bar: what was promised, what was measured, and whether it holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Verdict = Literal["ok", "short", "unclear", "not-run"]


@dataclass(frozen=True)
class Bar:
    """One promise: `measured` must be at least `limit`, or at most, as `at_least` says.

    `measured` is None if the bar was not run; `spread` then says why. With an `interval` the bar
    is ok only if all of that holds, short only if none does, else unclear. `evidence` goes into
    the results file as it is: both sides, quartiles, notes.
    """

    name: str
    measured: float | None
    limit: float
    at_least: bool
    spread: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    interval: tuple[float, float] | None = None

    @property
    def verdict(self) -> Verdict:
        """Whether it holds."""
        if self.measured is None:
            return "not-run"
        held = [self._holds(each) for each in self.interval or (self.measured,)]
        if all(held):
            return "ok"
        return "unclear" if any(held) else "short"

    def _holds(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit

    @property
    def shown(self) -> tuple[str, str]:
        """Return (measured, limit) as text."""
        sign = ">=" if self.at_least else "<="
        measured = "-" if self.measured is None else f"{self.measured:.3f}"
        return measured, f"{sign}{self.limit:g}"

    def line(self) -> str:
        """Return the line `BAR name measured limit ok|short|unclear|not-run (spread)`."""
        between = "" if self.interval is None else "95 % {:.3f} to {:.3f}".format(*self.interval)
        noted = "; ".join(filter(None, (between, self.spread)))
        spread = f" ({noted})" if noted else ""
        return f"BAR {self.name} {' '.join(self.shown)} {self.verdict}{spread}"

    def record(self) -> dict[str, Any]:
        """Return what the results file holds of it."""
        return {
            "name": self.name,
            "measured": None if self.measured is None else round(self.measured, 4),
            "limit": self.limit,
            "at_least": self.at_least,
            "verdict": self.verdict,
            "spread": self.spread,
            **({"interval": [round(end, 4) for end in self.interval]} if self.interval else {}),
            **({"evidence": dict(self.evidence)} if self.evidence else {}),
        }


def any_missed(bars: Iterable[Bar]) -> bool:
    """Tell whether a bar that was run is not ok: what a benchmark ends with 1 for."""
    return any(bar.verdict in ("short", "unclear") for bar in bars)
