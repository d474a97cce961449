"""Which model a released checkpoint is: read from its tensors' names and shapes."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from artifact.config import ModelConfig, TaskConfig
from artifact.task import REASON, TaskName
from models.presets import SIZES, beit3_config
from models.public.errors import MissingWeights, WrongRelease
from models.public.layout import FINAL_NORMS, IMAGE_POSITIONS, STEM, layer_name
from models.stem import POSITION_OFFSET, resized_positions
from models.tasks import HEADS
from models.tasks.head import Head

RELEASED_TASKS: dict[str, TaskName] = {
    head.released_task: name for name, head in HEADS.items() if head.released_task
}
"""What released checkpoints are fine-tuned for, and our name of the task."""

_LAYER = re.compile(re.escape(layer_name(0, "")).replace("0", r"(\d+)"))


def released_config(
    path: Path, state: Mapping[str, Tensor], size: str, task: str, preset: ModelConfig | None = None
) -> ModelConfig:
    """Return the config of a released checkpoint: picture size, words and answers as in the file.

    Args:
        path: of the file, for errors.
        state: its tensors.
        size: "base" or "large".
        task: one of `RELEASED_TASKS`.
        preset: instead of BEiT-3's shape of that size.

    Raises:
        WrongRelease: the file is of another size or task.
        MissingWeights: what tells its sizes is not there.
    """
    preset = preset or beit3_config(size)
    _check_size(path, state, size, preset)
    _check_task(path, state, task)
    name = RELEASED_TASKS[task]
    normed = any(each.startswith(FINAL_NORMS) for each in state)
    head = HEADS[name]
    own = {} if normed == head.has_final_norm else {name: TaskConfig(final_norm=normed)}
    answers = head.answers_part and f"{head.released[head.answers_part]}.weight"
    return replace(
        preset,
        image_size=_image_size(path, _rows(path, state, IMAGE_POSITIONS), preset.patch_size),
        vocab_size=_rows(path, state, STEM["stem.words.weight"]),
        max_text_positions=_rows(path, state, STEM["stem.text_positions.weight"]) - POSITION_OFFSET,
        num_answers=_rows(path, state, answers) if answers else 0,
        tasks=(name,),
        per_task=own,
    )


def task_of_release(state: Mapping[str, Tensor]) -> str | None:
    """Return what a released checkpoint is fine-tuned for; None: it is only pretrained."""
    for task, name in RELEASED_TASKS.items():
        if any(each.startswith(_own_part(HEADS[name])) for each in state):
            return task
    return None


def pretrained_config(
    path: Path, state: Mapping[str, Tensor], size: str, preset: ModelConfig | None = None
) -> ModelConfig:
    """Return the config of a pretrained checkpoint, with a task whose head the file does not hold.

    Args:
        path: of the file, for errors.
        state: its tensors.
        size: "base" or "large".
        preset: instead of BEiT-3's shape of that size.

    Raises:
        WrongRelease: the file is of another size.
        MissingWeights: what tells its sizes is not there.
    """
    preset = preset or beit3_config(size)
    _check_size(path, state, size, preset)
    return replace(
        preset,
        image_size=_image_size(path, _rows(path, state, IMAGE_POSITIONS), preset.patch_size),
        vocab_size=_rows(path, state, STEM["stem.words.weight"]),
        max_text_positions=_rows(path, state, STEM["stem.text_positions.weight"]) - POSITION_OFFSET,
        num_answers=0,
        tasks=(REASON.name,),
        per_task={REASON.name: TaskConfig(final_norm=False)},
    )


def _check_size(path: Path, state: Mapping[str, Tensor], size: str, preset: ModelConfig) -> None:
    if missing := tuple(name for name in STEM.values() if name not in state):
        raise MissingWeights(path, missing)
    _rows(path, state, STEM["stem.words.weight"])
    layers = {int(found[1]) for found in map(_LAYER.match, state) if found}
    shape = (max(layers, default=-1) + 1, int(state[STEM["stem.words.weight"]].shape[-1]))
    if shape == (preset.orders, preset.width):
        return
    others = {(each.orders, each.width): name for name in SIZES for each in [beit3_config(name)]}
    found, wanted = (f"{n} blocks of width {w}" for n, w in (shape, (preset.orders, preset.width)))
    right = others.get(shape)
    fix = f"--as beit3_{right}" if right and right != size else "take a released base or large one"
    raise WrongRelease(path, f"{found}; beit3_{size} has {wanted}", fix)


def _check_task(path: Path, state: Mapping[str, Tensor], task: str) -> None:
    known = {name: _own_part(HEADS[ours]) for name, ours in RELEASED_TASKS.items()}
    there = [name for name, part in known.items() if any(n.startswith(part) for n in state)]
    if task in there:
        return
    problem = f"no head for {task} ({known[task]}* is not there)"
    if there:
        problem = f"{problem}; it is fine-tuned for {there[0]}"
        raise WrongRelease(path, problem, f"--task {there[0]}")
    raise WrongRelease(path, problem, "take a checkpoint that is fine-tuned for that task")


def _own_part(head: type[Head]) -> str:
    """Return how the names of a head's first part begin that is not the encoder's."""
    return next(f"{name}." for name in head.released.values() if not name.startswith("beit3."))


def _rows(path: Path, state: Mapping[str, Tensor], name: str) -> int:
    """Return how many rows a table has."""
    if name not in state:
        raise MissingWeights(path, (name,))
    shape = tuple(state[name].shape)
    if len(shape) != 2 or shape[0] < 1:
        problem = f"{name} is {list(shape)}, no table of rows"
        raise WrongRelease(path, problem, "take a released BEiT-3 checkpoint")
    return shape[0]


def _image_size(path: Path, rows: int, patch_size: int) -> int:
    patches = rows - POSITION_OFFSET - 1
    side = math.isqrt(max(patches, 0))
    if side < 1 or side * side != patches:
        problem = f"{IMAGE_POSITIONS} has {rows} rows: no square of patches"
        raise WrongRelease(path, problem, "take a released BEiT-3 checkpoint")
    return side * patch_size


def with_image_size(
    state: Mapping[str, Tensor], config: ModelConfig, image_size: int
) -> tuple[dict[str, Tensor], ModelConfig]:
    """Return a checkpoint for pictures of another side: its positions interpolated, as BEiT-3 does.

    Args:
        state: tensors under their released names.
        config: of the checkpoint.
        image_size: side in pixels, a multiple of the patches'.

    Raises:
        ValueError: the side is no multiple.
    """
    resized = replace(config, image_size=image_size)
    if image_size == config.image_size:
        return dict(state), resized
    table = resized_positions(state[IMAGE_POSITIONS], image_size // config.patch_size)
    return {**state, IMAGE_POSITIONS: table}, resized
