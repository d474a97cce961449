"""Budget classes: deadlines as multiples of the full variant's solo time. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from loadtests.locust.errors import OptionError, read_positive


@dataclass(frozen=True)
class BudgetClass:
    """What requests of one class ask for.

    `over_solo` is the deadline over the solo time of the request's task; None asks for none.
    """

    over_solo: float | None
    on_miss: Literal["degrade", "reject"] = "degrade"

    @property
    def may_degrade(self) -> bool:
        """Whether it has a deadline and takes a lower variant to meet it."""
        return self.over_solo is not None and self.on_miss == "degrade"

    def deadline_s(self, solo_s: float) -> float | None:
        """Return the seconds it allows, None without a deadline."""
        return None if self.over_solo is None else self.over_solo * solo_s

    def fields(self, solo_s: float) -> dict[str, str]:
        """Return the form fields that say so to the server."""
        deadline_s = self.deadline_s(solo_s)
        if deadline_s is None:
            return {}
        return {"max_latency_ms": f"{deadline_s * 1e3:.3f}", "on_miss": self.on_miss}


CLASSES: Mapping[str, BudgetClass] = {
    "patient": BudgetClass(None),
    "relaxed": BudgetClass(8),
    "interactive": BudgetClass(4),
    "hurried": BudgetClass(2),
    "strict": BudgetClass(4, "reject"),
}


def read_weights(text: str) -> dict[str, float]:
    """Read `hurried=2,strict=1`, or names alone, which weigh 1.

    Raises:
        OptionError: a class is unknown or given twice, a weight is not above 0.
    """
    found: dict[str, float] = {}
    for part in text.split(","):
        name, _, weight = (each.strip() for each in part.partition("="))
        if name not in CLASSES:
            raise OptionError(f"--classes: {name!r} is none of {', '.join(CLASSES)}")
        if name in found:
            raise OptionError(f"--classes: {name} is given twice")
        problem = f"--classes: {weight!r} is no weight; write hurried=2,strict=1"
        found[name] = read_positive(weight, problem) if "=" in part else 1.0
    return found
