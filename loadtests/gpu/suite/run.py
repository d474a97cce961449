"""The parts in turn, each in a process of its own, each with its share of the time.

A part that fails, crashes, hangs or breaks the CUDA context ends alone; what it had found by then
is kept. The processes are forked before anything has touched CUDA, so they need not load torch
again; if something has, they begin anew.
"""

from __future__ import annotations

import gc
import json
import multiprocessing
import multiprocessing.process
import os
import signal
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch

from artifact.atomic import write_atomically
from loadtests.gpu.device.device import Device, Kind
from loadtests.gpu.suite.deadlines import Clock, TimeLimit, allotted_s
from loadtests.gpu.suite.rig import NotRun, Rig
from loadtests.gpu.suite.sizes import Size

Status = Literal["done", "failed", "cut off", "skipped", "not-run"]


@dataclass(frozen=True)
class SuitePart:
    """One part of the suite.

    `share`: of the time, in relation to the others'. `least_s`: what it needs on a GPU to say
    anything; with less it is skipped. `gate`: where it does not end well, nothing after it runs.
    """

    name: str
    run: Callable[[Rig], None]
    share: float
    least_s: float = 5.0
    gate: bool = False


@dataclass(frozen=True)
class PartOutcome:
    """What became of a part: how it ended, why if not well, what it found, how long it took."""

    status: Status
    found: dict[str, Any] = field(default_factory=dict)
    why: str = ""
    seconds: float = 0.0

    def record(self) -> dict[str, Any]:
        """Return what the results file holds."""
        why = {"why": self.why} if self.why else {}
        return {"status": self.status, "seconds": round(self.seconds, 2), **why, **self.found}


@dataclass(frozen=True)
class SuiteOptions:
    """What is measured, on what, for how long; `reserve_s` is kept for the summary."""

    kind: Kind
    size: Size
    seconds: float
    seed: int = 0
    reserve_s: float = 4.0


Progress = Callable[[str], None]

Start = Literal["fork", "spawn"]
"""How a part's process begins: with what is loaded already, or anew (some seconds more)."""

POISONED = "forked subprocess"
"""torch's words where something touched CUDA before the fork; then processes begin anew."""


def run_suite(
    options: SuiteOptions,
    parts: Sequence[SuitePart],
    progress: Progress,
    clock: Clock = time.monotonic,
) -> dict[str, PartOutcome]:
    """Run the parts in order; what one does not use of its time falls to those after it."""
    deadline = TimeLimit(options.seconds - options.reserve_s, clock)
    outcomes: dict[str, PartOutcome] = {}
    shut = ""
    start: Start = "fork"
    for index, part in enumerate(parts):
        if shut:
            outcomes[part.name] = PartOutcome("skipped", why=shut)
            continue
        seconds = allotted_s(deadline.left_s, [each.share for each in parts[index:]])
        if deadline.over() or (options.kind == "cuda" and seconds < part.least_s):
            why = f"{max(seconds, 0.0):.0f} s were left for it; give more --minutes"
            outcomes[part.name] = PartOutcome("skipped", why=why)
            continue
        most_s = deadline.left_s
        progress(f"{part.name}: up to {seconds:.0f} s")
        earlier = {name: outcome.found for name, outcome in outcomes.items()}
        outcome = run_part(options, part, seconds, most_s, earlier, start)
        if start == "fork" and POISONED in outcome.why:
            progress(f"{part.name}: again, in a process that begins anew")
            start = "spawn"
            outcome = run_part(options, part, seconds, deadline.left_s, earlier, start)
        outcomes[part.name] = outcome
        if part.gate and outcome.status != "done":
            shut = f"{part.name}: {outcome.why}"
    return outcomes


def run_part(
    options: SuiteOptions,
    part: SuitePart,
    seconds: float,
    most_s: float,
    earlier: dict[str, dict[str, Any]],
    start: Start = "fork",
) -> PartOutcome:
    """Run one part in a process of its own; end it where it overruns its time by far.

    Args:
        options: of the suite.
        part: the part.
        seconds: it should take.
        most_s: it may take: after that, or twice its time, it is ended.
        earlier: findings by part.
        start: "fork" or "spawn".
    """
    begun_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="otmv-gpu-") as folder:
        found, ended = Path(folder) / "found.json", Path(folder) / "ended.json"
        # The two kinds of context have a Process each, with no common type.
        context: Any = multiprocessing.get_context(start)
        child = context.Process(target=_child, args=(options, part, seconds, earlier, found, ended))
        child.start()
        child.join(min(most_s, 2 * seconds + 5))
        if child.is_alive():
            _end(child)
            end = {"status": "cut off", "why": f"it was to take {seconds:.0f} s"}
        elif ended.is_file():
            end = json.loads(ended.read_text("utf-8"))
        else:
            end = {"status": "failed", "why": f"its process ended with {child.exitcode}"}
        kept = json.loads(found.read_text("utf-8")) if found.is_file() else {}
    took_s = time.monotonic() - begun_s
    return PartOutcome(end["status"], kept, end.get("why", ""), took_s)  # type: ignore[arg-type]


def _end(child: multiprocessing.process.BaseProcess) -> None:
    """End a part's process and those it started."""
    assert child.pid is not None
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:  # it leads no group yet
        child.kill()
    child.join()


def _child(
    options: SuiteOptions,
    part: SuitePart,
    seconds: float,
    earlier: dict[str, dict[str, Any]],
    found: Path,
    ended: Path,
) -> None:
    """Run a part, in a process group of its own so that its helpers end with it."""
    os.setsid()
    gc.freeze()  # every capture collects garbage; what was imported is none
    end = {"status": "done"}
    rig = Rig(Device(options.kind), options.size, options.seed, TimeLimit(seconds), earlier, found)
    torch.manual_seed(options.seed)
    torch.set_float32_matmul_precision("high")
    try:
        with torch.no_grad():
            part.run(rig)
    except NotRun as reason:
        end = {"status": "not-run", "why": str(reason)}
    except Exception as error:
        traceback.print_exc()
        lines = str(error).splitlines() or [""]
        end = {"status": "failed", "why": f"{type(error).__name__}: {lines[0]}"}
    write_atomically(ended, json.dumps(end))
