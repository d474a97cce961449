from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from artifact.store import Artifact
from engine.config import EngineConfig
from engine.opening.trial import try_backend


def test_a_refusal_is_the_trials_error(tiny: Artifact, tmp_path: Path) -> None:
    trial = try_backend(tiny, EngineConfig(backend="abacus", cache_dir=tmp_path))
    assert trial.error is not None
    assert "abacus: unknown" in trial.error
    assert json.dumps(dataclasses.asdict(trial))
