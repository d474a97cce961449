from __future__ import annotations

from pathlib import Path

import pytest

from artifact.latency.profile import LatencyProfile, profile_key, undisturbed

PROFILE = LatencyProfile(
    "k",
    {
        "block[0]": {8: ((1, 1.0), (4, 2.5)), 16: ((1, 2.0), (4, 5.0))},
        "head[vqa]": {0: ((2, 0.5),)},
    },
    "machine",
    "library",
)


@pytest.mark.parametrize(
    ("bucket", "batch", "expected"),
    [(8, 1, 1.0), (8, 4, 2.5), (8, 2, 1.5), (16, 3, 4.0), (8, 8, 4.5), (12, 1, 1.5), (4, 1, 1.0)],
)
def test_times_are_linear_between_measured_points(bucket: int, batch: int, expected: float) -> None:
    assert PROFILE.predict_s("block[0]", bucket, batch) == pytest.approx(expected)


def test_one_measured_batch_scales_up_and_not_down() -> None:
    assert PROFILE.predict_s("head[vqa]", 0, 1) == 0.5
    assert PROFILE.predict_s("head[vqa]", 0, 8) == pytest.approx(2.0)


def test_an_unmeasured_stage_is_an_error() -> None:
    with pytest.raises(KeyError):
        PROFILE.predict_s("block[7]", 8, 1)


def test_saved_atomically_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "p.json"
    PROFILE.save(path)
    assert LatencyProfile.from_json(path.read_text()) == PROFILE
    assert [p.name for p in path.parent.iterdir()] == ["p.json"]


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"curves": {"a": 3}}', "null"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        LatencyProfile.from_json(text)


def test_the_key_changes_with_everything_that_changes_times() -> None:
    keys = {
        profile_key("a", "m", "l", 0),
        profile_key("b", "m", "l", 0),
        profile_key("a", "n", "l", 0),
        profile_key("a", "m", "k", 0),
        profile_key("a", "m", "l", 1),
    }
    assert len(keys) == 5


def test_a_disturbed_measurement_is_held_to_what_larger_calls_took() -> None:
    curves = {
        16: ((8, 0.08), (1, 0.0145), (2, 0.02)),  # something else ran while batch 1 was measured
        24: ((1, 0.011), (2, 0.021), (8, 0.079)),
        8: ((1, 0.010), (2, 0.03), (8, 0.07)),
    }
    assert undisturbed(curves) == {
        8: ((1, 0.010), (2, 0.02), (8, 0.07)),
        16: ((1, 0.011), (2, 0.02), (8, 0.079)),
        24: ((1, 0.011), (2, 0.021), (8, 0.079)),
    }


def test_undisturbed_measurements_stay_as_they_are() -> None:
    curves = {8: ((1, 1.0), (2, 1.5)), 16: ((1, 1.2), (4, 2.0))}
    assert undisturbed(curves) == curves


def test_it_says_how_many_times_as_long_its_calls_take() -> None:
    twice = {
        stage: {bucket: tuple((b, 2 * s) for b, s in curve) for bucket, curve in by.items()}
        for stage, by in PROFILE.curves.items()
    }
    new = LatencyProfile("new", {**twice, "block[9]": {0: ((1, 5.0),)}})
    assert new.over(PROFILE) == pytest.approx(2.0)
    with pytest.raises(ValueError, match="no stage in common"):
        LatencyProfile("other", {"block[9]": {0: ((1, 5.0),)}}).over(PROFILE)
