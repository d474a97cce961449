"""Eight rows of eight adapters against eight rows of the base, 64 adapters loaded.

Both sides are asked of the same engine. Without an adapted row it runs the plain stages, so the
base costs what it costs in a server without adapters.
"""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

from loadtests.engine.comparisons.composed import TOKENS
from loadtests.engine.drawn_adapters import METHODS, write_adapters
from loadtests.engine.live import LiveEngine, draw_inputs
from loadtests.engine.setup import EngineBench
from loadtests.kit.bars import Bar
from loadtests.kit.pairs import ratio_bar, take_pairs
from loadtests.kit.progress import Report

BATCH = 8
LOADED = 64
LIMITS = {"adalink": 1.02, "lora": 1.06, "serial": 1.12}
"""Largest time ratio on ONNX Runtime; others may take `_MORE` more."""

_MORE = 0.04


def measure(setup: EngineBench, report: Report) -> list[Bar]:
    """Return the bar of each method on one backend."""
    bars = []
    for number, method in enumerate(METHODS):

        def within(what: str, share: float, number: int = number, method: str = method) -> None:
            report(f"{method} {what}", (number + share) / len(METHODS))

        bars.append(_one(setup, method, within))
    return bars


def _one(setup: EngineBench, method: str, report: Report) -> Bar:
    report("opening", 0.0)
    limit = LIMITS[method] + (0.0 if setup.backend == "onnxruntime" else _MORE)
    with (
        tempfile.TemporaryDirectory(dir=setup.artifacts) as folder,
        LiveEngine(setup.artifacts / "base1-adapters", setup.backend, BATCH, setup.cache) as live,
    ):
        written = write_adapters(live.artifact, Path(folder), method, LOADED)
        before = live.pool.resident_bytes
        for number, each in enumerate(written):
            report(f"loading {each.name}", number / LOADED)
            loaded = live.pool.load_adapter(each)
        tables = LOADED * loaded.table_bytes
        names = [each.name for each in written[:BATCH]]
        inputs = draw_inputs(live.artifact, BATCH, TOKENS, setup.seed)
        ours = partial(live.ask_together, inputs, adapters=names)
        theirs = partial(live.ask_together, inputs)
        for side in (ours, theirs, ours, theirs):
            side()
        live.apart = 0
        pairs = take_pairs(ours, theirs, setup.pairs, report)
        return ratio_bar(
            f"engine.adapters.{setup.backend}.{method}.time-ratio",
            pairs,
            limit,
            "s",
            library=live.pool.backend.library,
            groups_thrown_away=live.apart,
            table_bytes=tables,
            adapted_stage_bytes=live.pool.resident_bytes - before - tables,
        )
