"""Tables of all loaded adapters, as adapted stages read them (ADR 0031).

Every adapter has a place, the same in all tables; place 0 is that of no adapter. Stages of one key
share its tables. On the host a place takes memory only while an adapter is in it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from artifact.adapters.folder import Adapter
from artifact.adapters.hook_tables import HookTables
from artifact.adapters.hooks import tensor_name
from artifact.adapters.record import AdapterRecord
from artifact.config import ModelConfig
from artifact.manifest.adapted import AdaptedForm
from artifact.stage import stage_name
from engine.backends.arrays import AnyArray, Memory
from engine.errors import LoadFailed
from engine.residency.adapters.pages import HostTable

_OPEN_GATE = 40.0
"""A gate's shift whose sigmoid is 1 exactly."""

Owner = int | None
"""The key block whose stages read a table; None: stems."""


class AdapterTables:
    """The tables of one adapted form.

    Args:
        form: whose stages read them.
        config: of the model.
        memory: where stages read without copies.
        places: most adapters at once.

    Raises:
        LoadFailed: there is no memory for them.
    """

    def __init__(self, form: AdaptedForm, config: ModelConfig, memory: Memory, places: int) -> None:
        self._form = form
        self._config = config
        self._arrays: dict[tuple[Owner, str], AnyArray] = {}
        self._host: dict[tuple[Owner, str], HostTable] = {}
        self._names: dict[str, list[str]] = {}
        for stage, record in form.stages.items():
            specs = {n: spec for n, spec in record.inputs.items() if spec.shape[0] == "A"}
            self._names[stage] = list(specs)
            for name, spec in specs.items():
                shape = (places + 1, *(int(size) for size in spec.shape[1:]))
                place = stage_name(stage).key, name
                if place not in self._arrays:
                    self._arrays[place] = self._empty(place, shape, memory)
        for (_, name), array in self._arrays.items():
            if name.endswith(".gate_shift"):
                array[()] = np.full(array.shape, _OPEN_GATE, np.float32)

    def _empty(self, place: tuple[Owner, str], shape: tuple[int, ...], memory: Memory) -> AnyArray:
        if not memory.on_host:
            return memory.zeros(shape, np.float32)
        try:
            self._host[place] = HostTable(shape)
        except MemoryError as error:
            raise LoadFailed("adapters", str(error), "lower OTMV_ADAPTER_PLACES") from error
        return self._host[place].array

    @property
    def adapter_bytes(self) -> int:
        """Bytes that one adapter takes."""
        return sum(4 * int(np.prod(array.shape[1:])) for array in self._arrays.values())

    def of(self, stage: str) -> dict[str, AnyArray]:
        """Return the tables that a stage reads, by input: the same arrays each time."""
        key = stage_name(stage).key
        return {name: self._arrays[key, name] for name in self._names[stage]}

    def acts_at(self, record: AdapterRecord, stage: str) -> bool:
        """Tell whether an adapter has any table that a stage reads."""
        own = {name for site in record.tables for name, _ in _named(site)}
        return not own.isdisjoint(self._names[stage])

    def put(self, place: int, adapter: Adapter) -> None:
        """Write an adapter's tables, those of a smaller rank filled up with zeros."""
        extra = dict(self._extras(adapter.record))
        for (owner, name), array in self._arrays.items():
            row = np.zeros(array.shape[1:], np.float32)
            own = adapter.tensors.get(name)
            if own is not None:
                self._fill(row, own, owner)
            elif name in extra:
                row[:] = extra[name]
            elif name.endswith(".gate_shift") and name not in _gated(adapter.record):
                row[:] = _OPEN_GATE
            array[place] = row

    def _fill(self, row: NDArray[np.float32], own: NDArray[np.float32], owner: Owner) -> None:
        part = own if owner is None else own[list(self._config.orders_of_key(owner))]
        row[tuple(slice(size) for size in part.shape)] = part

    def _extras(self, record: AdapterRecord) -> Iterator[tuple[str, NDArray[np.float32]]]:
        """Yield what a record says in words, as tables: activations, and what is carried."""
        for site in record.tables:
            activations = self._form.capacity.activations_at(site.hook)
            chosen = np.array([each == site.activation for each in activations], np.float32)
            yield tensor_name(site.at, site.modality, "activation"), chosen
            yield tensor_name(site.at, site.modality, "carry"), np.array([site.carry], np.float32)

    def clear(self, place: int) -> None:
        """Make a place that of no adapter, and give its memory back."""
        for table, array in self._arrays.items():
            if table[1].endswith(".gate_shift"):
                array[place] = np.full(array.shape[1:], _OPEN_GATE, np.float32)
            elif table in self._host:
                self._host[table].clear(place)
            else:
                array[place] = 0.0


def _named(site: HookTables) -> Iterator[tuple[str, str]]:
    for part in (*site.parts, *(("carry",) if site.carry else ())):
        yield tensor_name(site.at, site.modality, part), part


def _gated(record: AdapterRecord) -> set[str]:
    """Return the names of the gates' shifts at sites that have a gate."""
    return {
        tensor_name(site.at, site.modality, "gate_shift")
        for site in record.tables
        if site.gate_rank > 0
    }
