"""The shape of one OTMV model, as the manifest records it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, Self, get_args

from artifact.task import TASKS, TaskName, check_tasks

Precision = Literal["fp32", "bf16", "fp16"]

Readout = Literal["series", "last"]

_POSITIVE = (
    "image_size",
    "patch_size",
    "width",
    "heads",
    "ffn_width",
    "vocab_size",
    "max_text_positions",
)

_OF_NUMBERS = {"int": (int,), "float": (int, float), "bool": (bool,)}
"""Types that JSON may hold, by how a field's type is written; all others are text."""


@dataclass(frozen=True)
class ModelConfig:
    """Everything about a model that is not a weight (ADR 0006).

    Orders are 0-based over the whole stack. `key_of_order[k]` is the key block that order k
    reuses; keys are numbered from 0 in the order they appear. A plain dataclass, so that models
    need no pydantic; the manifest reads it as one of its fields and refuses unknown ones.

    Raises:
        ValueError: a field, or how two of them go together, makes no model.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    name: str
    image_size: int
    patch_size: int
    width: int
    heads: int
    ffn_width: int
    vocab_size: int
    max_text_positions: int
    key_of_order: tuple[int, ...]
    merged_feed_forward: bool
    readout: Readout
    skip_probability: float
    num_answers: int
    tasks: tuple[TaskName, ...]
    layer_norm_eps: float = 1e-5

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("name must not be empty")
        for field in _POSITIVE:
            if getattr(self, field) < 1:
                raise ValueError(f"{field} must be positive, not {getattr(self, field)}")
        if self.num_answers < 0:
            raise ValueError(f"num_answers must not be negative, as {self.num_answers} is")
        if not 0.0 <= self.skip_probability < 1.0:
            raise ValueError(f"skip_probability must be in [0, 1), not {self.skip_probability}")
        if not self.layer_norm_eps > 0.0:
            raise ValueError(f"layer_norm_eps must be positive, not {self.layer_norm_eps}")
        if self.readout not in get_args(Readout):
            raise ValueError(f"readout must be series or last, not {self.readout}")
        check_tasks(self.tasks)
        self._check_together()

    def _check_together(self) -> None:
        if self.image_size % self.patch_size:
            raise ValueError(f"image_size {self.image_size} is no multiple of {self.patch_size}")
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is no multiple of {self.heads} heads")
        steps = zip((0, *self.key_of_order), self.key_of_order, strict=False)
        if self.key_of_order[:1] != (0,) or any(
            after - before not in (0, 1) for before, after in steps
        ):
            raise ValueError("key_of_order must start at 0 and rise by at most one")
        for task in self.tasks:
            if TASKS[task].lists_answers and self.num_answers == 0:
                raise ValueError(f"a model with the {task} task needs num_answers")

    @classmethod
    def from_fields(cls, values: Mapping[str, Any]) -> Self:
        """Make a config of what JSON holds (`dataclasses.asdict` is the way back).

        Raises:
            ValueError: on an unknown or missing field, a value of another type, or an impossible
                one.
        """
        known = {field.name: field for field in fields(cls)}
        if unknown := sorted(set(values) - set(known)):
            raise ValueError(f"unknown fields {unknown}")
        listed: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in values.items()
        }
        for name, value in listed.items():
            if not _fits(value, str(known[name].type)):
                raise ValueError(f"{name} must be {known[name].type}, not {value!r}")
        try:
            return cls(**listed)
        except TypeError as error:
            raise ValueError(str(error)) from error

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


def _fits(value: object, written: str) -> bool:
    """Tell whether a value is of a field's type, named as the class body writes it."""
    if written.startswith("tuple["):
        inner = written.removeprefix("tuple[").removesuffix(", ...]")
        return isinstance(value, tuple) and all(_fits(each, inner) for each in value)
    return type(value) in _OF_NUMBERS.get(written, (str,))
