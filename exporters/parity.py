"""Parity: each exported stage against its torch module, on inputs it was not traced with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from artifact.golden import StageCase, relative_l2
from artifact.manifest import ParityRecord, StageFile
from engine.backends.registry import open_backend
from exporters.stages import UncompiledStage

LIMIT = 1e-5
"""Largest relative L2 of fp32 outputs (docs/architecture.md)."""


class ParityError(Exception):
    """An exported stage does not compute what the model computes."""

    def __init__(self, stage: str, found: float) -> None:
        super().__init__(
            f"{stage}: exported graph differs from the model by relative L2 {found:.1e}, "
            f"limit {LIMIT:.0e} (report this; nothing was written)"
        )


def reference_cases(
    stage: UncompiledStage, sizes: Sequence[Mapping[str, int]], seed: int
) -> Iterator[StageCase]:
    """Run the torch module on seeded, distinct random inputs.

    Args:
        stage: what to run.
        sizes: one mapping of symbols to sizes for each case.
        seed: of the first case; later ones count up.
    """
    for number, size in enumerate(sizes):
        inputs = stage.random_inputs(size, seed + number)
        with torch.inference_mode():
            found = stage.module(*inputs.values())
        outputs = found if isinstance(found, tuple) else (found,)
        yield StageCase(
            stage.name,
            {name: tensor.numpy() for name, tensor in inputs.items()},
            {name: out.numpy() for name, out in zip(stage.outputs, outputs, strict=True)},
        )


def check(
    folder: Path,
    records: Mapping[str, StageFile],
    cases: Sequence[StageCase],
    backend: str = "onnxruntime",
    form: int | None = None,
) -> list[ParityRecord]:
    """Run every case through the backend; the worst output of a stage is its record.

    Args:
        folder: where the graphs lie.
        records: of the stages that the cases are of.
        cases: inputs and reference outputs.
        backend: that runs them.
        form: number of the adapted form that they belong to; None: they are plain stages.

    Raises:
        ParityError: a stage is beyond the limit.
    """
    opened = open_backend(backend)
    adapted = "" if form is None else f" adapted{form}"
    worst: dict[str, float] = {}
    for name in dict.fromkeys(case.stage for case in cases):
        loaded = opened.load(name, folder / records[name].file, records[name])
        for case in (case for case in cases if case.stage == name):
            outputs = loaded.run(dict(case.inputs))
            found = max(
                relative_l2(np.asarray(outputs[key]), reference)
                for key, reference in case.outputs.items()
            )
            worst[name] = max(worst.get(name, 0.0), found)
        if worst[name] > LIMIT:
            raise ParityError(name, worst[name])
    return [
        ParityRecord(
            stage=name + adapted, backend=backend, precision=opened.precision, relative_l2=found
        )
        for name, found in worst.items()
    ]
