"""Table 4: every method on the three tasks, each as CUDA graphs, in turns."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from artifact.config import ModelConfig
from artifact.pattern import SkipPattern
from artifact.task import TASKS
from loadtests.gpu.device.timing import Quartiles, Samples, ratios, rounds
from loadtests.gpu.models.methods import (
    Launched,
    RandomInputs,
    captured,
    draw,
    flops,
    made,
    relative_l2,
    whole,
)
from loadtests.gpu.suite.deadlines import TimeLimit
from loadtests.gpu.suite.rig import Rig
from loadtests.gpu.suite.sizes import SizedWork
from models.comparators.methods import FULL, METHODS
from models.series import OtmvModel
from monitoring.table4 import paper_speed

ROUNDS = 21
FIRST = ("otmv", "efficientvlm", "petadapter", "vlpet")
"""Made ready before the others, should time or memory not be enough for all."""

KEPT_FREE = 0.15
"""Of the device's memory: methods are measured in groups that leave so much."""


@dataclass(frozen=True)
class PreparedMethod:
    """A method with its graphs; `flops` of one request."""

    method: str
    launched: Launched
    flops: int


def run(rig: Rig) -> None:
    """Measure every task in turn; a method that fails is named with its error.

    Finds, by task and method: milliseconds, speed over `full` of the same rounds, the ideal (ratio
    of FLOPs), the share of it that was reached, the paper's speed.
    """
    for left, work in zip(range(len(rig.size.work), 0, -1), rig.size.work, strict=True):
        with rig.attending():
            column(rig, work, rig.deadline.part(1 / left), in_turn())


def in_turn() -> list[str]:
    """Return every method but `full`, the most telling first."""
    return [*FIRST, *(method for method in METHODS if method not in (FULL, *FIRST))]


def column(rig: Rig, work: SizedWork, deadline: TimeLimit, methods: Sequence[str]) -> None:
    """Measure one task: all methods in turns, or in groups beside `full` where memory is short."""
    config = rig.size.config(work)
    inputs = draw(work, config, rig)
    waiting, groups = deque(methods), 0
    while waiting:
        if groups and deadline.over():
            for method in waiting:
                rig.note(f"{work.task}.methods.{method}", {"error": "no time was left"})
            break
        group = _group(rig, work, config, inputs, waiting)
        if not group or group[0].method != FULL:
            raise RuntimeError("full fine-tuning itself cannot run: see its error")
        calls = {ready.method: ready.launched.launch for ready in group}
        _report(rig, work, group, rounds(rig.device, calls, deadline, most=ROUNDS))
        groups += 1
        del group, calls
        rig.device.forget()
    rig.note(f"{work.task}.groups", groups)


def _group(
    rig: Rig,
    work: SizedWork,
    config: ModelConfig,
    inputs: RandomInputs,
    waiting: deque[str],
) -> list[PreparedMethod]:
    """Make `full` ready, and methods that wait while there is memory and time for them."""
    group = _ready(rig, work, config, inputs, FULL)
    allowed = int((rig.device.free_bytes() or 0) * KEPT_FREE)
    while waiting and group:
        free = rig.device.free_bytes()
        if len(group) > 1 and ((free is not None and free < allowed) or rig.deadline.over()):
            break
        method = waiting.popleft()
        try:
            group += _ready(rig, work, config, inputs, method)
        except torch.OutOfMemoryError as error:
            rig.device.empty()
            if len(group) > 1:  # it may fit into the next group
                waiting.appendleft(method)
                break
            _fail(rig, work, method, error)
    return group


def _ready(
    rig: Rig, work: SizedWork, config: ModelConfig, inputs: RandomInputs, method: str
) -> list[PreparedMethod]:
    """Return the method made ready, or nothing and its error in the findings.

    Raises:
        torch.OutOfMemoryError: it does not fit beside those that are ready.
    """
    try:
        model, pattern = made(method, config, rig)
        counted = flops(model, pattern, work, inputs)
        launched = captured(model, pattern, work, inputs, rig.device)
        if method == FULL and not TASKS[work.task].writes:
            rig.note(f"{work.task}.graph_vs_eager", strayed(model, pattern, work, inputs, launched))
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, ValueError, TypeError) as error:
        _fail(rig, work, method, error)
        return []
    return [PreparedMethod(method, launched, counted)]


def _fail(rig: Rig, work: SizedWork, method: str, error: Exception) -> None:
    first = (str(error).splitlines() or [""])[0]
    rig.note(f"{work.task}.methods.{method}", {"error": f"{type(error).__name__}: {first}"})


def strayed(
    model: OtmvModel,
    pattern: SkipPattern,
    work: SizedWork,
    inputs: RandomInputs,
    launched: Launched,
) -> float:
    """Return how far a graph's answers are from the eager model's, as relative L2."""
    launched.launch()
    return relative_l2(launched.output(), whole(model, pattern, work, inputs)())


def _report(rig: Rig, work: SizedWork, group: Sequence[PreparedMethod], samples: Samples) -> None:
    full = group[0]
    for ready in group:
        speed = ratios(samples[FULL], samples[ready.method])
        ideal = full.flops / ready.flops
        rig.note(
            f"{work.task}.methods.{ready.method}",
            {
                "ms": Quartiles.of(samples[ready.method]).record(1e3),
                "speed": speed.record(),
                "gflop": round(ready.flops / 1e9, 4),
                "ideal": round(ideal, 4),
                "share": round(speed.median / ideal, 4),
                "paper": paper_speed(ready.method, work.task),
            },
        )
