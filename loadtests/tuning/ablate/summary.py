"""What an ablation found: panels of a picture, and what the paper says beside ours. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from loadtests.kit.bars import Bar
from loadtests.kit.intervals import LEAST_VISITS
from loadtests.tuning.ablate.statistics import Estimate

Verdict = Literal["as the paper", "the other way", "no difference seen", "higher", "lower"]


@dataclass(frozen=True)
class Claim:
    """What a paper says, and what we found.

    Attributes:
        about: what it is about.
        paper: what the paper says, with its numbers and where they stand; None: nothing.
        ours: a number that is above `bound` where the paper is right.
        unit: of it.
        bound: see above.
        below: the paper is right where it is below.
        of: what its values are one each of.
    """

    about: str
    paper: str | None
    ours: Estimate
    unit: str = "points"
    bound: float = 0.0
    below: bool = False
    of: str = "seeds"

    @property
    def verdict(self) -> Verdict:
        """Whether the whole interval lies on the paper's side, on the other one, or on both.

        Of what the paper says nothing about: on which side it lies.
        """
        low, high = self.ours.low - self.bound, self.ours.high - self.bound
        if self.below:
            low, high = -high, -low
        sides: tuple[Verdict, Verdict] = ("higher", "lower")
        if self.paper is not None:
            sides = ("as the paper", "the other way")
        if low > 0:
            return sides[0]
        return sides[1] if high < 0 else "no difference seen"

    def line(self) -> str:
        """Return it in words."""
        mean, low, high = (
            f"{each:.2f}" for each in (self.ours.mean, self.ours.low, self.ours.high)
        )
        count = len(self.ours.values)
        what = f"95 % of {count} {self.of}" if count >= LEAST_VISITS else f"all {count} {self.of}"
        found = f"{mean} {self.unit} ({low} to {high}, {what})"
        paper = "nothing" if self.paper is None else self.paper
        return f"{self.verdict.upper()}  {self.about}: ours {found}; the paper: {paper}"

    def record(self) -> dict[str, Any]:
        """Return what the results file holds."""
        return {
            "about": self.about,
            "paper": self.paper,
            "ours": {**self.ours.record(), "unit": self.unit},
            "verdict": self.verdict,
        }


@dataclass(frozen=True)
class Line:
    """A line of a panel: an estimate at each place.

    Attributes:
        label: in the legend.
        places: across.
        found: up.
        dashed: a reference.
        marks: the paper's numbers at the places; None: it gives none there.
    """

    label: str
    places: tuple[float, ...]
    found: tuple[Estimate, ...]
    dashed: bool = False
    marks: tuple[float | None, ...] = ()

    def labelled(self, label: str) -> Line:
        """Return the same with another label."""
        return replace(self, label=label)


@dataclass(frozen=True)
class Panel:
    """One part of the picture.

    Attributes:
        title, across, up: its words.
        lines: what is drawn.
        names: of the places, where these are no numbers.
        zero: a line at nothing.
        log: places are powers.
    """

    title: str
    across: str
    up: str
    lines: tuple[Line, ...]
    names: tuple[str, ...] = ()
    zero: bool = False
    log: bool = False

    def record(self) -> dict[str, Any]:
        """Return what the results file holds."""
        return {
            "title": self.title,
            "across": self.across,
            "up": self.up,
            **({"names": list(self.names)} if self.names else {}),
            "lines": [
                {
                    "label": line.label,
                    "places": list(line.places),
                    "found": [each.record() for each in line.found],
                    **({"paper": list(line.marks)} if line.marks else {}),
                }
                for line in self.lines
            ],
        }


@dataclass(frozen=True)
class Summary:
    """What an ablation found.

    Attributes:
        panels: of the picture.
        claims: the paper's, beside ours.
        bars: what must hold for the rest to mean something, or was promised.
        notes: what a reader must know.
    """

    panels: Sequence[Panel]
    claims: Sequence[Claim] = ()
    bars: Sequence[Bar] = ()
    notes: Sequence[str] = field(default_factory=tuple)
