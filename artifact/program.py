"""Programs: a variant written as the list of stages it runs (docs/architecture.md)."""

from __future__ import annotations

from dataclasses import dataclass

from artifact.config import ModelConfig
from artifact.pattern import SkipPattern
from artifact.stage import StageKind, StageName, stage_name
from artifact.task import CAPTION, REASON, TASKS, VQA, Pass, Task, TaskName


@dataclass(frozen=True)
class Step:
    """One stage call. `order` is over the whole stack, `order_in_key` over its own key."""

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
        return sum(step.order is not None for step in self.steps)


def composed_programs(
    task: Task | TaskName, config: ModelConfig, pattern: SkipPattern
) -> tuple[Program, ...]:
    """Return a variant's programs of shared stages, one for each pass of the task.

    They are those of one row: where a request has several, they take the head's step together.

    Raises:
        ValueError: the pattern is of another stack.
    """
    task = TASKS[task] if isinstance(task, str) else task
    if pattern.orders != config.orders:
        raise ValueError(f"pattern of {pattern.orders} orders for a stack of {config.orders}")
    return tuple(_composed(each, config, pattern) for each in task.passes)


def _composed(through: Pass, config: ModelConfig, pattern: SkipPattern) -> Program:
    blocks = [
        Step(StageName.block(config.key_of_order[k], through.blocks), k, config.order_in_key(k))
        for k in pattern.executed
    ]
    heads = [] if through.head is None else [Step(through.head)]
    return Program((Step(through.stem), *blocks, *heads))


def whole_programs(task: Task | TaskName, variant: str) -> tuple[Program, ...]:
    """Return a whole variant's programs, each of one step, one for each pass of the task."""
    task = TASKS[task] if isinstance(task, str) else task
    return tuple(Program((Step(stage),)) for stage in task.whole_stages(variant))


# Until every package asks tasks and stage names themselves.
STEM_VQA = StageName.stem("vqa")
STEM_CAPTION = StageName.stem("caption")
STEM_DECODE = StageName.stem("decode")
HEAD_VQA, HEAD_CAPTION, HEAD_REASON = VQA.head, CAPTION.head, REASON.head


def block_stage(key: int, kind: str = "block") -> StageName:
    """Return a block stage's name; `kind` is block, block_image or block_decode."""
    return StageName.block(key, StageKind(kind))


def whole_stage(variant: str, task: str = "vqa") -> StageName:
    """Return the name of the stage that holds a whole variant in one graph."""
    return StageName.whole(task, variant)


def key_of_stage(stage: str) -> int | None:
    """Return the key block a stage belongs to, or None for stems, heads and whole variants."""
    return stage_name(stage).key


def vqa_program(config: ModelConfig, pattern: SkipPattern) -> Program:
    """Return stem, executed blocks and head for one question."""
    return composed_programs(VQA, config, pattern)[0]


def reason_program(config: ModelConfig, pattern: SkipPattern) -> Program:
    """Return stem, executed blocks and head for one row of a statement."""
    return composed_programs(REASON, config, pattern)[0]


def caption_programs(config: ModelConfig, pattern: SkipPattern) -> tuple[Program, Program]:
    """Return (image pass, decode): the first runs once, the second once per word."""
    image, decode = composed_programs(CAPTION, config, pattern)
    return image, decode


def whole_stages(task: TaskName, variant: str) -> tuple[StageName, ...]:
    """Return the stages that hold a whole variant of a task (ADR 0021)."""
    return TASKS[task].whole_stages(variant)
