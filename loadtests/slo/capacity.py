"""What one ONNX graph reaches at its best batch: `python -m loadtests.slo.capacity ARTIFACT`.

In a process of its own, on the backend and threads the servers use, without HTTP or decoding.
Prints {variant: {batch: requests per second}}, the median of `CALLS` calls each.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Mapping
from pathlib import Path

from artifact.store import open_artifact
from engine.backends.registry import open_backend
from loadtests.engine.live import Monolith, draw_inputs, one_batch
from loadtests.kit.processes.child import run_child

BATCHES = (1, 2, 4, 8, 16)
CALLS = 5
_TOKENS = 12

Rates = Mapping[str, Mapping[int, float]]


def measure(root: Path) -> Rates:
    """Return requests per second by variant and batch, from another process.

    Raises:
        BenchError: it failed.
    """
    found = json.loads(run_child("loadtests.slo.capacity", [str(root)], "measuring capacity"))
    return {
        variant: {int(batch): rate for batch, rate in by_batch.items()}
        for variant, by_batch in found.items()
    }


def best(rates: Mapping[int, float]) -> float:
    """Return the rate at the best batch."""
    return max(rates.values())


def _main(root: Path) -> Rates:
    artifact = open_artifact(root, verify=False)
    backend = open_backend("onnxruntime", 0)
    inputs = draw_inputs(artifact, max(BATCHES), _TOKENS, 0)
    rates: dict[str, dict[int, float]] = {}
    for variant in artifact.manifest.variants:
        graph = Monolith(artifact, backend, variant.id)
        for count in BATCHES:
            batch = one_batch(artifact, inputs[:count])
            graph.seconds(batch)
            taken_s = statistics.median(graph.seconds(batch) for _ in range(CALLS))
            rates.setdefault(variant.id, {})[count] = count / taken_s
    return rates


if __name__ == "__main__":
    print(json.dumps(_main(Path(sys.argv[1]))))
