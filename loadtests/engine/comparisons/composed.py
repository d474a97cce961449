"""A full request through the live engine, stage by stage, against one graph of the full model.

Ours: n requests submitted at once, from the first submit to the last answer, so queue, scheduler,
slots and loop are in it. Theirs: one call of `whole[vqa:full]` on the same n inputs, stacked
beforehand, same process, library and threads, arg-max included. Beside them the bare stages, one
after the other, in `evidence`: what they take more than the one graph is the cost of cutting it.
"""

from __future__ import annotations

import time
from functools import partial

import numpy as np

from artifact.program import composed_programs
from artifact.store import Artifact
from artifact.task import VQA
from engine.backends.base import Array, Backend
from loadtests.engine.live import LiveEngine, Monolith, draw_inputs, one_batch
from loadtests.engine.setup import EngineBench
from loadtests.kit.bars import Bar
from loadtests.kit.errors import BenchError
from loadtests.kit.pairs import ratio_bar, summary, take_pairs
from loadtests.kit.progress import Report

LIMITS = {8: 1.05, 4: 1.05, 1: 1.08}
"""Largest time ratio per batch; the largest batch first, so that its times are in the cache."""

TOKENS = 12
_WARM = 2
_BARE_PAIRS = 5


class BareStages:
    """The stages of the full variant, called one after the other and nothing else."""

    def __init__(self, artifact: Artifact, backend: Backend) -> None:
        manifest = artifact.manifest
        (self._program,) = composed_programs(VQA, manifest.config, manifest.pattern("full"))
        self._stages = {
            name: backend.load(name, artifact.path(spec.file), spec)
            for name, spec in manifest.stages.items()
            if name in self._program.stages
        }

    def seconds(self, batch: dict[str, Array]) -> float:
        """Return the seconds of one pass over a batch, readouts left where they are."""
        begun_s = time.perf_counter()
        first, *blocks, last = self._program.steps
        given = {name: batch[name] for name in ("pixels", "tokens")}
        h, r = self._stages[first.stage].run(given)["h"], None
        for step in blocks:
            order = np.full(len(h), step.order_in_key, np.int64)
            given = {"h": h, "order": order, "mask": batch["mask"]}
            found = self._stages[step.stage].run(given)
            h, r = found["h_out"], found["r"]
        if r is not None:
            self._stages[last.stage].run({"y": r})
        return time.perf_counter() - begun_s


def measure(setup: EngineBench, report: Report) -> list[Bar]:
    """Return the bar of each batch on one backend."""
    bars = []
    for number, batch in enumerate(LIMITS):

        def within(what: str, share: float, number: int = number, batch: int = batch) -> None:
            report(f"batch {batch} {what}", (number + share) / len(LIMITS))

        bars.append(_one(setup, batch, within))
    return bars


def _one(setup: EngineBench, batch: int, report: Report) -> Bar:
    name = f"engine.composed.{setup.backend}.batch{batch}.time-ratio"
    report("opening", 0.0)
    with LiveEngine(setup.artifacts / "base1", setup.backend, batch, setup.cache) as live:
        inputs = draw_inputs(live.artifact, batch, TOKENS, setup.seed)
        stacked = one_batch(live.artifact, inputs)
        monolith = Monolith(live.artifact, live.pool.backend)
        theirs = partial(monolith.seconds, stacked)
        try:
            for _ in range(_WARM):
                live.ask_together(inputs)
                theirs()
            live.apart = 0
            pairs = take_pairs(partial(live.ask_together, inputs), theirs, setup.pairs, report)
        except BenchError as error:
            return Bar(name, None, LIMITS[batch], False, str(error))
        _, answers = live.ask(inputs, ["full"] * batch)
        labels = live.artifact.labels()
        same = sum(
            labels[best] == answer.labels[0][0]
            for best, answer in zip(monolith.best(stacked), answers, strict=True)
        )
        bare = BareStages(live.artifact, live.pool.backend)
        bare.seconds(stacked)
        cut = take_pairs(
            partial(bare.seconds, stacked), theirs, min(setup.pairs, _BARE_PAIRS), report, "bare"
        )
        return ratio_bar(
            name,
            pairs,
            LIMITS[batch],
            "s",
            library=live.pool.backend.library,
            same_answer=f"{same} of {batch}",
            groups_thrown_away=live.apart,
            bare_stages_over_theirs=summary(cut),
        )
