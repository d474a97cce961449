"""A released file, pretrained or fine-tuned, as what tuning starts from."""

from __future__ import annotations

from pathlib import Path

from artifact.config import ModelConfig
from models.public.conversion import from_tensors
from models.public.layout import head_tensors, public_shapes
from models.public.reading import read_public
from models.public.release import pretrained_config, released_config, task_of_release
from models.series import OtmvModel
from models.tasks import make_heads


def start_from_release(path: Path, size: str, preset: ModelConfig | None = None) -> OtmvModel:
    """Read a released checkpoint in its own shape.

    A fine-tuned one comes with its head. Of a pretrained one the encoder is read; its model has a
    random head for some task, which nothing should keep.

    Args:
        path: `.pth` or `.safetensors`.
        size: "base" or "large".
        preset: instead of BEiT-3's shape of that size.

    Raises:
        PublicWeightsError: the file cannot be read, or is of something else.
    """
    state = read_public(path)
    task = task_of_release(state)
    if task is not None:
        return from_tensors(path, state, released_config(path, state, size, task, preset))
    config = pretrained_config(path, state, size, preset)
    made = make_heads(config).state_dict()
    new = {public: made[ours.removeprefix("heads.")] for ours, public, _ in head_tensors(config)}
    wanted = public_shapes(config)
    body = {name: tensor for name, tensor in state.items() if name in wanted}
    return from_tensors(path, body | new, config)
