"""Steps of once-tuning beside steps of plain fine-tuning, in turns, in a process of their own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from artifact.task import VQA
from loadtests.kit.bars import Bar
from loadtests.kit.pairs import Pairs, ratio_bar, side_record
from loadtests.kit.processes.child import run_child
from loadtests.kit.quartiles import quartiles

Report = Callable[[str, float], None]

MOST = 1.05
"""The bar on once-tuning / plain fine-tuning; the paper reports 1.01 to 1.02."""

MODULE = "tuning.finetuning.measured"
_TEXT_TOKENS = 32


@dataclass(frozen=True)
class TuningBench:
    """What is measured.

    Attributes:
        orders, width, heads, image_size: of the model.
        keys: key blocks of once-tuning.
        skip_probability: of its gates.
        batch: requests a step.
        steps: in each measurement.
        rounds: measurements of each side.
        device: where to compute.
        seed: of weights and data.
    """

    orders: int = 12
    width: int = 384
    heads: int = 6
    image_size: int = 128
    keys: int = 6
    skip_probability: float = 0.1
    batch: int = 16
    steps: int = 5
    rounds: int = 15
    device: str = "auto"
    seed: int = 0

    def settings(self) -> dict[str, Any]:
        """Return what the module that measures takes."""
        return {
            "task": VQA.name,
            "shape": {
                "orders": self.orders,
                "width": self.width,
                "heads": self.heads,
                "image_size": self.image_size,
                "text_positions": _TEXT_TOKENS,
            },
            "keys": self.keys,
            "skip_probability": self.skip_probability,
            "batch": self.batch,
            "steps": self.steps,
            "rounds": self.rounds,
            "device": self.device,
            "seed": self.seed,
        }


def run(bench: TuningBench, report: Report) -> tuple[list[Bar], dict[str, Any]]:
    """Measure all sides and hold the ratio against the bar; return what was measured too."""
    report("taking steps of each side in turns", 0.0)
    settings = bench.settings()
    found = json.loads(run_child(MODULE, [json.dumps(settings)], "measuring steps"))
    return bars_of(found), {"settings": settings, **found}


def bars_of(found: dict[str, Any]) -> list[Bar]:
    """Return the bar, with gates as they are drawn while tuning; every gate open beside it."""
    full = tuple(found["step_s"]["full"])
    opened = Pairs(tuple(found["step_s"]["open"]), full)
    low, middle, high = quartiles(opened.ratios)
    bar = ratio_bar(
        "tuning-step",
        Pairs(tuple(found["step_s"]["otmv"]), full),
        MOST,
        "s a step",
        every_gate_open=side_record(opened.ours, "s a step"),
    )
    about = f"; every gate open {middle:.3f}, {low:.3f} to {high:.3f}"
    return [replace(bar, spread=bar.spread + about)]
