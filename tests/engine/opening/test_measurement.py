"""Measuring calls one by one: which points, how often, and what a limit leaves out."""

from __future__ import annotations

import pytest

from artifact.store import Artifact
from engine.config import EngineConfig
from engine.opening.measurement import Measurement, ProfilePoint, profile_points
from engine.residency.family import Family
from engine.residency.stages import StageSet
from tests.engine.artifacts.tiny_model import MODEL, Array
from tests.engine.pools.fake_backend import FakeBackend, FakeClock

MAX_BATCH = 4


class Timed:
    """Loaded stages whose calls take `took_s` by a clock that moves with them."""

    def __init__(self, artifact: Artifact, took_s: float) -> None:
        self.backend, self.clock = FakeBackend(MODEL), FakeClock()
        self.family = Family(artifact.manifest, "fp32")
        self.stages = StageSet(artifact, self.backend, self.family, MAX_BATCH)
        self.stages.load(lambda what, share: None)
        self.backend.calls.clear()
        self.took_s = took_s
        self.backend.hook = self._take_time

    def _take_time(self, stage: str, inputs: dict[str, Array]) -> None:
        self.clock.time_s += self.took_s

    def measurement(self, limit_s: float) -> Measurement:
        points = profile_points(self.family, self.stages, MAX_BATCH)
        return Measurement(self.family, self.stages, points, limit_s, self.clock)


def test_a_point_is_warmed_up_and_then_called_up_to_twelve_times(tiny: Artifact) -> None:
    timed = Timed(tiny, 0.001)
    point = ProfilePoint(("block[0]", "block[1]"), 8, 3, needed=True)
    one = Measurement(timed.family, timed.stages, [point], 0.0, timed.clock)
    assert [one.call() for _ in range(13)] == [True] * 12 + [False]
    assert timed.backend.calls == [("block[0]", 3), ("block[1]", 3)] * 6 + [("block[0]", 3)]
    assert one.curves() == {stage: {8: ((3, pytest.approx(0.001)),)} for stage in point.stages}


def test_long_calls_are_made_twice(tiny: Artifact) -> None:
    timed = Timed(tiny, 0.2)
    one = Measurement(
        timed.family, timed.stages, [ProfilePoint(("head[vqa]",), 0, 1, True)], 0.0, timed.clock
    )
    assert [one.call() for _ in range(3)] == [True, True, False]


def test_a_point_that_is_interrupted_begins_anew(tiny: Artifact) -> None:
    timed = Timed(tiny, 0.001)
    one = Measurement(
        timed.family, timed.stages, [ProfilePoint(("head[vqa]",), 0, 1, True)], 0.0, timed.clock
    )
    for _ in range(5):
        one.call()
    timed.took_s = 0.002
    one.restart()
    assert [one.call() for _ in range(13)] == [True] * 12 + [False]
    assert one.curves()["head[vqa]"][0] == ((1, pytest.approx(0.002)),)


def test_a_limit_leaves_out_all_but_the_ends(tiny: Artifact) -> None:
    whole, short = Timed(tiny, 0.001), Timed(tiny, 0.001)
    every, ends = whole.measurement(EngineConfig().profile_limit_s), short.measurement(0.0)
    shares = [every.share]
    while every.call():
        shares.append(every.share)
    while ends.call():
        pass
    assert shares == sorted(shares)
    assert (shares[0], every.share) == (0.0, 1.0)
    assert {b for b, _ in every.curves()["block[0]"][8]} == {1, 2, 4}
    assert set(every.curves()["block[0]"]) == set(tiny.manifest.buckets.text_lengths)
    assert {b for b, _ in ends.curves()["block[0]"][8]} == {1, 4}
    assert set(ends.curves()["block[0]"]) == {tiny.manifest.buckets.text_lengths[-1]}
    assert set(ends.curves()) == set(every.curves()) == set(whole.family.stages)
