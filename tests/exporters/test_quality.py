"""Declared quality: read from a file, interpolated, and written into a manifest."""

from __future__ import annotations

from pathlib import Path

import pytest

from artifact.errors import InvalidManifest
from artifact.store import Artifact
from exporters.quality import QualityCurve, agreement, declare

CURVE = QualityCurve(label="by hand", by_depth={"vqa": {2: 0.4, 4: 0.8}})


def test_quality_is_interpolated_and_constant_beyond_the_ends() -> None:
    found = [CURVE.at("vqa", depth) for depth in (1, 2, 3, 4, 9)]
    assert found == pytest.approx([0.4, 0.4, 0.6, 0.8, 0.8])
    assert CURVE.at("caption", 2) is None


def test_a_manifest_declares_what_the_curve_says(exported: Artifact) -> None:
    declared = declare(exported.manifest, CURVE)
    for variant in declared.variants:
        assert variant.declared
        assert variant.quality_source == "declared: by hand"
        assert variant.quality_of("vqa", "fp32") == CURVE.at("vqa", len(variant.pattern))
        assert variant.quality_of("caption", "fp32") is None


@pytest.mark.parametrize("text", [None, "no JSON", "{}", '{"label": "", "by_depth": {}}'])
def test_a_file_that_is_no_curve_is_refused_with_an_example(
    tmp_path: Path, text: str | None
) -> None:
    path = tmp_path / "curve.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InvalidManifest, match="no quality curve") as caught:
        QualityCurve.read(path)
    assert caught.value.fix == (
        'write {"label": "...", "by_depth": {"vqa": {"6": 0.70, "12": 0.82}}}'
    )


def test_agreement_is_with_the_deepest_variant_right_or_wrong() -> None:
    said = {"vqa": {"full": ["a", "b", "c", "d"], "d1": ["a", "b", "x", "d"]}}
    assert agreement(said, "full") == {"vqa": {"full": 1.0, "d1": 0.75}}
