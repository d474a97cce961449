"""Starting the process in which a backend is tried (`engine/opening/trial.py`)."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys

from artifact.store import Artifact
from engine.config import EngineConfig
from engine.opening.choose import BackendTrial


def try_apart(artifact: Artifact, config: EngineConfig) -> BackendTrial:
    """Try a backend in another process; a crash there is a trial that failed."""
    order = {"artifact": str(artifact.root), "config": _plain(config)}
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-P", "-m", "engine.opening.trial"]
    pipe = subprocess.PIPE
    try:
        with subprocess.Popen(
            command, stdin=pipe, stdout=pipe, env=environment, text=True
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(order) + "\n")
            process.stdin.flush()
            lines = process.stdout.read().splitlines()
            code = process.wait()
    except OSError as error:
        return BackendTrial(config.backend, error=f"no process to try it in: {error}")
    try:
        return BackendTrial(**json.loads(lines[-1]))
    except (ValueError, TypeError, IndexError):
        return BackendTrial(
            config.backend, error=f"its process ended with code {code} and no result"
        )


def _plain(config: EngineConfig) -> dict[str, object]:
    return dataclasses.asdict(config) | {"cache_dir": str(config.cache_dir)}
