"""A latency profile of a slow moment is measured again while the engine is idle.

Calls take 1 ms and 0.1 ms a row by a clock that moves with them; a test says what the profile has.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from artifact.latency.profile import LatencyProfile
from artifact.store import Artifact
from engine.loop.idle.profile_retake import Curves, ProfileRetake
from engine.requests.prediction import Predictor
from engine.residency.family import Family
from engine.types import Answer, Budget
from tests.engine.artifacts.tiny_model import Array
from tests.engine.pools import inside
from tests.engine.pools.fake_backend import FakeClock, flat_profile
from tests.engine.pools.fake_engine import FakeEngine

UNTIL_S = 20
REQUESTS = 60
STEP_S = 0.001


@pytest.fixture(autouse=True)
def no_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing has to be quiet before idle work begins, so that no test waits for that."""
    monkeypatch.setattr("engine.loop.idle.idle_time._QUIET_S", 0.001)


class Retaken:
    """An engine whose profile says `said` times what calls take, and what its retakes came to."""

    def __init__(self, artifact: Artifact, said: float, cache: Path) -> None:
        self.engine = FakeEngine(artifact, STEP_S * said, cache_dir=cache)
        self.slower = 1.0
        self.engine.backend.hook = self._take_time
        self.retake = inside.parts(self.engine.pool).retake
        self.ended = threading.Event()
        self._watch()

    def _take_time(self, stage: str, inputs: dict[str, Array]) -> None:
        rows = len(next(iter(inputs.values())))
        self.engine.clock.time_s += STEP_S * (0.9 + 0.1 * rows) * self.slower

    def _watch(self) -> None:
        end = self.retake._end

        def watched(new: LatencyProfile) -> None:
            end(new)
            self.ended.set()

        self.retake._end = watched  # type: ignore[method-assign]

    def load(self) -> list[Answer]:
        """Ask one question after another, with another request open all the time."""
        held = self.engine.admit()
        answers = [self.engine.send(seed=seed).result(UNTIL_S) for seed in range(REQUESTS)]
        self.engine.pool.cancel(held)
        return answers

    @property
    def predicted_s(self) -> float:
        return next(o.predicted_s for o in self.engine.pool.offers("vqa") if o.variant == "full")

    @property
    def predictor(self) -> Predictor:
        return inside.loop(self.engine.pool).predictor


Open = Callable[[float], Retaken]


@pytest.fixture
def opened(tiny: Artifact, tmp_path: Path) -> Iterator[Open]:
    made: list[Retaken] = []

    def open_one(said: float) -> Retaken:
        made.append(Retaken(tiny, said, tmp_path))
        return made[-1]

    yield open_one
    for each in made:
        each.engine.pool.close()


def said_by(answers: list[Answer]) -> list[tuple[str, str]]:
    return [(answer.variant, answer.labels[0][0]) for answer in answers]


def test_a_profile_three_times_too_slow_is_replaced_once_the_engine_is_idle(
    opened: Open, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "engine.loop.idle")
    slow = opened(3.0)
    assert slow.predicted_s == pytest.approx(6 * 3 * STEP_S)
    before = slow.load()
    assert slow.ended.wait(UNTIL_S)
    assert slow.predictor.times.level == 1.0
    assert slow.predictor.times.usual is None
    assert slow.predictor.whole.high == 1.0
    assert slow.predicted_s == pytest.approx(6 * STEP_S)
    assert said_by(slow.load()) == said_by(before)
    usual = slow.predictor.times.usual
    assert usual == pytest.approx(1.0, rel=0.01)
    assert not slow.retake.wanted()
    (path,) = (tmp_path / "latency").glob("*.json")
    kept = LatencyProfile.from_json(path.read_text())
    assert kept.predict_s("block[0]", 8, 1) == pytest.approx(STEP_S)
    assert "replaced: calls take 0.33 of the times of the old one" in caplog.text


def test_routes_and_offers_follow_a_new_profile(opened: Open) -> None:
    slow = opened(3.0)
    planner = inside.parts(slow.engine.pool).planner
    task = next(t for t in slow.engine.pool.artifact.manifest.asked if t.name == "vqa")
    router = inside.router(slow.engine.pool)

    def found() -> tuple[float, ...]:
        fitting = planner.fitting(task, Budget())
        elastic = router.elastic(task, fitting, 8)
        fixed = router.fixed(task, "full", 8)
        words = router.words(task, "full", None, 1)
        times = [elastic.alone_s[0], fixed.alone_s[0], words.lines[1][0] + words.lines[1][1]]
        return (*times, fitting[0].predicted_s)

    before = found()
    slow.load()
    assert slow.ended.wait(UNTIL_S)
    assert [b / a for a, b in zip(before, found(), strict=True)] == pytest.approx([1 / 3] * 4)


