"""What a runtime library must do to serve stages: arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from artifact.manifest import Precision, StageFile

Array = NDArray[Any]


class LoadedStage(Protocol):
    """One stage, ready to run."""

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Run one batch; names, dtypes and shapes as the stage's manifest record.

        The outputs belong to the caller and later calls never change them. Not thread-safe.

        Raises:
            InferenceFailed: if the library raises.
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

    def load(self, stage: str, path: Path, spec: StageFile) -> LoadedStage:
        """Load one stage file; its memory is released when the result is dropped.

        Raises:
            LoadFailed: if the library refuses it or its inputs and outputs are not the record's.
        """
        ...
