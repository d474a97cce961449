"""What a runtime library must do to serve stages: arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from artifact.config import Precision
from artifact.manifest import StageFile, TensorSpec
from engine.backends.arrays import AnyArray, Array, Memory, may_overlap, takes_outputs
from engine.errors import InferenceFailed

__all__ = ["Array", "Backend", "LoadedStage", "Prepared", "bound_sizes", "check_into"]

Call = TypeVar("Call")
_Identity = tuple[tuple[str, int], ...]


class LoadedStage(Protocol):
    """One stage, ready to run."""

    def run(
        self, inputs: Mapping[str, AnyArray], into: Mapping[str, AnyArray] | None = None
    ) -> dict[str, Any]:
        """Run one batch; names, dtypes and shapes as the stage's manifest record.

        The outputs belong to the caller and later calls never change them. When it returns they are
        all there, whatever memory they lie in. Not thread-safe.

        Args:
            inputs: one array for each input, NumPy's or of the backend's memory; they are read
                where they lie and not changed.
            into: arrays of the caller, NumPy's or of the backend's memory, that the outputs they
                are named for are written to, and that are returned: of the output's very dtype
                and shape, C-contiguous, writeable, apart from every input. Outputs not named are
                new NumPy arrays. Where all are named, a call with the same array objects again
                may be prepared, so do not change their shapes.

        Raises:
            InferenceFailed: if the library raises, or an array of `into` does not fit; what the
                arrays of `into` hold is then undefined.
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
        """Return the precision it computes in: selects quality and parity limits."""
        ...

    @property
    def shares_workspace(self) -> bool:
        """Tell whether the activations of all its stages lie in one arena."""
        ...

    @property
    def compiles_shapes(self) -> bool:
        """Tell whether the first call of each shape is slow, so that every batch is warmed."""
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


_PREPARED = 16


class Prepared(Generic[Call]):
    """Calls a stage has made before, by the very array objects; the oldest goes first.

    It keeps those arrays, so no other array can have their identity.
    """

    def __init__(self) -> None:
        self._calls: dict[_Identity, tuple[tuple[AnyArray, ...], Call]] = {}
        self._met: dict[_Identity, None] = {}

    def find(self, inputs: Mapping[str, AnyArray], into: Mapping[str, AnyArray]) -> Call | None:
        """Return the call on these arrays, None if it was never kept."""
        known = self._calls.get(_identity(inputs, into))
        return None if known is None else known[1]

    def again(self, inputs: Mapping[str, AnyArray], into: Mapping[str, AnyArray]) -> bool:
        """Tell whether a call was asked about lately: only such are worth keeping.

        It holds no arrays, so the first call may have been on others of the same identity.
        """
        identity = _identity(inputs, into)
        known = identity in self._met
        self._met[identity] = None
        if len(self._met) > _PREPARED:
            del self._met[next(iter(self._met))]
        return known

    def keep(
        self, inputs: Mapping[str, AnyArray], into: Mapping[str, AnyArray], call: Call
    ) -> None:
        """Keep a call: sticky batches come with the same arrays again."""
        if len(self._calls) >= _PREPARED:
            del self._calls[next(iter(self._calls))]
        self._calls[_identity(inputs, into)] = (*inputs.values(), *into.values()), call


def _identity(inputs: Mapping[str, AnyArray], into: Mapping[str, AnyArray]) -> _Identity:
    return tuple((name, id(array)) for arrays in (inputs, into) for name, array in arrays.items())


def bound_sizes(
    stage: str, specs: Mapping[str, TensorSpec], inputs: Mapping[str, AnyArray]
) -> dict[str, int]:
    """Return what each symbol stands for in a call.

    Raises:
        InferenceFailed: if names, dtypes or shapes are not those of the record.
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
    """Check all that `LoadedStage.run` asks of `into` but the shapes, which the library knows.

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