@pytest.mark.parametrize("said", [1.0, 1.3])
def test_a_right_one_is_left_alone(opened: Open, said: float) -> None:
    right = opened(said)
    right.load()
    assert right.predictor.times.usual is not None
    assert not right.retake.wanted()


def test_a_busy_engine_never_measures(opened: Open) -> None:
    busy = opened(3.0)
    held = busy.engine.admit()
    busy.load()
    assert busy.retake.wanted()
    stages = [stage for stage, _ in busy.engine.backend.calls]
    busy.load()
    assert len(busy.engine.backend.calls) == 2 * len(stages), "only what requests need"
    assert not busy.ended.is_set()
    busy.engine.pool.cancel(held)
    assert busy.ended.wait(UNTIL_S)


def test_what_is_measured_in_a_slow_moment_is_dropped_and_tried_again_later(
    opened: Open, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "engine.loop.idle")
    slow = opened(3.0)
    held = slow.engine.admit()
    slow.load()
    slow.slower = 2.0
    slow.engine.pool.cancel(held)
    assert slow.ended.wait(UNTIL_S)
    assert "in a slow moment" in caplog.text
    assert slow.predictor.means.profile.key == "fake"
    assert not slow.retake.wanted()
    slow.slower = 1.0
    slow.ended.clear()
    slow.engine.clock.time_s += 61.0
    assert slow.engine.send().result(UNTIL_S)
    assert slow.ended.wait(UNTIL_S)
    assert slow.predicted_s == pytest.approx(6 * STEP_S)


class Scripted:
    """A measurement of `calls` calls that finds what `curves` says."""

    def __init__(self, calls: int, curves: Curves) -> None:
        self.left = calls
        self.found = curves
        self.restarts = 0

    def call(self) -> bool:
        self.left -= 1
        return self.left > 0

    def restart(self) -> None:
        self.restarts += 1

    def curves(self) -> Curves:
        return self.found


@pytest.fixture
def family(tiny: Artifact) -> Family:
    return Family(tiny.manifest, "fp32")


def beside(
    family: Family, measurement: Scripted, kept: list[LatencyProfile], beside: bool = True
) -> ProfileRetake:
    """Return the retake of a profile that was measured beside another engine, 10 ms a call."""
    predictor = Predictor(flat_profile(family, 0.01), family, 8)
    return ProfileRetake(
        predictor,
        lambda: measurement,
        lambda curves: LatencyProfile("new", curves),
        kept.append,
        FakeClock(),
        beside,
    )


def test_one_measured_beside_another_engine_waits_for_that_to_close(family: Family) -> None:
    kept: list[LatencyProfile] = []
    measurement = Scripted(3, flat_profile(family, 0.01).curves)
    retake = beside(family, measurement, kept)
    assert retake.wanted()
    assert not retake.piece()
    retake.alone = lambda: True
    assert [retake.piece() for _ in range(3)] == [True] * 3
    assert [profile.key for profile in kept] == ["new"]
    assert not retake.wanted()


def test_a_measurement_that_is_interrupted_goes_on_with_its_point(family: Family) -> None:
    kept: list[LatencyProfile] = []
    measurement = Scripted(3, flat_profile(family, 0.01).curves)
    retake = beside(family, measurement, kept)
    retake.alone = lambda: True
    retake.piece()
    retake.pause()
    assert (measurement.restarts, measurement.left) == (1, 2)
    retake.piece()
    retake.piece()
    assert kept


def test_a_measurement_that_throws_begins_anew(family: Family) -> None:
    retake = beside(family, Scripted(3, {}), [])
    retake.alone = lambda: True
    retake.piece()
    retake.drop()
    retake.pause()
    fresh = Scripted(1, flat_profile(family, 0.01).curves)
    retake._begin = lambda: fresh
    assert retake.piece()
    assert fresh.left == 0


def test_slower_than_beside_the_other_is_a_slow_moment(family: Family) -> None:
    kept: list[LatencyProfile] = []
    retake = beside(family, Scripted(1, flat_profile(family, 0.02).curves), kept)
    retake.alone = lambda: True
    assert retake.piece()
    assert not kept
    assert not retake.wanted()


@pytest.mark.parametrize(("said", "believed"), [(0.49, True), (0.51, False)])
def test_a_new_one_must_be_nearer_to_what_calls_took(
    family: Family, said: float, believed: bool
) -> None:
    """Calls took a quarter of what the old one says."""
    kept: list[LatencyProfile] = []
    measurement = Scripted(1, flat_profile(family, 0.01 * said).curves)
    retake = beside(family, measurement, kept, beside=False)
    for _ in range(256):
        retake._predictor.times.add(0.0025, 0.01, 1.0)
    assert retake.wanted()
    assert retake.piece()
    assert bool(kept) == believed
    assert not retake.wanted()
