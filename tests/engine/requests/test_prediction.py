from __future__ import annotations

from pathlib import Path

import pytest

from artifact.task import CAPTION, VQA
from engine.elastic.correction import Way
from engine.requests.prediction import Predictor
from engine.residency.family import Family
from tests.engine.artifacts.tiny_artifact import write_tiny
from tests.engine.pools.fake_backend import flat_profile


def test_a_program_costs_the_sum_of_its_steps(tmp_path: Path) -> None:
    artifact = write_tiny(tmp_path / "tiny")
    family = Family(artifact.manifest, "fp32")
    predictor = Predictor(flat_profile(family, 0.01), family, 8)
    assert predictor.mean_s(VQA, "full", 8, 1) == pytest.approx(0.06)
    assert predictor.mean_s(VQA, "d1", 8, 11) == pytest.approx(0.06)
    image, word = 1 + 2, 1 + 2 + 1
    assert predictor.mean_s(CAPTION, "d2", 8, 1, 3) == pytest.approx(0.01 * (image + 3 * word))
    for _ in range(20):
        predictor.whole.add(2.0, now=0.0)
    assert predictor.service_s(VQA, "full", 8, 1) == pytest.approx(0.12)
    assert predictor.means.line("block[0]", 8) == pytest.approx((0.009, 0.001))


def test_half_a_way_teaches_as_much(tmp_path: Path) -> None:
    family = Family(write_tiny(tmp_path / "tiny").manifest, "fp32")
    predictor = Predictor(flat_profile(family, 0.01), family, 8)
    for _ in range(8):  # half of a way of 40 ms took 40 ms, waits included
        predictor.learn(Way(0.0, 0.04, calls_mean_s=0.02), now=0.04)
    assert predictor.whole.high == pytest.approx(2.0)


def test_a_stage_never_measured_costs_what_its_kind_does(tmp_path: Path) -> None:
    artifact = write_tiny(tmp_path / "tiny")
    family = Family(artifact.manifest, "fp32")
    profile = flat_profile(family, 0.01)
    for stage in ("block[1]", "block_image[1]", "block_decode[1]"):
        del profile.curves[stage]  # type: ignore[attr-defined]
    assert Predictor(profile, family, 8).mean_s(VQA, "full", 8, 1) == pytest.approx(0.06)
