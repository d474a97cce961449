"""The quality of a backend whose precision the artifact has no numbers for."""

from __future__ import annotations

import dataclasses
import logging
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from artifact.config import Precision
from artifact.store import Artifact
from artifact.task import TaskName
from engine.config import EngineConfig
from engine.opening import quality as evidence
from engine.opening import scoring
from engine.opening.golden import on_record
from engine.opening.quality import knows_quality, prove_quality
from engine.opening.solo import Solo
from engine.residency.family import Family
from tests.engine.artifacts.tiny_artifact import write_tiny
from tests.engine.artifacts.tiny_model import TinyModel
from tests.engine.pools.fake_backend import FakeBackend

RECORD = {"vqa": {"full": 0.9, "d2": 0.8, "d1": 0.6}}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return write_tiny(tmp_path_factory.mktemp("evidence") / "tiny")


def changed(tiny: Artifact, source: str = "measured: here", **update: Any) -> Artifact:
    """Return the artifact with measured qualities and a golden record of three variants."""
    manifest = tiny.manifest
    variants = tuple(
        v.model_copy(update={"quality_source": source} | update) for v in manifest.variants
    )
    assert manifest.golden is not None
    record = manifest.golden.model_copy(update={"quality": RECORD})
    new = manifest.model_copy(update={"variants": variants, "golden": record})
    return dataclasses.replace(tiny, manifest=new)


class QualityProof:
    """Proves on a backend that answers the golden cases as `scores` say."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.scores: dict[str, float] = {}
        self.measured: list[str] = []
        self.backend = FakeBackend(TinyModel())
        self.config = EngineConfig(cache_dir=tmp_path)
        monkeypatch.setattr(scoring, "golden_quality", self._score)

    def _score(
        self, artifact: Artifact, solo: Solo, task: TaskName, variant: str, cases: Any
    ) -> float:
        self.measured.append(variant)
        return self.scores[variant]

    def prove(self, artifact: Artifact, precision: Precision = "bf16", keys: int = 2) -> set[str]:
        self.backend.precision = precision
        solo = Solo(Family(artifact.manifest, precision), lambda stage, inputs: {})
        measure = partial(scoring.measure_quality, artifact, solo)
        arguments = (artifact, self.backend, measure, keys)
        found = prove_quality(*arguments, {("vqa", "full"): self.scores["full"]}, self.config)
        return {variant for _, variant in found}


@pytest.fixture
def proof(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> QualityProof:
    return QualityProof(tmp_path, monkeypatch)


def test_within_half_a_point_is_proven_and_the_rest_is_said(
    tiny: Artifact, proof: QualityProof, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    proof.scores = {"full": 0.9, "d2": 0.7949, "d1": 0.5951}
    assert proof.prove(changed(tiny)) == {"full", "d1"}
    assert "vqa d2 loses 0.51 points" in caplog.text
    assert proof.measured == ["d1", "d2"]


def test_it_is_measured_once(tiny: Artifact, proof: QualityProof) -> None:
    proof.scores = {"full": 0.9, "d2": 0.8, "d1": 0.6}
    proof.prove(changed(tiny), keys=1)
    assert proof.measured == ["d1", "d2"]
    assert proof.prove(changed(tiny)) == {"full", "d2", "d1"}
    assert proof.measured == ["d1", "d2"]
    (file,) = (proof.config.cache_dir / "quality").glob("*.json")
    file.write_text("no JSON")
    assert proof.prove(changed(tiny)) == {"full", "d2", "d1"}
    assert proof.measured == ["d1", "d2"] * 2


def test_numbers_of_its_own_need_no_proof(tiny: Artifact, proof: QualityProof) -> None:
    proof.scores = {"full": 0.9}
    assert proof.prove(changed(tiny), "fp32") == set()
    assert proof.measured == []


def test_the_quality_offered_says_what_it_was_measured_at(tiny: Artifact) -> None:
    manifest = changed(tiny).manifest
    plain, fp32 = Family(manifest, "bf16"), Family(manifest, "fp32")
    proven = Family(manifest, "bf16", {("vqa", "d2")})

    def offered(family: Family, variant: str) -> tuple[float | None, str | None]:
        member = family.member("vqa", variant)
        return member.quality, member.quality_precision

    assert offered(fp32, "d2") == (0.8, "fp32")
    assert offered(plain, "d2") == (None, None)
    assert offered(proven, "d2") == (0.8, "fp32")
    assert offered(proven, "d1") == (None, None)
    own = changed(tiny, quality={"vqa": {"fp32": 0.8, "bf16": 0.79}}).manifest
    assert offered(Family(own, "bf16"), "d2") == (0.79, "bf16")
    declared = changed(tiny, "declared: a curve").manifest
    assert offered(Family(declared, "bf16"), "d2") == (0.8, "fp32")


def test_which_precisions_can_show_their_quality(tiny: Artifact) -> None:
    labelled = changed(tiny)
    bare = dataclasses.replace(
        labelled, manifest=labelled.manifest.model_copy(update={"golden": None})
    )
    assert knows_quality(labelled, "bf16")
    assert knows_quality(bare, "fp32")
    assert not knows_quality(bare, "bf16")
    declared = changed(tiny, "declared: a curve").manifest.model_copy(update={"golden": None})
    assert knows_quality(dataclasses.replace(bare, manifest=declared), "bf16")


def test_only_resident_variants_are_on_record(tiny: Artifact) -> None:
    artifact = changed(tiny)
    assert on_record(artifact, 2) == {"vqa": ["d1", "d2", "full"]}
    assert on_record(artifact, 1) == {"vqa": ["d1", "d2"]}
    assert evidence.QUALITY_LIMIT == 0.005
