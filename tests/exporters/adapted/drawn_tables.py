"""Tables of many adapters for one stage, drawn; row 0 is that of no adapter."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from artifact.manifest import StageFile

ADAPTERS = 9
"""Rows of every table: none, and eight."""

Tables = dict[str, NDArray[np.float32]]


def drawn_tables(record: StageFile, seed: int = 0) -> Tables:
    """Return a table for each input that has a row for each adapter."""
    rng = np.random.default_rng(seed)
    tables: Tables = {}
    for name, spec in record.inputs.items():
        if spec.shape[0] != "A":
            continue
        shape = (ADAPTERS, *(int(size) for size in spec.shape[1:]))
        if name.endswith(".activation"):
            kinds = rng.integers(shape[-1], size=shape[:-1])
            tables[name] = np.eye(shape[-1], dtype=np.float32)[kinds]
        else:
            tables[name] = 0.3 * rng.standard_normal(shape, np.float32)
        tables[name][0] = 40.0 if name.endswith(".gate_shift") else 0.0
    return tables


def one_row(inputs: Mapping[str, NDArray[np.generic]], row: int) -> dict[str, NDArray[np.generic]]:
    """Return the inputs of one row alone; tables stay whole."""
    return {
        name: array if name.startswith(("block.", "stem.")) else array[row : row + 1]
        for name, array in inputs.items()
    }
