"""Measures steps of once-tuning beside steps of plain fine-tuning, for `otmv bench tuning`.

    python -m tuning.finetuning.measured SETTINGS

prints one JSON object. `SETTINGS` is another, with the arguments of `measure`.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from tuning.device import choose_device
from tuning.finetuning.loop import FineTuning
from tuning.finetuning.processes import Processes
from tuning.finetuning.rehearsal import random_batch, stand_in
from tuning.recipes.sets import SetsFile

SIDES = ("otmv", "open", "full")
"""Gates drawn as while tuning; every gate open; plain fine-tuning."""
_KB, _MB = 1024, 10**6


def measure(
    task: str,
    shape: dict[str, int],
    keys: int,
    skip_probability: float,
    batch: int,
    steps: int,
    rounds: int,
    device: str,
    seed: int,
    sides: Sequence[str] = SIDES,
) -> dict[str, Any]:
    """Return seconds a step, one number for each side and round; sides are taken in turns.

    And the memory that all sides took: what this process grew by, or the most that a GPU held.

    Args:
        task: what is tuned.
        shape: of the model: all orders have key blocks of their own in plain fine-tuning.
        keys: key blocks of once-tuning, its feed-forward merged.
        skip_probability: of its gates.
        batch: requests a step, random ones.
        steps: in each measurement; each draws its own gates.
        rounds: measurements of each side, behind one that does not count.
        device: where to compute.
        seed: of weights and data.
        sides: some of `SIDES`.
    """
    before_mb, methods = _held_mb(), _methods(keys, skip_probability)
    made = {name: _made(task, shape, methods[name], batch, device, seed) for name in sides}
    found = _in_turns(made, task, batch, steps, rounds)
    parameters = {
        name: sum(map(torch.numel, side.model.parameters())) for name, side in made.items()
    }
    return {
        "step_s": found,
        "parameters": parameters,
        "memory_mb": _held_mb() - before_mb,
        "threads": torch.get_num_threads(),
    }


def _in_turns(
    made: Mapping[str, FineTuning], task: str, batch: int, steps: int, rounds: int
) -> dict[str, list[float]]:
    """Return seconds a step of each side, by round."""
    sides, found = list(made), {name: list[float]() for name in made}
    for number in range(-1, rounds):
        first = number % len(sides)
        for name in (*sides[first:], *sides[:first]):
            taken_s = _steps_s(made[name], task, batch, steps, max(0, number))
            if number >= 0:
                found[name].append(taken_s / steps)
    return found


def _held_mb() -> float:
    if torch.cuda.is_available() and torch.cuda.max_memory_allocated():
        return torch.cuda.max_memory_allocated() / _MB
    unit = 1 if sys.platform == "darwin" else _KB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / _MB


def _methods(keys: int, skip_probability: float) -> dict[str, dict[str, Any]]:
    otmv = {"kind": "otmv", "keys": keys}
    return {
        "otmv": {**otmv, "skip_probability": skip_probability},
        "open": {**otmv, "skip_probability": 0.0},
        "full": {"kind": "full"},
    }


def _made(
    task: str, shape: dict[str, int], method: dict[str, Any], batch: int, device: str, seed: int
) -> FineTuning:
    said = {
        "name": "measured",
        "about": "random data",
        "model": {"shape": shape},
        "method": method,
        "tasks": {task: {"data": "none", "batch": batch, "text_tokens": shape["text_positions"]}},
        "optimiser": {"learning_rate": 1e-6},
        "run": {"steps": 1, "seed": seed},
    }
    file = SetsFile.model_validate(said)
    processes = Processes(choose_device(device))
    return FineTuning.of(file, processes, {task: stand_in(file, task)})


def _steps_s(tuning: FineTuning, task: str, batch: int, steps: int, number: int) -> float:
    """Return the seconds of some steps, each with the gates of its number."""
    batches = {task: random_batch(tuning, task, batch)}
    tuning.model.train()
    started_s = time.perf_counter()
    for step in range(number * steps, (number + 1) * steps):
        tuning.gradients(step, batches)
        tuning.update(0)
    if tuning.processes.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started_s


if __name__ == "__main__":
    print(json.dumps(measure(**json.loads(sys.argv[1]))))
