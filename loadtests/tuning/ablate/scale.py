"""How large the runs of an ablation are: the full grid, or a look at it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

EASY, WORLD = "easy-vqa", "world"
"""What runs are tuned on: a third party's questions; ours."""


@dataclass(frozen=True)
class AblationScale:
    """Sizes that all ablations share.

    Attributes:
        name: said in files and pictures.
        orders, width, keys: of the model; plain fine-tuning has a key block for each order.
        batch: questions a step.
        base_steps: of the checkpoint that all runs begin with, tuned plainly on the world.
        steps: of a run, by its data.
        adapter_steps: of a run that tunes an adapter of the demo.
        seeds, adapter_seeds: one run each.
        pictures: of the generated world, to tune on.
        examples: that each depth is asked, the same ones for every run.
        captions: pictures that each depth describes.
        learning_rate: of all runs of whole models.
        step_rounds: measurements of each side where times of steps are compared.
    """

    name: str
    orders: int
    width: int
    keys: int
    batch: int
    base_steps: int
    steps: Mapping[str, int]
    adapter_steps: int
    seeds: tuple[int, ...]
    adapter_seeds: tuple[int, ...]
    pictures: int
    examples: int
    captions: int
    learning_rate: float = 1e-3
    step_rounds: int = 15

    @property
    def quick(self) -> bool:
        """Whether it is a look, no result."""
        return self.name != FULL.name

    @property
    def heads(self) -> int:
        """Attention heads, of 32 each."""
        return max(1, self.width // 32)


FULL = AblationScale(
    name="full",
    orders=8,
    width=128,
    keys=4,
    batch=64,
    base_steps=4000,
    steps={EASY: 5000, WORLD: 2500},
    adapter_steps=1200,
    seeds=(0, 1, 2),
    adapter_seeds=(0, 1),
    pictures=20_000,
    examples=3000,
    captions=200,
)

QUICK = AblationScale(
    name="quick",
    orders=6,
    width=64,
    keys=3,
    batch=32,
    base_steps=800,
    steps={EASY: 200, WORLD: 200},
    adapter_steps=60,
    seeds=(0, 1, 2),
    adapter_seeds=(0, 1),
    pictures=2000,
    examples=400,
    captions=32,
    step_rounds=5,
)
"""At most twenty minutes on two cores: whether it runs, not what is true."""
