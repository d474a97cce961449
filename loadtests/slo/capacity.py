"""What one ONNX graph reaches at its best batch.

`python -m loadtests.slo.capacity ARTIFACT BACKEND`: in a process of its own, on the backend and
threads the servers use, without HTTP or decoding. Prints {variant: {batch: requests per second}},
of `ROUNDS` calls each, which are taken in turns.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from artifact.store import open_artifact
from engine.backends.registry import open_backend
from loadtests.engine.live import Monolith, draw_inputs, one_batch
from loadtests.kit.processes.child import run_child

BATCHES = (1, 2, 4, 8, 16)
ROUNDS = 5
_TOKENS = 12

Rates = Mapping[str, Mapping[int, Sequence[float]]]


def measure(root: Path, backend: str) -> Rates:
    """Return requests per second by variant and batch, one of each round, from another process.

    Raises:
        BenchError: it failed.
    """
    said = run_child("loadtests.slo.capacity", [str(root), backend], "measuring capacity")
    return {
        variant: {int(batch): rates for batch, rates in by_batch.items()}
        for variant, by_batch in json.loads(said).items()
    }


def best(rates: Mapping[int, Sequence[float]], drawn: Sequence[int] | None = None) -> float:
    """Return the median rate at the best batch, over all rounds or those drawn."""
    return max(
        statistics.median(each if drawn is None else [each[number] for number in drawn])
        for each in rates.values()
    )


def _main(root: Path, backend: str) -> Rates:
    artifact = open_artifact(root, verify=False)
    library = open_backend(backend, 0)
    inputs = draw_inputs(artifact, max(BATCHES), _TOKENS, 0)
    graphs = {v.id: Monolith(artifact, library, v.id) for v in artifact.manifest.variants}
    batches = {count: one_batch(artifact, inputs[:count]) for count in BATCHES}
    rates: dict[str, dict[int, list[float]]] = {
        name: {count: [] for count in BATCHES} for name in graphs
    }
    for number in range(1 + ROUNDS):
        for name, graph in graphs.items():
            for count, batch in batches.items():
                rate_hz = count / graph.seconds(batch)
                if number > 0:  # the first warms up
                    rates[name][count].append(rate_hz)
    return rates


if __name__ == "__main__":
    print(json.dumps(_main(Path(sys.argv[1]), sys.argv[2])))
