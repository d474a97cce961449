"""The shape of one OTMV model, as the manifest records it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar, Literal, Self, get_args

from artifact.pattern import Skipping
from artifact.stage import StageName
from artifact.task import TASKS, TaskName, asked_of, check_tasks, model_task, model_tasks

Precision = Literal["fp32", "bf16", "fp16"]

Readout = Literal["series", "last"]

_POSITIVE = (
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
class TaskConfig:
    """What a task has of its own in a model that does several (ADR 0028).

    Attributes:
        image_size: side of its pictures in pixels; None: the model's.
        final_norm: whether its head reads through the encoder's final norms; None: as BEiT-3's
            head of that task does.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    image_size: int | None = None
    final_norm: bool | None = None

    @classmethod
    def from_fields(cls, values: object) -> Self:
        """Make one of what JSON holds.

        Raises:
            ValueError: on an unknown field or a value of another type.
        """
        kinds: dict[str, type] = {"image_size": int, "final_norm": bool}
        if not isinstance(values, Mapping) or set(values) - set(kinds):
            raise ValueError(f"per_task: {values!r} has more than {', '.join(kinds)}")
        for name, value in values.items():
            if value is not None and type(value) is not kinds[name]:
                raise ValueError(f"per_task: {name} must be {kinds[name].__name__}, not {value!r}")
        return cls(**values)


@dataclass(frozen=True)
class ModelConfig:
    """Everything about a model that is not a weight (ADR 0006).

    Orders are 0-based over the whole stack. `key_of_order[k]` is the key block that order k
    reuses; keys are numbered from 0 in the order they appear. `image_size` is the side of the
    pictures of every task for which `per_task` names no other. A plain dataclass, so that models
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
    per_task: Mapping[TaskName, TaskConfig] = field(default_factory=dict, hash=False)
    skipping: Skipping | None = None

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("name must not be empty")
        for name in _POSITIVE:
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be positive, not {getattr(self, name)}")
        if self.num_answers < 0:
            raise ValueError(f"num_answers must not be negative, as {self.num_answers} is")
        if not 0.0 <= self.skip_probability < 1.0:
            raise ValueError(f"skip_probability must be in [0, 1), not {self.skip_probability}")
        if not self.layer_norm_eps > 0.0:
            raise ValueError(f"layer_norm_eps must be positive, not {self.layer_norm_eps}")
        if self.readout not in get_args(Readout):
            raise ValueError(f"readout must be series or last, not {self.readout}")
        check_tasks(self.tasks, known=model_tasks())
        self._check_together()

    def _check_together(self) -> None:
        for side in self.image_sizes:
            if side < 1 or side % self.patch_size:
                raise ValueError(f"image_size {side} is no multiple of {self.patch_size}")
        if strange := sorted(set(self.per_task) - set(self.tasks)):
            raise ValueError(f"per_task: the model has no task {strange[0]!r}")
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is no multiple of {self.heads} heads")
        steps = zip((0, *self.key_of_order), self.key_of_order, strict=False)
        if self.key_of_order[:1] != (0,) or any(
            after - before not in (0, 1) for before, after in steps
        ):
            raise ValueError("key_of_order must start at 0 and rise by at most one")
        for task in asked_of(self.tasks):
            if TASKS[task].lists_answers and self.num_answers == 0:
                raise ValueError(f"a model with the {task} task needs num_answers")
            if TASKS[task].writes and self.skipping:
                raise ValueError(f"skipping: {task} writes, so it needs all orders")
            if TASKS[task].embeds and self.skipping:
                raise ValueError(f"skipping: {task} reads one side alone, which has no patches")
        if self.skipping:
            self.skipping.patterns(self.orders)

    @classmethod
    def from_fields(cls, values: Mapping[str, Any]) -> Self:
        """Make a config of what JSON holds (`to_fields` is the way back).

        Raises:
            ValueError: on an unknown or missing field, a value of another type, or an impossible
                one.
        """
        known = {each.name: each for each in fields(cls)}
        if unknown := sorted(set(values) - set(known)):
            raise ValueError(f"unknown fields {unknown}")
        listed: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in values.items()
        }
        own, skipping = listed.pop("per_task", {}), listed.pop("skipping", None)
        if not isinstance(own, Mapping):
            raise ValueError(f"per_task must name tasks, not {own!r}")
        for name, value in listed.items():
            if not _fits(value, str(known[name].type)):
                raise ValueError(f"{name} must be {known[name].type}, not {value!r}")
        try:
            return cls(
                **listed,
                per_task={task: TaskConfig.from_fields(each) for task, each in own.items()},
                skipping=None if skipping is None else Skipping.from_fields(skipping),
            )
        except TypeError as error:
            raise ValueError(str(error)) from error

    def to_fields(self) -> dict[str, Any]:
        """Return what JSON holds; without `per_task` and `skipping` where there is none."""
        left_out = [name for name in ("per_task", "skipping") if not getattr(self, name)]
        return {name: of for name, of in asdict(self).items() if name not in left_out}

    @property
    def image_sizes(self) -> tuple[int, ...]:
        """The sides of pictures in pixels: the model's, then others that tasks have, ascending."""
        own = {each.image_size for each in self.per_task.values()} - {None, self.image_size}
        return (self.image_size, *sorted(side for side in own if side is not None))

    @property
    def picture_sizes(self) -> str:
        """How large pictures are, for people: one size, or each task's."""
        sizes = {task: self.image_size_of(task) for task in self.tasks}
        if len(set(sizes.values())) == 1:
            return f"{sizes[self.tasks[0]]} px"
        return ", ".join(f"{task} {side} px" for task, side in sizes.items())

    def of_task(self, task: TaskName) -> TaskConfig:
        """Return what a task has of its own; both sides of one have the same."""
        return self.per_task.get(model_task(task), TaskConfig())

    def image_size_of(self, task: TaskName) -> int:
        """Return the side of a task's pictures, in pixels."""
        own = self.of_task(task).image_size
        return self.image_size if own is None else own

    def other_size_of(self, task: TaskName) -> int | None:
        """Return the side of a task's pictures as its stages name it: None if the model's."""
        side = self.image_size_of(task)
        return None if side == self.image_size else side

    def image_tokens_of(self, task: TaskName) -> int:
        """Return the image tokens Nv of a task's pictures."""
        return self.image_tokens_at(self.image_size_of(task))

    def image_tokens_in(self, stage: StageName) -> int:
        """Return the image tokens Nv of the pictures that a stage is for."""
        if stage.is_whole and stage.task is not None:
            return self.image_tokens_of(stage.task)
        return self.image_tokens_at(stage.image_size or self.image_size)

    def image_tokens_at(self, image_size: int) -> int:
        """Return the image tokens of a picture of that side: one [CLS] and (S/P)² patches."""
        return 1 + (image_size // self.patch_size) ** 2

    @property
    def replaces(self) -> bool:
        """Whether adapters take the place of orders that are skipped (ADR 0037)."""
        return self.skipping is not None and self.skipping.replacing > 0

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
        """Image tokens Nv of a picture of the model's own size."""
        return self.image_tokens_at(self.image_size)

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
