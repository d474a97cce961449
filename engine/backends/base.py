"""What a runtime library must do to serve stages: arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from artifact.config import Precision
from artifact.manifest import StageFile, TensorSpec
from engine.backends.arrays import AnyArray, Array, Memory, may_overlap, takes_outputs
from engine.errors import InferenceFailed

__all__ = ["Array", "Backend", "LoadedStage", "PreparedCalls", "bound_sizes", "check_into"]

Call = TypeVar("Call")
_Identity = tuple[tuple[str, int], ...]


class LoadedStage(Protocol):
    """One stage, ready to run."""

    def run(
        self, inputs: Mapping[str, AnyArray], into: Mapping[str, AnyArray] | None = None
    ) -> dict[str, Any]:
        """Run one batch; names, dtypes and shapes as the stage's manifest record.

        The outputs belong to the caller; later calls never change them. All of them are complete
        when it returns, also those in a device's memory. Not thread-safe.

        Args:
            inputs: one array for each input, NumPy's or of the backend's memory; none is changed.
            into: arrays of the caller by output, NumPy's or of the backend's memory. Each output
                is written into its array, and that array is returned. It has the output's dtype
                and shape, is C-contiguous and writeable, and overlaps no input. Outputs not named
                are new NumPy arrays. Where all are named, the backend may remember the call for
                the same array objects, so do not change their shapes.

        Raises:
            InferenceFailed: if the library raises, or an array of `into` does not fit; the
                contents of `into` are then undefined.
        """
        ...


class Backend(Protocol):
    """One runtime library on one device."""

    @property
    def name(self) -> str:
        """Return the name the registry knows it by."""
        ...

    @property
    def precision(self) -> Precision:
        """Return the precision it computes in; it selects the quality and the parity limit."""
        ...

    @property
    def shares_workspace(self) -> bool:
        """Tell whether the activations of all its stages lie in one arena."""
        ...

    @property
    def compiles_shapes(self) -> bool:
        """Tell whether the first call of each shape is slow; every batch size is then warmed up."""
        ...

    @property
    def library(self) -> str:
        """Return library, version and the execution provider actually used."""
        ...

    @property
    def memory(self) -> Memory:
        """Return where arrays that pass between its stages should lie: `HOST`, or its own."""
        ...

    def load(self, stage: str, path: Path, spec: StageFile) -> LoadedStage:
        """Load one stage file; its memory is released when the result is dropped.

        Raises:
            LoadFailed: if the library refuses it or its inputs and outputs are not the record's.
        """
        ...


_MOST_REMEMBERED = 16


class PreparedCalls(Generic[Call]):
    """A stage's earlier calls, by the identity of their arrays; the oldest is dropped first.

    It holds those arrays, so no other array can get their identity.
    """

    def __init__(self) -> None:
        self._calls: dict[_Identity, tuple[tuple[AnyArray, ...], Call]] = {}
        self._recent: dict[_Identity, None] = {}

    def find(self, inputs: Mapping[str, AnyArray], into: Mapping[str, AnyArray]) -> Call | None:
        """Return the call on these array objects, None if it is not remembered."""
        known = self._calls.get(_identity(inputs, into))
        return None if known is None else known[1]

    def seen_lately(self, inputs: Mapping[str, AnyArray], into: Mapping[str, AnyArray]) -> bool:
        """Tell whether this was asked of the same arrays lately: such calls are worth remembering.

        No arrays are held for this, so an earlier array may have had the same identity.
        """
        identity = _identity(inputs, into)
        known = identity in self._recent
        self._recent[identity] = None
        if len(self._recent) > _MOST_REMEMBERED:
            del self._recent[next(iter(self._recent))]
        return known

    def remember(
        self, inputs: Mapping[str, AnyArray], into: Mapping[str, AnyArray], call: Call
    ) -> None:
        """Remember a call: a batch whose rows stay the same comes with the same arrays again."""
        if len(self._calls) >= _MOST_REMEMBERED:
            del self._calls[next(iter(self._calls))]
        self._calls[_identity(inputs, into)] = (*inputs.values(), *into.values()), call


def _identity(inputs: Mapping[str, AnyArray], into: Mapping[str, AnyArray]) -> _Identity:
    return tuple((name, id(array)) for arrays in (inputs, into) for name, array in arrays.items())


def bound_sizes(
    stage: str, specs: Mapping[str, TensorSpec], inputs: Mapping[str, AnyArray]
) -> dict[str, int]:
    """Return the size that each symbol (`B`, `L`, …) has in a call.

    Raises:
        InferenceFailed: if names, dtypes or shapes differ from the record.
    """
    if inputs.keys() != specs.keys():
        problem = f"inputs {sorted(inputs)} given, {sorted(specs)} needed"
        raise InferenceFailed(stage, problem)
    sizes: dict[str, int] = {}
    for name, spec in specs.items():
        array = inputs[name]
        fits = len(array.shape) == len(spec.shape) and array.dtype == spec.dtype
        for symbol, size in zip(spec.shape, array.shape, strict=False):
            fits &= size == (sizes.setdefault(symbol, size) if isinstance(symbol, str) else symbol)
        if not fits or 0 in array.shape:
            wanted = f"{spec.dtype} {list(spec.shape)}"
            problem = f"{name} is {array.dtype} {list(array.shape)}, not {wanted}"
            raise InferenceFailed(stage, problem)
    return sizes


def check_into(
    stage: str,
    outputs: Mapping[str, TensorSpec],
    inputs: Mapping[str, AnyArray],
    into: Mapping[str, AnyArray],
) -> None:
    """Check what `LoadedStage.run` asks of `into`, except for shapes, which the library knows.

    Raises:
        InferenceFailed: if an array does not fit.
    """
    for name, array in into.items():
        if name not in outputs:
            problem = f"has no output {name}"
        elif array.dtype != outputs[name].dtype:
            problem = f"{name} is {outputs[name].dtype}, not {array.dtype}"
        elif not takes_outputs(array):
            problem = f"{name} can only be written to a writeable, contiguous array"
        elif any(may_overlap(array, one) for one in inputs.values()):
            problem = f"{name} would be written over an input"
        else:
            continue
        raise InferenceFailed(stage, problem)
