"""A memory that lives elsewhere, for the protocol of ADR 0023: arrays NumPy cannot get at.

Its numbers lie in NumPy arrays that only it and the backend beside it touch. What crosses
is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from artifact.manifest import StageFile
from engine.backends.arrays import AnyArray, DeviceArray, Index, Memory
from engine.backends.base import check_into
from engine.errors import InferenceFailed
from tests.engine.artifacts.tiny_model import Array, TinyModel
from tests.engine.pools.fake_backend import FakeBackend


class RemoteArray(DeviceArray):
    """An array of a `RemoteMemory`. New ones hold NaN: whatever is not written shows."""

    def __init__(self, memory: RemoteMemory, numbers: Array) -> None:
        self._memory = memory
        self._numbers = numbers

    @property
    def shape(self) -> tuple[int, ...]:
        return self._numbers.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._numbers.dtype

    @property
    def contiguous(self) -> bool:
        return self._numbers.flags.c_contiguous

    def overlaps(self, other: DeviceArray) -> bool:
        assert isinstance(other, RemoteArray)
        return np.may_share_memory(self._numbers, other._numbers)

    def __getitem__(self, index: Index) -> RemoteArray:
        parts = index if isinstance(index, tuple) else (index,)
        for part in parts:
            assert isinstance(part, (int, np.integer)) or part.step is None, index
        return RemoteArray(self._memory, self._numbers[(*parts, ...)])

    def __setitem__(self, index: Index, value: AnyArray | float) -> None:
        target = self[index]._numbers
        if isinstance(value, RemoteArray):
            assert value._memory is self._memory
            assert not np.may_share_memory(target, value._numbers)
            self._memory.crossed["moved"] += 1
            value = value._numbers
        elif isinstance(value, np.ndarray):
            self._memory.crossed["written"] += 1
        elif value != 0:
            raise ValueError("only zeros")
        if isinstance(value, np.ndarray) and (value.shape, value.dtype) != (
            target.shape,
            target.dtype,
        ):
            raise ValueError(f"{value.dtype} {value.shape} into {target.dtype} {target.shape}")
        target[...] = value

    def like(self, shape: Sequence[int]) -> RemoteArray:
        nothing = np.nan if self.dtype.kind == "f" else 1
        return RemoteArray(self._memory, np.full(shape, nothing, self.dtype))

    def read(self) -> Array:
        self._memory.crossed["read"] += 1
        return self._numbers.copy()


class RemoteMemory:
    """Counts in `crossed` what was written from the host, read by it, and moved within."""

    on_host = False

    def __init__(self) -> None:
        self.crossed: Counter[str] = Counter()
        self.held = 0

    def zeros(self, shape: Sequence[int], dtype: DTypeLike) -> RemoteArray:
        return RemoteArray(self, np.zeros(shape, dtype))

    def held_bytes(self) -> int:
        return self.held


def look(array: AnyArray) -> Array:
    """Return the numbers themselves, as only a library on the device would get at them."""
    return array._numbers if isinstance(array, RemoteArray) else np.asarray(array)


def put(memory: Memory, numbers: Array) -> AnyArray:
    """Return these numbers as a library's output: in that memory, and nothing has crossed."""
    return RemoteArray(memory, numbers) if isinstance(memory, RemoteMemory) else numbers


class RemoteStage:
    def __init__(self, stage: str, spec: StageFile, backend: RemoteBackend) -> None:
        self._stage = stage
        self._spec = spec
        self._backend = backend

    def run(
        self, inputs: Mapping[str, AnyArray], into: Mapping[str, AnyArray] | None = None
    ) -> dict[str, Any]:
        into = into or {}
        check_into(self._stage, self._spec.outputs, inputs, into)
        found = self._backend.call(self._stage, {name: look(a) for name, a in inputs.items()})
        for name, array in into.items():
            if array.shape != found[name].shape:
                raise InferenceFailed(self._stage, f"{name} does not fit")
            look(array)[...] = found[name]
        outputs = {**found, **into}
        for crossing, arrays in (("up", inputs), ("down", outputs)):
            host = (name for name, array in arrays.items() if not isinstance(array, RemoteArray))
            self._backend.crossed[crossing].update(host)
        return outputs


class RemoteBackend(FakeBackend):
    """The NumPy twin on a remote memory. Counts by name the inputs and outputs that crossed."""

    name = "remote"

    def __init__(self, model: TinyModel) -> None:
        super().__init__(model)
        self.memory: RemoteMemory = RemoteMemory()
        self.crossed: dict[str, Counter[str]] = {"up": Counter(), "down": Counter()}

    def load(self, stage: str, path: Path, spec: StageFile) -> RemoteStage:  # type: ignore[override]
        return RemoteStage(stage, spec, self)
