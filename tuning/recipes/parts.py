"""Parts of a recipe that stand in recipes of every kind."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Count = Annotated[int, Field(ge=1)]
Keys = Count | Annotated[tuple[Count, ...], Field(min_length=1)]
"""The number of key blocks, each with equally many orders; or the number of orders of each."""


class Part(BaseModel):
    """What a recipe holds: frozen, unknown fields refused, numbers finite, nothing converted."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Shape(Part):
    """A model of our own shape, from random weights.

    Attributes:
        orders: K, the depth of the whole stack.
        width: D.
        heads: attention heads; a divisor of the width.
        image_size: side of pictures in pixels, where a task names no other.
        patch_size: side of a patch in pixels.
        text_positions: the longest text, in tokens.
    """

    orders: int = Field(ge=1)
    width: int = Field(ge=1)
    heads: int = Field(ge=1)
    image_size: int = Field(ge=1)
    patch_size: int = Field(default=16, ge=1)
    text_positions: int = Field(default=48, ge=4)


class Full(Part):
    """Plain fine-tuning: one depth, every order of it in every step.

    Attributes:
        depth: orders that are executed, from the first on; None: all.
    """

    kind: Literal["full"]
    depth: int | None = Field(default=None, ge=1)


class Otmv(Part):
    """Once-tuning: gates are drawn anew at every step (supplement, 1 and 3.2).

    Attributes:
        keys: see `Keys`; None: as the checkpoint has them.
        merge: how two feed-forwards become one: mean, weighted:A,B or mse (supplement, 3.4).
        skip_probability: chance that a gate is closed.
        rise_steps: steps in which the probability rises from 0; 0: it is the same all along.
        prefix_share: share of the draws that close every gate behind some depth (ADR 0005).
        freeze_coefficients: coefficients stay 1 (supplement, 3.3).
    """

    kind: Literal["otmv"]
    keys: Keys | None = None
    merge: str = "mean"
    skip_probability: float = Field(default=0.1, ge=0.0, lt=1.0)
    rise_steps: int = Field(default=0, ge=0)
    prefix_share: float = Field(default=0.0, ge=0.0, le=1.0)
    freeze_coefficients: bool = False

    @field_validator("merge")
    @classmethod
    def _known(cls, value: str) -> str:
        from models.once_tuning.merge import merge_named  # loads torch: only where a merge is named

        merge_named(value)
        return value


class Das(Part):
    """DAS: on a frozen checkpoint adapters replace the orders that are missed least (ADR 0037).

    Attributes:
        skipped: how many orders are replaced.
        also: how many other variants of the result replace, by the same preferences; each step of
            the tuning draws one of all variants.
        scope: orders that may be replaced; None: every one but the first.
        choose: `search` for them as published, or `random`: draw them by the seed.
        orders: replace these, and search nothing.
        search_steps: steps of the search, before those of the run.
        warmup_steps: of these, before the first update of preferences.
        interval: steps between updates.
        draws: sets that are tried for an update.
        preference_rate: of the update.
        beside: inner width of the two adapters beside a kept order.
        replacing: inner width of the adapter in a replaced order's place; 0: nothing is.
        heads: the heads of the recipe's task are tuned, too.
    """

    kind: Literal["das"]
    skipped: int = Field(ge=1)
    also: tuple[Annotated[int, Field(ge=0)], ...] = ()
    scope: Annotated[tuple[Count, ...], Field(min_length=1)] | None = None
    choose: Literal["search", "random"] = "search"
    orders: Annotated[tuple[Count, ...], Field(min_length=1)] | None = None
    search_steps: int = Field(default=0, ge=0)
    warmup_steps: int = Field(default=0, ge=0)
    interval: int = Field(default=10, ge=1)
    draws: int = Field(default=3, ge=2)
    preference_rate: float = Field(default=1.0, gt=0.0)
    beside: int = Field(default=96, ge=1)
    replacing: int = Field(default=192, ge=0)
    heads: bool = True

    @property
    def searches(self) -> bool:
        """Whether preferences are searched for."""
        return self.choose == "search" and self.orders is None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.scope is not None and self.skipped > len(self.scope):
            raise ValueError(f"skipped is {self.skipped}, and scope has {len(self.scope)} orders")
        if self.skipped in self.also or len(set(self.also)) < len(self.also):
            raise ValueError("also counts other variants, each once: take the double one out")
        if not self.searches:
            return self._unsearched()
        if not self.search_steps:
            raise ValueError("search_steps is missing: how many steps the search takes")
        first = -(-self.warmup_steps // self.interval) * self.interval
        if first >= self.search_steps:
            raise ValueError(
                f"the search would never learn: its first update is after step {first} of "
                f"{self.search_steps}"
            )
        return self

    def _unsearched(self) -> Self:
        if self.search_steps or self.warmup_steps:
            said = "orders says" if self.orders else "choose is random, so nothing searches"
            raise ValueError(f"{said} what is replaced: take search_steps and warmup_steps out")
        if self.orders is None:
            return self
        if list(self.orders) != sorted(set(self.orders)) or len(self.orders) != self.skipped:
            raise ValueError(f"orders lists the {self.skipped} that are skipped, ascending")
        if self.also or self.scope or self.choose == "random":
            raise ValueError("orders says what is replaced: take also, scope and choose out")
        return self


class Adapt(Part):
    """Tuning with few parameters on a frozen checkpoint; gates are drawn as in once-tuning.

    Attributes:
        form: a method of `models/adapters/forms`, such as `lora`.
        settings: of it, in place of the published ones.
        skip_probability, rise_steps, prefix_share: of the gates, see `Otmv`.
        heads: the heads of the recipe's tasks are tuned, too, and shipped with the adapter.
        artifact: folder whose variants are measured in the end; None: every depth.
    """

    kind: Literal["adapter"]
    form: str
    settings: dict[str, Any] = Field(default_factory=dict)
    skip_probability: float = Field(default=0.1, ge=0.0, lt=1.0)
    rise_steps: int = Field(default=0, ge=0)
    prefix_share: float = Field(default=0.0, ge=0.0, le=1.0)
    heads: bool = True
    artifact: str | None = None

    @model_validator(mode="after")
    def _makes_a_form(self) -> Self:
        from models.adapters.forms import make_form  # loads torch: only where a form is named

        make_form(self.form, self.settings)
        return self
