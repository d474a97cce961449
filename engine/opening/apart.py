"""Processes in which something is tried before it is taken: both of their ends."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import threading

from artifact.store import Artifact
from engine.config import EngineConfig
from engine.opening.choose import BackendTrial


def try_apart(artifact: Artifact, config: EngineConfig) -> BackendTrial:
    """Try a backend in another process; a crash there is a trial that failed."""
    order = {"artifact": str(artifact.root), "config": _plain(config)}
    try:
        line, code = asked_apart("engine.opening.trial", order)
    except OSError as error:
        return BackendTrial(config.backend, error=f"no process to try it in: {error}")
    try:
        return BackendTrial(**json.loads(line))
    except (ValueError, TypeError):
        return BackendTrial(
            config.backend, error=f"its process ended with code {code} and no result"
        )


def asked_apart(module: str, order: object) -> tuple[str, int]:
    """Run a module in another process, with an order as JSON on its standard input.

    Returns:
        The last line of its standard output, "" without any, and its exit code.

    Raises:
        OSError: the process cannot be started.
    """
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    pipe = subprocess.PIPE
    command = [sys.executable, "-P", "-m", module]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, env=environment, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(order) + "\n")
        process.stdin.flush()
        lines = process.stdout.read().splitlines()
        return (lines[-1] if lines else ""), process.wait()


def end_with_parent() -> None:
    """Let this process end when its standard input is closed, which its parent holds open."""
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(1)


def _plain(config: EngineConfig) -> dict[str, object]:
    return dataclasses.asdict(config) | {"cache_dir": str(config.cache_dir)}
