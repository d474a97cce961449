"""Programs: a variant written as the list of stages it runs (docs/architecture.md)."""

from __future__ import annotations

from dataclasses import dataclass

from artifact.config import ModelConfig, Task
from artifact.pattern import SkipPattern

STEM_VQA = "stem[vqa]"
STEM_CAPTION = "stem[caption]"
STEM_DECODE = "stem[decode]"
HEAD_VQA = "head[vqa]"
HEAD_CAPTION = "head[caption]"
HEAD_REASON = "head[reason]"


@dataclass(frozen=True)
class Step:
    """One stage call. `order` is over the whole stack, `order_in_key` over its own key."""

    stage: str
    order: int | None = None
    order_in_key: int | None = None


@dataclass(frozen=True)
class Program:
    """The steps one row takes, in order."""

    steps: tuple[Step, ...]

    @property
    def stages(self) -> tuple[str, ...]:
        """The distinct stages, in order of first use."""
        return tuple(dict.fromkeys(step.stage for step in self.steps))

    @property
    def blocks(self) -> int:
        """Number of block calls."""
        return sum(step.order is not None for step in self.steps)


def block_stage(key: int, kind: str = "block") -> str:
    """Return a block stage's name; `kind` is block, block_image or block_decode."""
    return f"{kind}[{key}]"


def whole_stage(variant: str, task: str = "vqa") -> str:
    """Return the name of the stage that holds a whole variant in one graph."""
    return f"whole[{task}:{variant}]"


def key_of_stage(stage: str) -> int | None:
    """Return the key block a stage belongs to, or None for stems, heads and whole variants."""
    kind, _, rest = stage.partition("[")
    return int(rest[:-1]) if kind in ("block", "block_image", "block_decode") else None


def _blocks(config: ModelConfig, pattern: SkipPattern, kind: str) -> tuple[Step, ...]:
    if pattern.orders != config.orders:
        raise ValueError(f"pattern of {pattern.orders} orders for a stack of {config.orders}")
    return tuple(
        Step(block_stage(config.key_of_order[k], kind), k, config.order_in_key(k))
        for k in pattern.executed
    )


def vqa_program(config: ModelConfig, pattern: SkipPattern) -> Program:
    """Return stem, executed blocks and head for one question."""
    return Program((Step(STEM_VQA), *_blocks(config, pattern, "block"), Step(HEAD_VQA)))


def reason_program(config: ModelConfig, pattern: SkipPattern) -> Program:
    """Return stem, executed blocks and head for one row of a statement.

    A statement has two rows, one for each picture; they take the head's step together.
    """
    return Program((Step(STEM_VQA), *_blocks(config, pattern, "block"), Step(HEAD_REASON)))


def caption_programs(config: ModelConfig, pattern: SkipPattern) -> tuple[Program, Program]:
    """Return (image pass, decode): the first runs once, the second once per word."""
    image = Program((Step(STEM_CAPTION), *_blocks(config, pattern, "block_image")))
    blocks = _blocks(config, pattern, "block_decode")
    return image, Program((Step(STEM_DECODE), *blocks, Step(HEAD_CAPTION)))


def composed_programs(task: Task, config: ModelConfig, pattern: SkipPattern) -> tuple[Program, ...]:
    """Return a variant's programs of shared stages: two for a caption, else one."""
    if task == "caption":
        return caption_programs(config, pattern)
    return (vqa_program(config, pattern) if task == "vqa" else reason_program(config, pattern),)


def whole_programs(task: Task, variant: str) -> tuple[Program, ...]:
    """Return a whole variant's programs, each of one step: two for a caption, else one."""
    return tuple(Program((Step(stage),)) for stage in whole_stages(task, variant))


def whole_stages(task: Task, variant: str) -> tuple[str, ...]:
    """Return the stages that hold a whole variant of a task (ADR 0021).

    A question and a statement take one step. A caption takes one for the picture and one for every
    word: `whole_image[caption:v]`, `whole_decode[caption:v]`.
    """
    if task == "caption":
        return f"whole_image[caption:{variant}]", f"whole_decode[caption:{variant}]"
    return (whole_stage(variant, task),)
