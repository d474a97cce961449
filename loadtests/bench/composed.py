"""A full request through the live engine, stage by stage, against one graph of the full model.

Ours: n requests submitted at once, from the first submit to the last answer, so queue, scheduler,
slots and loop are in it. Theirs: one call of `whole[vqa:full]` on the same n inputs, stacked
beforehand, same process, library and threads, arg-max included.
"""

from __future__ import annotations

from functools import partial

from loadtests.bars import Bar
from loadtests.bench.live import Live, Monolith, draw_inputs, one_batch
from loadtests.bench.pairs import Report, ratio_bar, take_pairs
from loadtests.bench.setup import BenchError, Setup

LIMITS = {8: 1.05, 4: 1.05, 1: 1.08}
"""Largest time ratio per batch; the largest batch first, so that its times are in the cache."""

TOKENS = 12
_WARM = 2


def measure(setup: Setup, report: Report) -> list[Bar]:
    """Return the bar of each batch on one backend."""
    bars = []
    for number, batch in enumerate(LIMITS):

        def within(what: str, share: float, number: int = number, batch: int = batch) -> None:
            report(f"batch {batch} {what}", (number + share) / len(LIMITS))

        bars.append(_one(setup, batch, within))
    return bars


def _one(setup: Setup, batch: int, report: Report) -> Bar:
    name = f"engine.composed.{setup.backend}.batch{batch}.time-ratio"
    report("opening", 0.0)
    with Live(setup.artifacts / "base1", setup.backend, batch, setup.cache) as live:
        inputs = draw_inputs(live.artifact, batch, TOKENS, setup.seed)
        stacked = one_batch(live.artifact, inputs)
        monolith = Monolith(live.artifact, live.pool.backend)
        try:
            for _ in range(_WARM):
                live.ask_together(inputs)
                monolith.seconds(stacked)
            live.apart = 0
            pairs = take_pairs(
                partial(live.ask_together, inputs),
                partial(monolith.seconds, stacked),
                setup.pairs,
                report,
            )
        except BenchError as error:
            return Bar(name, None, LIMITS[batch], False, str(error))
        _, answers = live.ask(inputs, ["full"] * batch)
        labels = live.artifact.labels()
        same = sum(
            labels[best] == answer.labels[0][0]
            for best, answer in zip(monolith.best(stacked), answers, strict=True)
        )
        return ratio_bar(
            name,
            pairs,
            LIMITS[batch],
            "s",
            library=live.pool.backend.library,
            same_answer=f"{same} of {batch}",
            groups_thrown_away=live.apart,
        )
