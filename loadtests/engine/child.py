"""One comparison in a process of its own: `python -m loadtests.engine.child NAME SETUP`.

So none inherits another's memory, threads or runtime libraries. Standard output is JSON, one
document a line: {"at": …, "share": …} on the way, {"bars": […]} at the end, or {"problem": …}.
"""

from __future__ import annotations

import importlib
import json
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from artifact.errors import ArtifactError, how_to_install
from engine.errors import EngineError
from loadtests.engine.comparisons import BY_NAME
from loadtests.engine.setup import EngineBench
from loadtests.kit.bars import Bar
from loadtests.kit.errors import BenchError
from loadtests.kit.progress import Report

_EXTRAS = {"onnx": "export", "scipy": "loadtest"}


def run(name: str, setup: EngineBench, send: Callable[[dict[str, Any]], None]) -> None:
    """Measure a comparison and send what comes of it."""
    comparison = importlib.import_module(f"loadtests.engine.comparisons.{BY_NAME[name].module}")
    measure: Callable[[EngineBench, Report], list[Bar]] = comparison.measure
    try:
        bars = measure(setup, lambda what, share: send({"at": what, "share": share}))
    except ModuleNotFoundError as error:
        if error.name not in _EXTRAS:
            raise
        why = f"needs {error.name}: {how_to_install(_EXTRAS[error.name])}"
        send({"bars": [asdict(BY_NAME[name].not_run(setup.backend, why))]})
    except (BenchError, ArtifactError, EngineError) as error:
        send({"problem": str(error)})
    else:
        send({"bars": [asdict(bar) for bar in bars]})


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # leave every block: servers stop
    run(
        sys.argv[1],
        EngineBench.from_json(sys.argv[2]),
        lambda line: print(json.dumps(line), flush=True),
    )
