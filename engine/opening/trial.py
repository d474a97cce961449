"""Trying a backend in a process of its own: its threads, memory and crashes stay there.

Run as `python -m engine.opening.trial`: one JSON line on standard input says what to try, the
last line of standard output is the result. The process ends when its standard input is closed.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

from artifact.errors import ArtifactError
from artifact.store import Artifact, open_artifact
from engine.config import EngineConfig
from engine.errors import EngineError, LoadFailed
from engine.opening.apart import end_with_parent
from engine.opening.choose import BackendTrial
from engine.opening.open import OpenedEngine, open_engine
from engine.opening.quality import knows_quality
from engine.requests.prediction import Predictor


def try_backend(artifact: Artifact, config: EngineConfig) -> BackendTrial:
    """Load, check and measure an artifact on `config.backend`, and close it again."""
    try:
        opened = open_engine(artifact, config, lambda what, share: None, measure_again=True)
    except (EngineError, ArtifactError) as error:
        return BackendTrial(config.backend, error=str(error))
    try:
        backend = opened.backend
        if not knows_quality(artifact, backend.precision):
            problem = f"computes in {backend.precision}, and the artifact cannot show its quality"
            unknown = LoadFailed(backend.name, problem, "export it with labelled cases")
            return BackendTrial(config.backend, backend.library, str(unknown))
        seconds = work_seconds(opened, config.max_batch)
        return BackendTrial(
            backend.name, backend.library, None, opened.stages.resident_keys, seconds
        )
    finally:
        opened.stages.close()


def work_seconds(opened: OpenedEngine, max_batch: int) -> dict[str, float]:
    """Return mean seconds of every resident variant, alone and at the largest batch."""
    predictor = Predictor(opened.profile, opened.family, max_batch)
    bucket = opened.family.manifest.buckets.text_lengths[-1]
    return {
        f"{member.task.name} {member.variant}, batch {batch}": predictor.mean_s(
            member.task, member.variant, bucket, batch
        )
        for member in opened.family.members.values()
        if member.keys[-1] < opened.stages.resident_keys
        for batch in dict.fromkeys((1, max_batch))
    }


def main() -> None:
    """Read what to try from standard input, try it, print the trial."""
    order = json.loads(sys.stdin.readline())
    end_with_parent()
    fields = order["config"] | {"cache_dir": Path(order["config"]["cache_dir"])}
    artifact = open_artifact(Path(order["artifact"]), verify=False)
    print(json.dumps(dataclasses.asdict(try_backend(artifact, EngineConfig(**fields)))))


if __name__ == "__main__":
    main()
