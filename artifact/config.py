"""The shape of one OTMV model, as the manifest records it."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Task = Literal["vqa", "caption", "reason"]


class ModelConfig(BaseModel):
    """Everything about a model that is not a weight (docs/adr/0006).

    Orders are 0-based over the whole stack. `key_of_order[k]` is the key block that order k
    reuses; keys are numbered from 0 in the order they appear.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    image_size: int = Field(gt=0)
    patch_size: int = Field(gt=0)
    width: int = Field(gt=0)
    heads: int = Field(gt=0)
    ffn_width: int = Field(gt=0)
    vocab_size: int = Field(gt=0)
    max_text_positions: int = Field(gt=0)
    key_of_order: tuple[int, ...] = Field(min_length=1)
    merged_feed_forward: bool
    readout: Literal["series", "last"]
    skip_probability: float = Field(ge=0.0, lt=1.0)
    num_answers: int = Field(ge=0)
    tasks: tuple[Task, ...] = Field(min_length=1)
    layer_norm_eps: float = Field(default=1e-5, gt=0.0)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.image_size % self.patch_size:
            raise ValueError(f"image_size {self.image_size} is no multiple of {self.patch_size}")
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is no multiple of {self.heads} heads")
        steps = zip((0, *self.key_of_order), self.key_of_order, strict=False)
        if self.key_of_order[0] != 0 or any(
            after - before not in (0, 1) for before, after in steps
        ):
            raise ValueError("key_of_order must start at 0 and rise by at most one")
        if "vqa" in self.tasks and self.num_answers == 0:
            raise ValueError("a model with the vqa task needs num_answers")
        return self

    @property
    def orders(self) -> int:
        """Number of orders K in the whole stack."""
        return len(self.key_of_order)

    @property
    def keys(self) -> int:
        """Number of key blocks."""
        return self.key_of_order[-1] + 1

    @property
    def image_tokens(self) -> int:
        """Image tokens Nv: one [CLS] and (S/P)² patches."""
        return 1 + (self.image_size // self.patch_size) ** 2

    @property
    def head_width(self) -> int:
        """Width e of one attention head."""
        return self.width // self.heads

    def orders_of_key(self, key: int) -> tuple[int, ...]:
        """Return the orders that reuse key block `key`, ascending."""
        return tuple(k for k, owner in enumerate(self.key_of_order) if owner == key)

    def order_in_key(self, order: int) -> int:
        """Return the index of `order` among the orders of its own key."""
        return order - self.key_of_order.index(self.key_of_order[order])
