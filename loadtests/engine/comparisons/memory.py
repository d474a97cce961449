"""Memory after traffic at the largest batch: 64 variants in our engine, one monolithic session.

Each side runs alone in a fresh process, with the backend's own settings, over the same batches at
the shortest and the longest text bucket.
"""

from __future__ import annotations

import json

from loadtests.engine.live import LiveEngine
from loadtests.engine.setup import EngineBench
from loadtests.kit.artifacts import MANY, VARIANTS
from loadtests.kit.bars import Bar
from loadtests.kit.pairs import Pairs, ratio_bar, side_record, take_pairs
from loadtests.kit.processes.child import run_child
from loadtests.kit.progress import Report

LIMIT = 1.05
CLAIM_PAIRS = 5
"""Memory hardly varies between runs."""


def measure(setup: EngineBench, report: Report) -> list[Bar]:
    """Return the bar of one backend, on the resident set; the proportional set is in evidence."""
    report("measuring step times once", 0.0)
    with LiveEngine(setup.artifacts / MANY, setup.backend, 8, setup.cache):
        pass  # what follows finds the latency profile in the cache
    proportional: dict[str, list[float]] = {"composed": [], "monolithic": []}

    def side(kind: str, name: str) -> float:
        found = _footprint(setup, kind, name)
        if found["pss_bytes"] is not None:
            proportional[kind].append(found["pss_bytes"] / 1e6)
        return (found["rss_bytes"] or 0) / 1e6

    pairs = take_pairs(
        lambda: side("composed", MANY),
        lambda: side("monolithic", "base1"),
        min(setup.pairs, CLAIM_PAIRS),
        report,
    )
    return [
        ratio_bar(
            f"engine.residency.memory.{setup.backend}.{VARIANTS}-variants-over-1-session",
            pairs,
            LIMIT,
            "MB resident",
            claim_pairs=CLAIM_PAIRS,
            proportional=_proportional(proportional),
        )
    ]


def _proportional(found: dict[str, list[float]]) -> dict[str, object] | None:
    if not all(found.values()):
        return None
    pairs = Pairs(tuple(found["composed"]), tuple(found["monolithic"]))
    ratios = side_record(pairs.ratios, "ours / theirs")
    return {kind: side_record(values, "MB") for kind, values in found.items()} | {"ratio": ratios}


def _footprint(setup: EngineBench, kind: str, name: str) -> dict[str, int | None]:
    words = [kind, setup.artifacts / name, setup.backend, setup.cache, setup.seed]
    said = run_child(
        "loadtests.engine.comparisons.footprint", [str(word) for word in words], f"the {kind} side"
    )
    found: dict[str, int | None] = json.loads(said.splitlines()[-1])
    return found
