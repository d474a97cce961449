"""One side of the memory comparison, alone in its process.

`python -m loadtests.engine.comparisons.footprint` prints {"rss_bytes": …, "pss_bytes": …} after
traffic; `pss_bytes` is null where Linux does not say.
"""

from __future__ import annotations

import gc
import json
import re
import sys
from pathlib import Path

from artifact.store import open_artifact
from engine.backends.registry import open_backend
from engine.residency.memory import release_freed, resident_bytes
from loadtests.engine.live import LiveEngine, Monolith, draw_inputs, one_batch

BATCH = 8


def composed(root: Path, backend: str, cache: Path, seed: int) -> dict[str, int | None]:
    """Return the footprint of a live engine after batches of every kind of variant."""
    with LiveEngine(root, backend, BATCH, cache) as live:
        names = [variant.id for variant in live.artifact.manifest.variants]
        step = max(len(names) // BATCH, 1)
        mixed = (names[::step] * BATCH)[:BATCH]
        for tokens in _lengths(live.artifact.manifest.buckets.text_lengths):
            inputs = draw_inputs(live.artifact, BATCH, tokens, seed)
            live.ask(inputs, ["full"] * BATCH)
            live.ask(inputs, mixed)
        return footprint()


def monolithic(root: Path, backend: str, cache: Path, seed: int) -> dict[str, int | None]:
    """Return the footprint of one session of the full model after the same batches."""
    artifact = open_artifact(root, verify=False)
    monolith = Monolith(artifact, open_backend(backend, 0, artifact, cache))
    for tokens in _lengths(artifact.manifest.buckets.text_lengths):
        inputs = draw_inputs(artifact, BATCH, tokens, seed)
        monolith.best(one_batch(artifact, inputs))
    return footprint()


def footprint() -> dict[str, int | None]:
    """Return this process's resident and proportional set, freed pages given back first."""
    gc.collect()
    release_freed()
    rollup = Path("/proc/self/smaps_rollup")
    found = re.search(r"^Pss:\s+(\d+) kB", rollup.read_text(), re.M) if rollup.is_file() else None
    pss_bytes = int(found[1]) * 1024 if found else None
    return {"rss_bytes": resident_bytes(), "pss_bytes": pss_bytes}


def _lengths(buckets: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(dict.fromkeys((buckets[0], buckets[-1])))


if __name__ == "__main__":
    kind, root, backend, cache, seed = sys.argv[1:]
    side = {"composed": composed, "monolithic": monolithic}[kind]
    print(json.dumps(side(Path(root), backend, Path(cache), int(seed))))
