"""Adapters from disk in the model, and what is tuned as an adapter for disk (ADR 0031)."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from artifact.adapters.hooks import MODALITIES, Site
from artifact.config import ModelConfig
from artifact.task import TASKS, TaskName
from models.adapters.hooked import attach
from models.adapters.tables import Tables
from models.adapters.tunable import AdapterModule, looked_up
from models.checkpoint import ARTIFACT_HASH, Checkpoint
from models.norms import Order
from models.tasks import HEADS

if TYPE_CHECKING:
    from artifact.adapters.folder import Adapter, Table
    from artifact.adapters.record import AdaptedBase, AdapterRecord
    from models.series import OtmvModel


class LoadedTables:
    """The tables of one adapter, for a model; a `Lookup`.

    Args:
        sites: where they are.
        tensors: by their names in files, on the model's device.
    """

    def __init__(self, sites: Iterable[Site], tensors: Mapping[str, Tensor]) -> None:
        self._sites = {(site.hook, site.modality): site for site in sites}
        self._tensors = tensors

    def at(self, hook: str, modality: int | None, order: Order | None) -> Tables | None:
        """Return the tables at a hook; see `Lookup`."""
        site = self._sites.get((hook, None if modality is None else MODALITIES[modality]))
        if site is None:
            return None

        def select(part: str) -> Tensor:
            table = self._tensors[site.name(part)]
            return table[order] if site.at.in_blocks and order is not None else table

        return looked_up(site, order, select)


def loaded(adapter: Adapter, device: torch.device | None = None) -> LoadedTables:
    """Return an adapter's tables for a model on a device."""
    tensors = {
        name: torch.from_numpy(table.copy()).to(device) for name, table in adapter.tensors.items()
    }
    return LoadedTables([each.site for each in adapter.record.tables], tensors)


def base_of(checkpoint: Checkpoint) -> AdaptedBase:
    """Return how adapters name a checkpoint; one from an artifact is that artifact's, too."""
    from artifact.adapters.record import AdaptedBase

    artifact = checkpoint.note.get(ARTIFACT_HASH)
    return AdaptedBase(
        name=checkpoint.model.config.name,
        checkpoint_sha256=checkpoint.sha256,
        artifact_hash=None if artifact is None else str(artifact),
    )


def with_heads(checkpoint: Checkpoint, adapter: Adapter) -> Checkpoint:
    """Return a copy of a checkpoint that has an adapter's own heads and labels, and no tables.

    Raises:
        ValueError: a head is not one of that task.
    """
    model, labels = copy.deepcopy(checkpoint.model), checkpoint.labels
    for task, head in adapter.record.heads.items():
        if head.labels is not None and TASKS[task].lists_answers:
            labels = head.labels
            model.config = dataclasses.replace(model.config, num_answers=len(labels))
        made = HEADS[task](model.config).eval()
        state = {name: torch.from_numpy(table.copy()) for name, table in adapter.head(task).items()}
        try:
            made.load_state_dict(state)
        except RuntimeError as error:
            raise ValueError(f"its head of {task} is none: {error}".replace("\n", " ")) from error
        model.heads[task] = made
    return dataclasses.replace(checkpoint, model=model, labels=labels, sha256=None)


def adapted(checkpoint: Checkpoint, adapter: Adapter) -> Checkpoint:
    """Return a copy of a checkpoint with an adapter in it: tables attached, heads replaced.

    Raises:
        ValueError: a head is not one of that task.
    """
    made = with_heads(checkpoint, adapter)
    attach(made.model, loaded(adapter))
    return made


@dataclass(frozen=True)
class TunedAdapter:
    """What an adapter's record says that its tables do not.

    Attributes:
        name: of the adapter.
        kind: the method.
        base: what it was tuned on.
        tasks: those that it was tuned for.
        heads: the tasks whose heads were tuned.
        labels: of tasks that list answers, where they are not the base's.
        config: the base's, where the tuned model has another.
        note: free facts.
    """

    name: str
    kind: str
    base: AdaptedBase
    tasks: tuple[TaskName, ...]
    heads: tuple[TaskName, ...] = ()
    labels: tuple[str, ...] | None = None
    config: ModelConfig | None = None
    note: Mapping[str, str | int | float] = dataclasses.field(default_factory=dict)


def as_record(
    said: TunedAdapter, module: AdapterModule, model: OtmvModel, **more: Any
) -> tuple[AdapterRecord, dict[str, Table]]:
    """Return the record and the tensors of what was tuned.

    Args:
        said: what the tables do not say.
        module: what was tuned.
        model: its heads are taken, where they were tuned.
        more: other fields of the record, such as `variants`.
    """
    from artifact.adapters.hook_tables import HookTables
    from artifact.adapters.record import AdapterHead, AdapterRecord

    with torch.no_grad():
        tensors = {name: _numpy(table) for name, table in module.tables()}
    heads: dict[TaskName, AdapterHead] = {}
    tuned = module.tuned_parameters()
    for task in said.heads:
        state = model.heads[task].state_dict()
        own = said.labels if TASKS[task].lists_answers else None
        heads[task] = AdapterHead(tensors={n: tuple(t.shape) for n, t in state.items()}, labels=own)
        tensors |= {f"head.{task}.{name}": _numpy(tensor) for name, tensor in state.items()}
        tuned += sum(tensor.numel() for tensor in state.values())
    record = AdapterRecord(
        name=said.name,
        kind=said.kind,
        base=said.base,
        config=said.config or model.config,
        tasks=said.tasks,
        tables=tuple(HookTables.of(site) for site in module.sites()),
        heads=heads,
        tuned_parameters=tuned,
        note=dict(said.note),
        **more,
    )
    return record, tensors


def _numpy(tensor: Tensor) -> Table:
    made: Table = tensor.detach().float().cpu().contiguous().numpy()
    return made
