"""What changing the variant between two requests costs, beside a rival's reload.

Ours: a request for one variant after a request for another, minus the same request after one for
the same variant. Theirs, for comparison only: another monolithic session, made and run once.
"""

from __future__ import annotations

import time

from artifact.stage import StageName
from artifact.task import VQA
from engine.types import Budget
from loadtests.engine.comparisons.composed import TOKENS
from loadtests.engine.live import LiveEngine, Monolith, draw_inputs, one_batch
from loadtests.engine.setup import EngineBench
from loadtests.kit.bars import Bar
from loadtests.kit.pairs import difference_bar, side_record, take_pairs
from loadtests.kit.progress import Report

_WHOLE = StageName.whole(VQA.name, "full")
LIMIT_MS = 1.0
_ROUNDS_PER_PAIR = 3
"""Changes are quick to measure; reloads are not."""


def measure(setup: EngineBench, report: Report) -> list[Bar]:
    """Return the bar of one backend."""
    report("opening", 0.0)
    with LiveEngine(setup.artifacts / "base1", setup.backend, 8, setup.cache) as live:
        inputs = draw_inputs(live.artifact, 1, TOKENS, setup.seed)
        batch = one_batch(live.artifact, inputs)
        reloads_s: list[float] = []

        def after(before: str) -> float:
            """Ask for one variant right after another; return its milliseconds."""
            live.ask(inputs, [before])
            return live.ask(inputs, ["d2"])[0] * 1e3

        def reload() -> None:
            begun_s = time.perf_counter()
            Monolith(live.artifact, live.pool.backend).best(batch)
            reloads_s.append(time.perf_counter() - begun_s)

        after("d1")
        pairs = take_pairs(
            lambda: after("d1"),
            lambda: after("d2"),
            setup.pairs * _ROUNDS_PER_PAIR,
            lambda what, share: report(what, 0.5 * share),
        )
        for number in range(setup.pairs):
            report(f"reload {number + 1}", 0.5 + 0.5 * number / setup.pairs)
            reload()
        return [
            difference_bar(
                f"engine.variant-change.{setup.backend}.ms",
                pairs,
                LIMIT_MS,
                "ms",
                library=live.pool.backend.library,
                admission_ms=side_record(_admissions_ms(live, 100), "ms, variant in turns"),
                rival_reload=side_record(reloads_s, f"s, {_WHOLE} made and run once"),
            )
        ]


def _admissions_ms(live: LiveEngine, count: int) -> list[float]:
    """Return the milliseconds of planning alone, the variant changing every time."""
    times_ms = []
    for number in range(count):
        begun_s = time.perf_counter()
        request = live.pool.admit(VQA.name, Budget(variant=("d1", "d2")[number % 2]), begun_s)
        times_ms.append((time.perf_counter() - begun_s) * 1e3)
        live.pool.cancel(request)
    return times_ms
