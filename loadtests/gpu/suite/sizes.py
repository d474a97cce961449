"""What is measured at each size: the paper's own work, or as little as shows that it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from artifact.config import ModelConfig
from artifact.task import CAPTION, REASON, VQA, TaskName
from models.presets import beit3_config, spread_keys


@dataclass(frozen=True)
class SizedWork:
    """One task at one batch.

    `text_tokens`: real tokens of every text, none padded. `words`: that every caption has.
    """

    task: TaskName
    batch: int
    side_px: int
    text_tokens: int = 0
    words: int = 0


@dataclass(frozen=True)
class Size:
    """A model and the work it is given.

    `base`: shares nothing, readout "last"; `work`: Table 4's columns; `batches`: rows of a step
    whose times are fitted; `compared`: batches at which cut and whole graphs are compared;
    `squares`: sides of the products that show the device's peak; `copied_bytes`: of the copy;
    `depths`: of the variants on one ladder; `picture_px`: width and height of the JPEGs;
    `simulated_s`: longest run of the simulator.
    """

    name: str
    base: ModelConfig
    work: tuple[SizedWork, ...]
    batches: tuple[int, ...]
    compared: tuple[int, ...]
    peak_batch: int
    squares: tuple[int, ...]
    copied_bytes: int
    depths: tuple[int, ...]
    picture_px: tuple[int, int]
    simulated_s: float

    def config(self, work: SizedWork) -> ModelConfig:
        """Return the base model for one task."""
        return replace(self.base, image_size=work.side_px, tasks=(work.task,))

    def of(self, task: TaskName) -> SizedWork:
        """Return the work of a task."""
        return next(work for work in self.work if work.task == task)


def _released(name: str, depths: tuple[int, ...]) -> Size:
    return Size(
        name=name,
        base=beit3_config(name),
        work=(
            SizedWork(VQA.name, 16, 480, text_tokens=64),
            SizedWork(CAPTION.name, 32, 480, words=16),
            SizedWork(REASON.name, 32, 224, text_tokens=64),
        ),
        batches=(1, 2, 4, 8, 16, 32, 64),
        compared=(1, 8, 16, 32),
        peak_batch=16,
        squares=(4096, 8192, 12288),
        copied_bytes=2**32,
        depths=depths,
        picture_px=(640, 480),
        simulated_s=20.0,
    )


_TINY = ModelConfig(
    name="tiny",
    image_size=32,
    patch_size=16,
    width=32,
    heads=4,
    ffn_width=128,
    vocab_size=64,
    max_text_positions=32,
    key_of_order=spread_keys(4, 4),
    merged_feed_forward=False,
    readout="last",
    skip_probability=0.1,
    num_answers=7,
    tasks=(VQA.name,),
)

SIZES: Mapping[str, Size] = {
    "large": _released("large", (6, 9, 12, 15, 18, 21, 24)),
    "base": _released("base", (3, 6, 9, 12)),
    "tiny": Size(
        name="tiny",
        base=_TINY,
        work=(
            SizedWork(VQA.name, 4, 32, text_tokens=8),
            SizedWork(CAPTION.name, 4, 32, words=4),
            SizedWork(REASON.name, 4, 16, text_tokens=8),
        ),
        batches=(1, 2, 4, 8),
        compared=(1, 4),
        peak_batch=4,
        squares=(64, 128),
        copied_bytes=2**20,
        depths=(1, 2, 3, 4),
        picture_px=(64, 48),
        simulated_s=0.1,
    ),
}
"""By name. `large` and `base` are BEiT-3's; the paper's batches are those of `large`."""
