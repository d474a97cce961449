"""`otmv serve`, but it counts the processor time inside ONNX Runtime's calls.

    python -m loadtests.engine.counted_server TIMES serve DIR …

The file TIMES holds the nanoseconds so far, as one int64. Nothing else of the server changes. With
one engine thread only: what other threads do for a call is not counted.
"""

from __future__ import annotations

import runpy
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime


def counted(times: Any, call: Callable[..., Any]) -> Callable[..., Any]:
    """Return a call that adds its processor nanoseconds to an array of one number."""

    def count(*arguments: Any, **named: Any) -> Any:
        before = time.thread_time_ns()
        try:
            return call(*arguments, **named)
        finally:
            times[0] += time.thread_time_ns() - before

    return count


def main() -> None:
    """Serve as the rest of the command line says."""
    path = Path(sys.argv[1])
    path.write_bytes(bytes(8))
    times = np.memmap(path, np.int64, "r+", shape=(1,))
    session = onnxruntime.InferenceSession
    for name in ("run", "run_with_iobinding"):
        setattr(session, name, counted(times, getattr(session, name)))
    sys.argv = ["otmv", *sys.argv[2:]]
    runpy.run_module("cli.main", run_name="__main__")


if __name__ == "__main__":
    main()
