"""What takes a step in a batch."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

NO_VECTORS: Mapping[int, NDArray[np.float32]] = MappingProxyType({})
"""Of a row that makes none."""


class RowPart(Protocol):
    """Something with arrays of its own for the next step: a row, or a part of one."""

    def inputs(self) -> dict[str, Any]:
        """Return the step's inputs without the batch axis, padded to the bucket. Pure."""
        ...

    def absorb(self, outputs: Mapping[str, Any]) -> None:
        """Take the step's outputs, without the batch axis, and move on."""
        ...
