from __future__ import annotations

from pathlib import Path

import pytest

from engine.elastic.correction import CaptionLength, Correction
from engine.elastic.quantiles import quantile
from engine.requests.prediction import Predictor, Trip
from engine.residency.family import Family
from tests.engine.artifacts.tiny_artifact import write_tiny
from tests.engine.pools.fake_backend import flat_profile


def test_quantile() -> None:
    assert quantile([3, 1, 2], 0.5) == 2
    assert quantile(list(range(1, 11)), 0.9) == 9
    assert quantile([5], 0.9) == 5


def test_the_correction_waits_for_evidence_then_takes_the_quantile() -> None:
    correction = Correction()
    for number in range(7):
        correction.add(2.0, now=number)
    assert correction.high == 1.0
    for number in range(7, 100):
        correction.add(2.0 if number % 5 else 3.0, now=number)
    assert (correction.middle, correction.high) == (2.0, 3.0)


def test_old_evidence_is_forgotten() -> None:
    correction = Correction()
    for _ in range(50):
        correction.add(8.0, now=0.0)
    assert correction.high == 8.0
    correction.refresh(now=1000.0)
    assert correction.high == 1.0


def test_one_wild_request_does_not_move_it() -> None:
    correction = Correction()
    for number in range(50):
        correction.add(1e9 if number == 7 else 1.0, now=0.0)
    assert correction.high == 1.0


def test_caption_length_is_learned() -> None:
    length = CaptionLength(limit=30)
    assert length.expected == 30
    for number in range(100):
        length.add(5 if number % 20 else 12)
    assert length.expected == 5


def test_a_program_costs_the_sum_of_its_steps(tmp_path: Path) -> None:
    artifact = write_tiny(tmp_path / "tiny")
    family = Family(artifact.manifest, "fp32")
    predictor = Predictor(flat_profile(family, 0.01), family, 8)
    assert predictor.mean_s("vqa", "full", 8, 1) == pytest.approx(0.06)
    assert predictor.mean_s("vqa", "d1", 8, 11) == pytest.approx(0.06)
    image, word = 1 + 2, 1 + 2 + 1
    assert predictor.mean_s("caption", "d2", 8, 1, 3) == pytest.approx(0.01 * (image + 3 * word))
    for _ in range(20):
        predictor.whole.add(2.0, now=0.0)
    assert predictor.service_s("vqa", "full", 8, 1) == pytest.approx(0.12)
    assert predictor.line("block[0]", 8) == pytest.approx((0.009, 0.001))


def test_a_way_teaches_its_calls_and_its_waits(tmp_path: Path) -> None:
    family = Family(write_tiny(tmp_path / "tiny").manifest, "fp32")
    predictor = Predictor(flat_profile(family, 0.01), family, 8)
    for _ in range(8):  # half of a way of 40 ms: its own calls took 30 ms, waits 10 ms
        predictor.learn(Trip(0.0, 0.04, spent_s=0.03, expected_s=0.02), now=0.04)
    assert predictor.calls.high == pytest.approx(1.5)
    assert predictor.whole.high == pytest.approx(2.0)


def test_a_stage_never_measured_costs_what_its_kind_does(tmp_path: Path) -> None:
    artifact = write_tiny(tmp_path / "tiny")
    family = Family(artifact.manifest, "fp32")
    profile = flat_profile(family, 0.01)
    for stage in ("block[1]", "block_image[1]", "block_decode[1]"):
        del profile.curves[stage]  # type: ignore[attr-defined]
    assert Predictor(profile, family, 8).mean_s("vqa", "full", 8, 1) == pytest.approx(0.06)
