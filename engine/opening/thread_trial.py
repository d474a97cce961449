"""What one thread takes, measured in a process of its own (`engine/opening/threads.py`).

Run as `python -m engine.opening.thread_trial`: one JSON line on standard input says what to
measure, the last line of standard output is the result.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from pathlib import Path

from artifact.store import Artifact, open_artifact
from engine.backends.base import Backend
from engine.backends.registry import open_backend
from engine.opening.apart import end_with_parent
from engine.opening.threads import OneThread
from engine.residency.family import Family
from engine.residency.probe import buckets_of, largest_batch, stage_call

_REPEATS = 20
_ENOUGH_S = 0.3


def measure_one_thread(artifact: Artifact, backend: Backend, max_batch: int) -> OneThread:
    """Measure a block of the deepest variant, or its first stage where it is a whole one.

    Raises:
        LoadFailed, InferenceFailed: the stage cannot be loaded or run.
    """
    family = Family(artifact.manifest, backend.precision)
    deepest = max(family.members.values(), key=lambda member: member.pattern.depth)
    steps = [step.stage for step in deepest.programs[0].steps]
    alike = [stage for stage in steps if stage.is_block] or steps
    stage, record = alike[0], artifact.manifest.stages[alike[0]]
    batch, bucket = largest_batch(family, stage, max_batch), buckets_of(family, stage)[-1]
    loaded = backend.load(stage, artifact.path(record.file), record)
    inputs, into = stage_call(artifact.manifest, backend.memory, stage, bucket, batch)
    loaded.run(inputs, into)
    begun_s, calls_s = time.perf_counter(), list[float]()
    while len(calls_s) < _REPEATS and (time.perf_counter() - begun_s < _ENOUGH_S or not calls_s):
        before_s = time.process_time()
        loaded.run(inputs, into)
        calls_s.append(time.process_time() - before_s)
    call_s = min(calls_s)
    return OneThread(call_s * len(alike) / (batch * family.rows_of(stage)), call_s)


def main() -> None:
    """Read what to measure from standard input, measure it, print what came of it."""
    order = json.loads(sys.stdin.readline())
    end_with_parent()
    artifact = open_artifact(Path(order["artifact"]), verify=False)
    backend = open_backend(order["backend"], 1)
    print(json.dumps(dataclasses.asdict(measure_one_thread(artifact, backend, order["max_batch"]))))


if __name__ == "__main__":
    main()
