"""How long the steps of a run take of the processor, over all its stops and resumptions."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

from artifact.atomic import write_atomically
from tuning.loop import TuningProgress

_FILE = "spent.json"
_SAID_EVERY_S = 0.5

Say = Callable[[str, float], None]
"""Takes what is being done, and the share of it that is done."""


class StepClock:
    """The processor time of a run's steps.

    Args:
        folder: of the run; what is counted lies in it.
        steps: of all of it.
        kept_every: steps between two times that it is written down.
        say: told how far the run is.
    """

    def __init__(self, folder: Path, steps: int, kept_every: int, say: Say) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file, self._steps, self._kept_every, self._say = (
            folder / _FILE,
            steps,
            kept_every,
            say,
        )
        kept = json.loads(self._file.read_text("utf-8")) if self._file.is_file() else {}
        self._timed, self._cpu_s = int(kept.get("timed", 0)), float(kept.get("cpu_s", 0.0))
        self._parent, self._said_s = os.getppid(), 0.0
        self._last_s = time.process_time()

    def on_step(self, at: TuningProgress) -> None:
        """Count a step.

        Raises:
            SystemExit: the command that started this process is gone.
        """
        now_s = time.process_time()
        self._timed, self._cpu_s = self._timed + 1, self._cpu_s + now_s - self._last_s
        done = at.step + 1
        if done % self._kept_every == 0 or done == self._steps:
            kept = {"timed": self._timed, "cpu_s": self._cpu_s}
            write_atomically(self._file, json.dumps(kept))
        if time.monotonic() - self._said_s >= _SAID_EVERY_S:
            self._said_s = time.monotonic()
            self._say(f"step {done:,} of {self._steps:,}", done / self._steps)
        if os.getppid() != self._parent:
            raise SystemExit("the command that started this run is gone")
        self._last_s = time.process_time()

    @property
    def step_cpu_s(self) -> float:
        """Processor seconds of a step, the mean over those that were counted."""
        return self._cpu_s / max(1, self._timed)
