"""Recipes: everything that fixes a tuning run, by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

from artifact.config import ModelConfig
from artifact.task import CAPTION, REASON, VQA, TaskName
from models.presets import spread_keys
from tuning.recipes.parts import Shape
from tuning.recipes.shipped_recipes import shipped_worlds
from tuning.recipes.world import WorldFile, WorldMethod, WorldPhase
from tuning.tokens import SPECIAL
from tuning.world.questions import KINDS
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
    shape = Shape(orders=8, width=width, heads=heads, image_size=64)
    return _world_config(
        name, shape, WorldMethod(kind="otmv", keys=keys), (VQA.name, CAPTION.name, REASON.name)
    )


def _world_config(
    name: str, shape: Shape, method: WorldMethod, tasks: tuple[TaskName, ...]
) -> ModelConfig:
    """Return a model of that shape, with the generated world's words and answers."""
    return ModelConfig(
        name=name,
        image_size=shape.image_size,
        patch_size=shape.patch_size,
        width=shape.width,
        heads=shape.heads,
        ffn_width=4 * shape.width,
        vocab_size=len(SPECIAL) + len(WORDS),
        max_text_positions=shape.text_positions,
        key_of_order=spread_keys(shape.orders, method.keys),
        merged_feed_forward=True,
        readout="series",
        skip_probability=method.skip_probability,
        num_answers=len(ANSWERS) if VQA.name in tasks else 0,
        tasks=tasks,
    )


def world_recipe(file: WorldFile) -> Recipe:
    """Return the run that a recipe's file describes.

    Raises:
        ValueError: its shape makes no model.
    """
    shape, phases = file.model.shape, file.world.phases
    return Recipe(
        config=_world_config(file.name, shape, file.method, tuple(file.tasks)),
        phases=tuple(_phase(each) for each in phases),
        pictures=file.world.pictures,
        questions=file.world.questions,
        batch_sizes={task: each.batch for task, each in file.tasks.items()},
        learning_rate=file.optimiser.learning_rate,
        patch_rate=file.optimiser.patch_rate,
        warmup_steps=file.optimiser.warmup_steps,
        weight_decay=file.optimiser.weight_decay,
        prefix_share=file.method.prefix_share,
        seed=file.run.seed,
    )


def _phase(phase: WorldPhase) -> Phase:
    said = phase.kind_shares
    shares = None if said is None else tuple(said[kind] for kind in KINDS)
    return Phase(phase.until, phase.horizon, shares)


RECIPES = {name: world_recipe(file) for name, file in shipped_worlds().items()}
"""Shipped recipes on the generated world: `demo`, its one-key sister, `demo-retrieval`, and a run
of seconds."""
