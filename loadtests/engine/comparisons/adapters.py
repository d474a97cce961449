"""Eight rows of eight adapters against eight rows of the base, 64 adapters loaded.

Both sides run the full variant in the same engine's stages, in lock-step and without the scheduler,
which costs both the same. Without an adapted row the plain stages run, so the base costs what it
costs in a server without adapters.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from artifact.store import Artifact, open_artifact
from artifact.task import VQA
from engine.backends.registry import open_backend
from engine.opening.solo import Solo
from engine.residency.adapters.shelf import AdapterShelf
from engine.residency.family import Family
from engine.residency.stages import StageSet
from engine.rows.one_pass import OnePassRow
from loadtests.engine.comparisons.composed import TOKENS
from loadtests.engine.drawn_adapters import METHODS, write_adapters
from loadtests.engine.live import draw_inputs
from loadtests.engine.setup import EngineBench
from loadtests.kit.bars import Bar
from loadtests.kit.pairs import ratio_bar, take_pairs
from loadtests.kit.progress import Report

BATCH = 8
LOADED = 64
LIMITS = {"adalink": 1.02, "lora": 1.06, "serial": 1.12}
"""Largest time ratio on ONNX Runtime; others may take `_MORE` more."""

_MORE = 0.04


class LockStep:
    """Rows of one artifact in lock-step, each with an adapter or none.

    Args:
        artifact: with room for adapters.
        stages: of it, loaded.
        solo: runs rows in them.
        seed: draws the pictures.
    """

    def __init__(self, artifact: Artifact, stages: StageSet, solo: Solo, seed: int) -> None:
        self._artifact = artifact
        self._solo = solo
        self.shelf = AdapterShelf(artifact, stages, LOADED)
        self._inputs = draw_inputs(artifact, BATCH, TOKENS, seed)

    def seconds(self, places: Sequence[int]) -> float:
        """Return the seconds of one batch of the full variant, rows with these adapters."""
        family, codec = self._solo.family, self._artifact.text_codec()
        (program,) = family.member(VQA.name, "full").programs
        rows = []
        for given, place in zip(self._inputs, places, strict=True):
            ids = codec.encode_question(given.question)
            bucket = family.text_bucket(len(ids))
            rows.append(OnePassRow(family.manifest, VQA, program, given.pixels, ids, bucket))
            rows[-1].adapt(place)
        begun_s = time.perf_counter()
        self._solo.logits(rows)
        return time.perf_counter() - begun_s


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
    artifact = open_artifact(setup.artifacts / "base1-adapters", verify=False)
    backend = open_backend(setup.backend, 0, artifact)
    family = Family(artifact.manifest, backend.precision)
    stages = StageSet(artifact, backend, family, BATCH, adapter_places=LOADED)
    limit = LIMITS[method] + (0.0 if setup.backend == "onnxruntime" else _MORE)
    with (
        closing(stages),
        tempfile.TemporaryDirectory(dir=setup.artifacts) as folder,
    ):
        stages.load(report)
        before = sum(stages.loaded_bytes())
        side = LockStep(
            artifact, stages, Solo(family, stages.run, BATCH, backend.memory), setup.seed
        )
        loaded = []
        for number, each in enumerate(write_adapters(artifact, Path(folder), method, LOADED)):
            report(f"loading {each.name}", number / LOADED)
            loaded.append(side.shelf.load(each))
        ours = partial(side.seconds, [each.place for each in loaded[:BATCH]])
        theirs = partial(side.seconds, [0] * BATCH)
        for warm in (ours, theirs, ours, theirs):
            warm()
        pairs = take_pairs(ours, theirs, setup.pairs, report)
        tables = sum(each.table_bytes for each in loaded)
        return ratio_bar(
            f"engine.adapters.{setup.backend}.{method}.time-ratio",
            pairs,
            limit,
            "s",
            library=backend.library,
            table_bytes=tables,
            adapted_stage_bytes=sum(stages.loaded_bytes()) - before - tables,
        )
