"""The search of DAS: a bandit with one preference for each layer, as published.

    p_i = sigmoid(preference_i)                      how often layer i is drawn to be skipped
    r_k = exp(-loss of set k)                        of some sets, on one batch they share
    preference_i += rate (r_k - mean r) p_i (1 - p_i)        for each set k and each i in it

A high preference means: skip me. Pure: draws come from the generator that is given.
Source: DoubtedSteam/DAS, METER/meter/modules/meter_module_search.py.
"""

from __future__ import annotations

import dataclasses
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

Skipped = tuple[int, ...]
"""Orders that are skipped, ascending."""


@dataclass(frozen=True)
class Bandit:
    """What the search knows.

    Attributes:
        scope: orders that may be skipped, ascending.
        skipped: how many are.
        preferences: of each order of the scope.
        rate: of the update; 1 for METER and ViLT, 0.1 for LLaVA.

    Raises:
        ValueError: the scope is smaller than what is skipped.
    """

    scope: tuple[int, ...]
    skipped: int
    preferences: tuple[float, ...]
    rate: float = 1.0

    def __post_init__(self) -> None:
        if not 1 <= self.skipped <= len(self.scope):
            raise ValueError(f"{self.skipped} of {len(self.scope)} orders cannot be skipped")
        if len(self.preferences) != len(self.scope):
            raise ValueError("each order of the scope has one preference")

    @classmethod
    def fresh(cls, scope: Sequence[int], skipped: int, rate: float = 1.0) -> Self:
        """Return the start of a search: no order is preferred."""
        return cls(tuple(scope), skipped, (0.0,) * len(scope), rate)

    @property
    def chances(self) -> tuple[float, ...]:
        """The sigmoid of each preference."""
        return tuple(1 / (1 + math.exp(-each)) for each in self.preferences)

    @property
    def sets(self) -> int:
        """How many different sets there are to draw."""
        return math.comb(len(self.scope), self.skipped)

    def draw(self, rng: random.Random) -> Skipped:
        """Draw one set: one order after the other, by chance, none twice."""
        left = dict(zip(self.scope, self.chances, strict=True))
        drawn: list[int] = []
        for _ in range(self.skipped):
            (order,) = rng.choices(list(left), list(left.values()))
            del left[order]
            drawn.append(order)
        return tuple(sorted(drawn))

    def draw_different(self, rng: random.Random, count: int) -> tuple[Skipped, ...]:
        """Draw sets no two of which are equal.

        Raises:
            ValueError: there are not as many.
        """
        if count > self.sets:
            raise ValueError(f"{count} different sets of {self.sets} cannot be drawn")
        found: dict[Skipped, None] = {}
        while len(found) < count:
            found[self.draw(rng)] = None
        return tuple(found)

    def updated(self, sets: Sequence[Skipped], losses: Sequence[float]) -> Self:
        """Return what is known after some sets were tried on one batch.

        Args:
            sets: what each trial skipped.
            losses: of each, the sum over tasks.
        """
        rewards = [math.exp(-loss) for loss in losses]
        mean = sum(rewards) / len(rewards)
        chances = dict(zip(self.scope, self.chances, strict=True))
        after = dict(zip(self.scope, self.preferences, strict=True))
        for skipped, reward in zip(sets, rewards, strict=True):
            for order in skipped:
                slope = chances[order] * (1 - chances[order])
                after[order] += self.rate * (reward - mean) * slope
        return dataclasses.replace(self, preferences=tuple(after.values()))

    @property
    def best(self) -> Skipped:
        """The orders with the largest preferences; of equal ones the first."""
        ranked = sorted(zip(self.preferences, self.scope, strict=True), key=lambda e: (-e[0], e[1]))
        return tuple(sorted(order for _, order in ranked[: self.skipped]))


@dataclass(frozen=True)
class SearchPlan:
    """When a search learns.

    Attributes:
        steps: of the search.
        warmup_steps: steps in which only adapters learn.
        interval: steps between updates of the preferences.
        draws: sets that are tried at an update.
    """

    steps: int
    warmup_steps: int
    interval: int = 10
    draws: int = 3

    def learns_after(self, step: int) -> bool:
        """Tell whether the preferences are updated after a step, counted from 0."""
        return self.warmup_steps <= step < self.steps and step % self.interval == 0

    def learnt_before(self, step: int) -> int:
        """Return how many updates there were before a step."""
        return sum(self.learns_after(each) for each in range(min(step, self.steps)))


def random_subnetwork(rng: random.Random, scope: Sequence[int], skipped: int) -> Skipped:
    """Return a set drawn evenly: what the paper's Table B compares with."""
    return tuple(sorted(rng.sample(list(scope), skipped)))
