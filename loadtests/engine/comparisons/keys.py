"""Twelve key blocks against one: the same twelve blocks of work, other weights each time.

Both engines are open in one process and take turns with the same requests.
"""

from __future__ import annotations

from functools import partial

from loadtests.engine.comparisons.composed import TOKENS
from loadtests.engine.live import LiveEngine, draw_inputs
from loadtests.engine.setup import EngineBench
from loadtests.kit.bars import Bar
from loadtests.kit.pairs import ratio_bar, take_pairs
from loadtests.kit.progress import Report

BATCH = 8
LIMIT = 1.05


def measure(setup: EngineBench, report: Report) -> list[Bar]:
    """Return the bar of one backend."""
    report("opening", 0.0)
    with (
        LiveEngine(setup.artifacts / "base12", setup.backend, BATCH, setup.cache) as twelve,
        LiveEngine(setup.artifacts / "base1", setup.backend, BATCH, setup.cache) as one,
    ):
        inputs = draw_inputs(one.artifact, BATCH, TOKENS, setup.seed)
        sides = partial(twelve.ask_together, inputs), partial(one.ask_together, inputs)
        for side in sides:
            side()
        twelve.apart = one.apart = 0
        pairs = take_pairs(*sides, setup.pairs, report)
        return [
            ratio_bar(
                f"engine.keys.{setup.backend}.12-over-1.time-ratio",
                pairs,
                LIMIT,
                "s",
                library=one.pool.backend.library,
                groups_thrown_away=twelve.apart + one.apart,
            )
        ]
