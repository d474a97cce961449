"""Tuning by DAS: a search, then the tuning of what it found (ADR 0037)."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Sequence

from torch import nn

from artifact.config import ModelConfig
from artifact.pattern import Skipping
from models.once_tuning.merge import Merge, elementwise_mean
from models.series import OtmvModel
from tuning.methods.das.bandit import Bandit, SearchPlan, Skipped, random_subnetwork
from tuning.recipes.parts import Das

_PARTS = ("attention_beside.", "ffn_beside.")


class BanditSearch:
    """The search of a DAS tuning; see `Search`.

    Args:
        said: the recipe's numbers.
        orders: of the model.
    """

    def __init__(self, said: Das, orders: int) -> None:
        self._said, self._orders = said, orders
        self._plan = SearchPlan(said.search_steps, said.warmup_steps, said.interval, said.draws)
        scope = scope_of(said, orders)
        self.bandit = Bandit.fresh(scope, said.skipped, said.preference_rate)
        if said.draws > self.bandit.sets:
            raise ValueError(
                f"method.draws is {said.draws}: only {self.bandit.sets} sets of {said.skipped} "
                f"of {len(scope)} orders differ"
            )

    @property
    def steps(self) -> int:
        """Steps of the search; see `Search`."""
        return self._plan.steps

    def due(self, step: int) -> int | None:
        """Return which update follows a step; see `Search`."""
        return self._plan.learnt_before(step) if self._plan.learns_after(step) else None

    def learn(self, rng: random.Random, loss_of: Callable[[Sequence[int]], float]) -> None:
        """Try a few sets and update the preferences; see `Search`."""
        sets = self.bandit.draw_different(rng, self._plan.draws)
        losses = [loss_of(kept(each, self._orders)) for each in sets]
        self.bandit = self.bandit.updated(sets, losses)

    def settle(self, model: OtmvModel) -> str:
        """Fix the variants; see `Search`."""
        counts = (self._said.skipped, *self._said.also)
        ranked = [dataclasses.replace(self.bandit, skipped=n).best if n else () for n in counts]
        settle(model, ranked)
        pairs = zip(self.bandit.scope, self.bandit.preferences, strict=True)
        shown = ", ".join(f"{order}: {preference:+.4f}" for order, preference in pairs)
        return f"replaces orders {_listed(ranked[0])} (preferences {shown})"

    def state(self) -> list[float]:
        """Return the preferences; see `Search`."""
        return list(self.bandit.preferences)

    def restore(self, state: Sequence[float]) -> None:
        """Take up preferences; see `Search`."""
        self.bandit = dataclasses.replace(self.bandit, preferences=tuple(state))


class DasTuning:
    """Adapters on a frozen base, beside kept orders and in place of others; see `TuningMethod`.

    Args:
        said: the recipe's numbers.
        seed: of the draw, where orders are drawn at random.

    Attributes:
        search: finds the orders; None: they are known from the start.
    """

    name = "das"
    leaves_checkpoint = True
    merge: Merge = staticmethod(elementwise_mean)

    def __init__(self, said: Das, seed: int) -> None:
        self.said, self._seed = said, seed
        self.search: BanditSearch | None = None
        self._variants: tuple[Skipped, ...] = ()

    def shaped(self, config: ModelConfig) -> ModelConfig:
        """Return the shape with adapters; see `TuningMethod`."""
        if config.skipping is not None:
            raise ValueError("the checkpoint is a DAS model: name the one it was made from")
        scope_of(self.said, config.orders)
        if self.said.searches:
            self.search = BanditSearch(self.said, config.orders)
        else:
            self._variants = self._known(config.orders)
        said = Skipping(self.said.beside, self.said.replacing, self._variants)
        return dataclasses.replace(config, skipping=said)

    def _known(self, orders: int) -> tuple[Skipped, ...]:
        """Return the variants of a recipe that searches nothing; those drawn are nested."""
        if self.said.orders is not None:
            return (self.said.orders,)
        scope, rng = scope_of(self.said, orders), random.Random(f"{self._seed}/subnetwork")
        drawn = random_subnetwork(rng, scope, len(scope))
        mixed = rng.sample(drawn, len(drawn))
        return tuple(tuple(sorted(mixed[:n])) for n in (self.said.skipped, *self.said.also))

    def prepare(self, model: OtmvModel) -> None:
        """Add nothing: the shape has the adapters; see `TuningMethod`."""

    def executed(self, rng: random.Random, step: int, orders: int) -> tuple[int, ...]:
        """Draw the orders of a step: of the search, or of one of the variants."""
        if self.search is not None and step < self.search.steps:
            return kept(self.search.bandit.draw(rng), orders)
        if self.search is not None:
            counts = (self.said.skipped, *self.said.also)
            bandit = dataclasses.replace(self.search.bandit, skipped=max(counts))
            return kept(_first(bandit, rng.choice(counts)), orders)
        return kept(rng.choice(self._variants), orders)

    def frozen(self, model: OtmvModel) -> list[nn.Parameter]:
        """Return the base's weights, but for heads if these are tuned; see `TuningMethod`."""
        return [weight for name, weight in model.named_parameters() if not self._is_tuned(name)]

    def _is_tuned(self, name: str) -> bool:
        adapters = name.startswith("patches.") or any(part in name for part in _PARTS)
        return adapters or (self.said.heads and name.startswith("heads."))


def scope_of(said: Das, orders: int) -> tuple[int, ...]:
    """Return the orders that may be replaced.

    Raises:
        ValueError: the model lacks one, or has too few.
    """
    scope = tuple(range(1, orders)) if said.scope is None else tuple(sorted(set(said.scope)))
    beyond = [each for each in (*scope, *(said.orders or ())) if each >= orders]
    if beyond:
        raise ValueError(f"order {beyond[0]} is none of the model's: it has 0 to {orders - 1}")
    if most := [n for n in (said.skipped, *said.also) if n > len(scope)]:
        raise ValueError(f"{most[0]} orders cannot be skipped: {len(scope)} may be")
    return scope


def kept(skipped: Skipped, orders: int) -> tuple[int, ...]:
    """Return the orders that are executed."""
    return tuple(k for k in range(orders) if k not in skipped)


def settle(model: OtmvModel, variants: Sequence[Skipped]) -> None:
    """Write into a model's config what its variants skip."""
    said = model.config.skipping
    assert said is not None, "its method has shaped it"
    skipping = dataclasses.replace(said, variants=tuple(variants))
    model.config = dataclasses.replace(model.config, skipping=skipping)


def _first(bandit: Bandit, count: int) -> Skipped:
    return dataclasses.replace(bandit, skipped=count).best if count else ()


def _listed(skipped: Skipped) -> str:
    return " ".join(map(str, skipped))
