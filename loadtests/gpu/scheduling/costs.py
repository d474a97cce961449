"""The simulator's world with costs that were measured."""

from __future__ import annotations

from collections.abc import Mapping

from artifact.stage import StageKind
from engine.elastic.course import Line
from loadtests.simulate.world import SimulatedDevice


def world(depths: tuple[int, ...], max_batch: int, lines: Mapping[str, Line]) -> SimulatedDevice:
    """Return a world of one key whose stages cost (fixed, per row) seconds as given.

    Qualities are the simulator's own; where there are fewer depths, those of the same share.

    Args:
        depths: of the ladder, the whole stack's last.
        max_batch: most rows of a step.
        lines: of "stem", "block" and "head".
    """
    assumed = SimulatedDevice()
    quality = []
    for depth in depths:
        share = depth / depths[-1] * assumed.depths[-1]
        nearest = min(range(len(assumed.depths)), key=lambda k: abs(assumed.depths[k] - share))
        quality.append(assumed.quality[nearest])
    rising = tuple(points + 1e-3 * index for index, points in enumerate(quality))
    return SimulatedDevice(
        depths=depths,
        quality=assumed.quality if depths == assumed.depths else rising,
        block=lines[StageKind.BLOCK],
        stem=lines[StageKind.STEM],
        head=lines[StageKind.HEAD],
        max_batch=max_batch,
    )
