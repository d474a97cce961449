"""Recipes: everything that fixes a tuning run, by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

from artifact.config import ModelConfig
from artifact.task import CAPTION, EMBED, REASON, VQA, TaskName
from models.presets import spread_keys
from tuning.tokens import SPECIAL
from tuning.world.vocabulary import ANSWERS, WORDS

TUNING_SEED, LADDER_SEED, CHOOSING_SEED, QUALITY_SEED = 1, 2, 3, 4
"""World seeds: pictures tuned on, searched for the ladder on, looked at while choosing recipes, and
reported on. Never mixed."""


@dataclass(frozen=True)
class Phase:
    """A stretch of a run.

    Attributes:
        until: step it ends before.
        horizon: step at which the learning rate would reach zero.
        kind_shares: how often each of the world's kinds of questions is drawn, in the order of
            `KINDS`; None draws questions as they come.
    """

    until: int
    horizon: int
    kind_shares: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Recipe:
    """One tuning run.

    Attributes:
        config: the model.
        phases: what changes while it runs; the last one's end is the run's.
        pictures: pictures in the rendered pool (world seed `TUNING_SEED`).
        questions: questions kept for each picture.
        batch_sizes: requests a step, for each of the model's tasks at least.
        learning_rate: peak, after `warmup_steps`.
        patch_rate: share of it for the patch projection, whose fan-in makes it jump otherwise
            (Chen et al., MoCo v3, section 4).
        warmup_steps: steps of linear warm-up.
        weight_decay: AdamW's, on matrices only.
        prefix_share: share of the draws of gates that close every gate behind some depth.
        seed: of initialisation, batches and gates.

    Raises:
        ValueError: a task of the model has no batch size.
    """

    config: ModelConfig
    phases: tuple[Phase, ...]
    pictures: int
    questions: int = 8
    batch_sizes: Mapping[TaskName, int] = field(
        default_factory=lambda: {VQA.name: 128, CAPTION.name: 24, REASON.name: 48}
    )
    learning_rate: float = 1.2e-3
    patch_rate: float = 0.2
    warmup_steps: int = 150
    weight_decay: float = 0.05
    prefix_share: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if lacking := [task for task in self.config.tasks if task not in self.batch_sizes]:
            raise ValueError(f"no batch size for {', '.join(lacking)}")

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole run."""
        return self.phases[-1].until

    def phase(self, step: int) -> Phase:
        """Return the phase a step belongs to."""
        return next(phase for phase in self.phases if step < phase.until)

    def shortened(self, steps: int) -> Recipe:
        """Return the recipe as one phase of that many steps, for trying things out."""
        return dataclasses.replace(self, phases=(Phase(steps, steps),))


def demo_config(name: str, keys: int, width: int = 192, heads: int = 6) -> ModelConfig:
    """Return the demo's shape: 8 orders, 64 px pictures in 16 patches, the generated world's words.

    Args:
        name: of the model.
        keys: key blocks; 8 must be a multiple.
        width: D.
        heads: attention heads.
    """
    return ModelConfig(
        name=name,
        image_size=64,
        patch_size=16,
        width=width,
        heads=heads,
        ffn_width=4 * width,
        vocab_size=len(SPECIAL) + len(WORDS),
        max_text_positions=48,
        key_of_order=spread_keys(8, keys),
        merged_feed_forward=True,
        readout="series",
        skip_probability=0.1,
        num_answers=len(ANSWERS),
        tasks=(VQA.name, CAPTION.name, REASON.name),
    )


DEMO_PHASES = (
    Phase(until=2400, horizon=6000, kind_shares=(0.34, 0.12, 0.18, 0.10, 0.26)),
    Phase(until=6000, horizon=6000, kind_shares=(0.20, 0.12, 0.22, 0.06, 0.40)),
)
"""Relations are learned last by far: they are asked more often than they come, in the end four
times as often. The learning rate falls once, to zero."""

DEMO_BATCHES = {VQA.name: 64, CAPTION.name: 12, REASON.name: 24}
"""Small: what is learned late takes steps more than it takes examples."""


def demo_recipe(config: ModelConfig) -> Recipe:
    """Return how a model of the demo's shape is tuned."""
    return Recipe(
        config=config,
        phases=DEMO_PHASES,
        pictures=60_000,
        batch_sizes=DEMO_BATCHES,
        learning_rate=1e-3,
        warmup_steps=200,
        prefix_share=0.4,
    )


def retrieval_recipe(config: ModelConfig) -> Recipe:
    """Return how a model of the demo's shape is tuned to find pictures by texts, and texts by them.

    Large batches: every other pair of a batch is what a pair is told from.
    """
    return Recipe(
        config=dataclasses.replace(config, tasks=(EMBED,), num_answers=0),
        phases=(Phase(until=1500, horizon=1500),),
        pictures=60_000,
        batch_sizes={EMBED: 128},
        learning_rate=1e-3,
        warmup_steps=100,
        prefix_share=0.4,
    )


RECIPES = {
    "demo": demo_recipe(demo_config("demo", keys=2)),
    "demo-literal": demo_recipe(demo_config("demo-literal", keys=1)),
    "demo-retrieval": retrieval_recipe(demo_config("demo-retrieval", keys=2)),
    "smoke": Recipe(
        config=demo_config("smoke", keys=2, width=32, heads=2),
        phases=(Phase(4, 4),),
        pictures=16,
        batch_sizes={VQA.name: 8, CAPTION.name: 4, REASON.name: 4},
        warmup_steps=2,
    ),
}
"""`demo` is the shipped model, `demo-literal` its one-key sister, `smoke` a run of a second."""
