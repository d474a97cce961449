"""A bar: what was promised, what was measured, and whether it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Verdict = Literal["ok", "short", "not-run"]


@dataclass(frozen=True)
class Bar:
    """One promise: `measured` must be at least `limit`, or at most, as `at_least` says.

    `measured` is None if the bar was not run; `spread` then says why. `evidence` goes into the
    results file as it is: both sides, quartiles, notes.
    """

    name: str
    measured: float | None
    limit: float
    at_least: bool
    spread: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict:
        """Whether it holds."""
        if self.measured is None:
            return "not-run"
        met = self.measured >= self.limit if self.at_least else self.measured <= self.limit
        return "ok" if met else "short"

    @property
    def shown(self) -> tuple[str, str]:
        """Return (measured, limit) as text."""
        sign = ">=" if self.at_least else "<="
        measured = "-" if self.measured is None else f"{self.measured:.3f}"
        return measured, f"{sign}{self.limit:g}"

    def line(self) -> str:
        """Return the line `BAR name measured limit ok|short|not-run (spread)`."""
        spread = f" ({self.spread})" if self.spread else ""
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
            **({"evidence": dict(self.evidence)} if self.evidence else {}),
        }
