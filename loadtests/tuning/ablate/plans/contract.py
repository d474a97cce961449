"""What an ablation is: a question, its runs, and what is made of them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from loadtests.tuning.ablate.run import AblationRun, Found
from loadtests.tuning.ablate.scale import AblationScale
from loadtests.tuning.ablate.summary import Summary

Plan = Callable[[AblationScale], Sequence[AblationRun]]
Summarise = Callable[[AblationScale, Sequence[AblationRun], Found], Summary]


@dataclass(frozen=True)
class Ablation:
    """One ablation.

    Attributes:
        name: on the command line.
        title: over its picture.
        asks: the question, in a line.
        runs: its grid at a scale; runs that another ablation has, too, are taken once.
        summarise: from what every run found to panels and claims.
    """

    name: str
    title: str
    asks: str
    runs: Plan
    summarise: Summarise
