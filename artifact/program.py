"""Programs: a variant written as the list of stages it runs (docs/architecture.md)."""

from __future__ import annotations

from dataclasses import dataclass

from artifact.config import ModelConfig
from artifact.pattern import SkipPattern
from artifact.stage import StageName
from artifact.task import Pass, Task


@dataclass(frozen=True)
class Step:
    """One stage call. `order` is over the whole stack, `order_in_key` over its own key.

    A patch has tables of the whole stack: both are the order that it takes the place of.
    """

    stage: StageName
    order: int | None = None
    order_in_key: int | None = None


@dataclass(frozen=True)
class Program:
    """The steps one row takes, in order."""

    steps: tuple[Step, ...]

    @property
    def stages(self) -> tuple[StageName, ...]:
        """The distinct stages, in order of first use."""
        return tuple(dict.fromkeys(step.stage for step in self.steps))

    @property
    def blocks(self) -> int:
        """Number of block calls."""
        return sum(step.stage.is_block for step in self.steps)


def composed_programs(task: Task, config: ModelConfig, pattern: SkipPattern) -> tuple[Program, ...]:
    """Return a variant's programs of shared stages, one for each pass of the task.

    They are those of one row: where a request has several, they take the head's step together.

    Raises:
        ValueError: the pattern is of another stack.
    """
    if pattern.orders != config.orders:
        raise ValueError(f"pattern of {pattern.orders} orders for a stack of {config.orders}")
    size = config.other_size_of(task.name)
    return tuple(_composed(each, config, pattern, size) for each in task.passes)


def _composed(
    through: Pass, config: ModelConfig, pattern: SkipPattern, image_size: int | None
) -> Program:
    patch, opened = StageName.patch().at(image_size), frozenset(pattern.executed)
    blocks = [
        Step(through.block_at(config.key_of_order[k], image_size), k, config.order_in_key(k))
        if k in opened
        else Step(patch, k, k)
        for k in (range(config.orders) if config.replaces else pattern.executed)
    ]
    heads = [] if through.head is None else [Step(through.head)]
    return Program((Step(through.stem_at(image_size)), *blocks, *heads))


def whole_programs(task: Task, variant: str) -> tuple[Program, ...]:
    """Return a whole variant's programs, each of one step, one for each pass of the task."""
    return tuple(Program((Step(stage),)) for stage in task.whole_stages(variant))
