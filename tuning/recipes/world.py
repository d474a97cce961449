"""Recipes that tune on the generated world, rendered while it is needed."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from tuning.recipes.parts import Keys, Part, Shape
from tuning.world.questions import KINDS


class WorldModel(Part):
    """The model: always of a shape of its own."""

    shape: Shape


class WorldMethod(Part):
    """Once-tuning from random weights; see `Otmv`."""

    kind: Literal["otmv"]
    keys: Keys
    skip_probability: float = Field(default=0.1, ge=0.0, lt=1.0)
    prefix_share: float = Field(default=0.0, ge=0.0, le=1.0)


class WorldPhase(Part):
    """A stretch of a run.

    Attributes:
        until: step it ends before.
        horizon: step at which the learning rate would reach zero.
        kind_shares: how often each kind of question is drawn; None: as they come.
    """

    until: int = Field(ge=1)
    horizon: int = Field(ge=1)
    kind_shares: dict[str, float] | None = None

    @model_validator(mode="after")
    def _kinds(self) -> Self:
        if self.kind_shares is not None and set(self.kind_shares) != set(KINDS):
            raise ValueError(f"kind_shares must give a share to each of {', '.join(KINDS)}")
        return self


class WorldData(Part):
    """The generated data.

    Attributes:
        pictures: that are rendered.
        questions: kept for each picture.
        phases: what changes while it runs; the last one's end is the run's.
    """

    pictures: int = Field(ge=1)
    questions: int = Field(default=8, ge=1)
    phases: tuple[WorldPhase, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        ends = [phase.until for phase in self.phases]
        if ends != sorted(set(ends)):
            raise ValueError(f"phases must end one after the other, not at {ends}")
        return self


class WorldTask(Part):
    """A task of the model, and how many requests of it a step takes."""

    batch: int = Field(ge=1)


class WorldOptimiser(Part):
    """AdamW as the generated world is tuned with; see `Recipe`."""

    learning_rate: float = Field(gt=0.0)
    patch_rate: float = Field(default=0.2, gt=0.0)
    warmup_steps: int = Field(default=150, ge=0)
    weight_decay: float = Field(default=0.05, ge=0.0)


class WorldRun(Part):
    """What else fixes a run."""

    seed: int = Field(default=0, ge=0)


class WorldFile(Part):
    """A recipe on the generated world."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    about: str
    model: WorldModel
    method: WorldMethod
    tasks: dict[str, WorldTask] = Field(min_length=1)
    world: WorldData
    optimiser: WorldOptimiser
    run: WorldRun = WorldRun()
