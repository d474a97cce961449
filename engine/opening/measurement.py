"""Measuring what calls take: a latency profile in the making, one stage call after another."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from artifact.latency.profile import Curve, undisturbed
from artifact.stage import stage_name
from engine.backends.arrays import AnyArray
from engine.clock import Clock, SystemClock
from engine.residency.family import Family
from engine.residency.probe import buckets_of, largest_batch, stage_call
from engine.residency.stages import StageSet

_REPEATS = 12
_ENOUGH_S = 0.1


@dataclass(frozen=True)
class ProfilePoint:
    """What is measured together: stages that do the same work, at one bucket and batch.

    `needed`: a profile without it is none.
    """

    stages: tuple[str, ...]
    bucket: int
    batch: int
    needed: bool


class Measurement:
    """Measures the loaded stages, point by point. Belongs to the thread that runs them.

    Stages of one kind with the same shapes (one block per key) do the same work, so they share
    their times: repeats go round them, which also keeps their weights as cold as traffic does.
    When the calls have taken `limit_s`, what is missing is interpolated; needed points are always
    measured.

    Args:
        family: the artifact's variants.
        stages: loaded.
        points: what to measure, the needed ones first.
        limit_s: seconds that calls may take together.
        clock: that calls are timed with.
    """

    def __init__(
        self,
        family: Family,
        stages: StageSet,
        points: Iterable[ProfilePoint],
        limit_s: float,
        clock: Clock | None = None,
    ) -> None:
        self._family = family
        self._stages = stages
        self._limit_s = limit_s
        self._clock = clock or SystemClock()
        self._left = deque(points)
        self._all = len(self._left)
        self._spent_s = 0.0
        self._arrays: tuple[dict[str, AnyArray], dict[str, AnyArray]] | None = None
        self._took_s: list[float] = []
        self._found: dict[tuple[str, ...], dict[int, dict[int, float]]] = {}

    @property
    def share(self) -> float:
        """The share of points that is done."""
        return 1 - len(self._left) / self._all

    @property
    def stage(self) -> str:
        """A stage of the point that comes next, or an empty name at the end."""
        return self._left[0].stages[0] if self._left else ""

    def call(self) -> bool:
        """Run one stage call; tell whether any is left. The first of a point only warms it up.

        Raises:
            InferenceFailed: if the backend throws.
            KeyError: the stage is not loaded any more.
        """
        point = self._left[0]
        number = 0 if self._arrays is None else len(self._took_s) + 1
        if self._arrays is None:
            manifest, memory = self._family.manifest, self._stages.memory
            first = point.stages[0]
            self._arrays = stage_call(manifest, memory, first, point.bucket, point.batch)
        start_s = self._clock.now_s()
        self._stages.run(point.stages[number % len(point.stages)], *self._arrays)
        took_s = self._clock.now_s() - start_s
        self._spent_s += took_s
        if number:
            self._took_s.append(took_s)
        if number == _REPEATS or (number > 1 and sum(self._took_s) > _ENOUGH_S):
            self._end_point(point)
        return bool(self._left)

    def _end_point(self, point: ProfilePoint) -> None:
        seconds = sum(self._took_s) / len(self._took_s)
        self._found.setdefault(point.stages, {}).setdefault(point.bucket, {})[point.batch] = seconds
        self._left.popleft()
        self.restart()
        if self._left and not self._left[0].needed and self._spent_s > self._limit_s:
            self._left.clear()

    def restart(self) -> None:
        """Begin the point under way anew: something else has come between its calls."""
        self._arrays, self._took_s = None, []

    def curves(self) -> dict[str, dict[int, Curve]]:
        """Return what was measured, by stage."""
        return {
            stage: undisturbed({bucket: tuple(curve.items()) for bucket, curve in by.items()})
            for stages, by in self._found.items()
            for stage in stages
        }


def alike(family: Family, stages: StageSet) -> list[tuple[str, ...]]:
    """Group the loaded stages that do the same work."""
    groups: dict[str, list[str]] = {}
    for stage in stages.loaded:
        record = family.manifest.stages[stage]
        name = stage_name(stage)
        kind = name.alike if name.is_block else name
        groups.setdefault(f"{kind} {record.inputs} {record.outputs}", []).append(stage)
    return [tuple(group) for group in groups.values()]


def profile_points(family: Family, stages: StageSet, max_batch: int) -> Iterator[ProfilePoint]:
    """Yield what a latency profile of the loaded stages is made of.

    In three rounds: smallest and largest batch at the largest bucket, which are needed, then the
    other buckets, then the batches between.
    """
    groups = alike(family, stages)
    most = {group: largest_batch(family, group[0], max_batch) for group in groups}
    ends = {group: tuple(dict.fromkeys((1, last))) for group, last in most.items()}
    sizes = family.manifest.buckets.batches
    between = {group: [size for size in sizes if 1 < size < last] for group, last in most.items()}
    buckets = {group: buckets_of(family, group[0]) for group in groups}
    for group in groups:
        yield from (ProfilePoint(group, buckets[group][-1], b, True) for b in ends[group])
    for group in groups:
        for bucket in buckets[group][:-1]:
            yield from (ProfilePoint(group, bucket, b, False) for b in ends[group])
    for group in groups:
        for bucket in buckets[group]:
            yield from (ProfilePoint(group, bucket, b, False) for b in between[group])
