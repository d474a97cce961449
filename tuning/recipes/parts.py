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
