"""Heads that peft trained beside an adapter: its `modules_to_save`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from artifact.adapters.errors import InvalidAdapter, UnsupportedAdapter
from artifact.task import TASKS
from models.series import OtmvModel
from models.tasks import HEADS

if TYPE_CHECKING:
    from artifact.adapters.record import AdapterHead


def saved_heads(
    folder: Path,
    tensors: Mapping[str, Tensor],
    model: OtmvModel,
    labels: tuple[str, ...] | None,
) -> tuple[dict[str, AdapterHead], dict[str, Tensor]]:
    """Return heads with the saved tensors in them; what of a head was not saved is the base's.

    Args:
        folder: for errors.
        tensors: by their names in the model, such as `heads.vqa.answers.weight`.
        model: the base.
        labels: what the logits say, where they are not the base's answers.

    Raises:
        UnsupportedAdapter: a saved module is no head of the base.
        InvalidAdapter: a tensor has another shape than the head needs.
    """
    from artifact.adapters.record import AdapterHead

    heads: dict[str, AdapterHead] = {}
    found: dict[str, Tensor] = {}
    for task, parts in _by_task(folder, tensors, model).items():
        own = labels if TASKS[task].lists_answers else None
        config = model.config
        if own is not None:
            config = dataclasses.replace(config, num_answers=len(own))
        wanted = {n: t.shape for n, t in HEADS[task](config).state_dict().items()}
        state = {**model.heads[task].state_dict(), **parts}
        for name, tensor in state.items():
            if name not in wanted or tensor.shape != wanted[name]:
                problem = f"head {task}: {name} {list(tensor.shape)} does not fit the base"
                raise InvalidAdapter(folder, problem, "name its answers with --labels")
        heads[task] = AdapterHead(tensors={n: tuple(s) for n, s in wanted.items()}, labels=own)
        found |= {f"head.{task}.{name}": tensor for name, tensor in state.items()}
    return heads, found


def _by_task(
    folder: Path, tensors: Mapping[str, Tensor], model: OtmvModel
) -> dict[str, dict[str, Tensor]]:
    saved: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        first, _, rest = name.partition(".")
        task, _, part = rest.partition(".")
        if first != "heads" or task not in model.heads:
            problem = f"it saved {name}, which is no part of a head"
            raise UnsupportedAdapter(folder, problem, "train heads only, with modules_to_save")
        saved.setdefault(task, {})[part] = tensor
    return saved
