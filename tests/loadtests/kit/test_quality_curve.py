from __future__ import annotations

from artifact.store import open_artifact
from exporters.quality import QualityCurve
from loadtests.kit.artifacts import CURVE


def test_the_declared_curve_rises_with_depth_and_says_what_it_is() -> None:
    curve = QualityCurve.read(CURVE)
    found = [curve.at("vqa", depth) or 0.0 for depth in (3, 6, 9, 12)]
    assert found == sorted(set(found))
    assert "demo's measured" in curve.label
    demo = open_artifact(CURVE.parents[2] / "examples/demo-artifact", verify=False).manifest
    measured = {len(v.pattern) / 8: v.quality_of("vqa", "fp32") for v in demo.variants}
    assert {curve.at("vqa", depth): depth / 12 for depth in (3, 6, 12)} == {
        measured[share]: share for share in (0.25, 0.5, 1.0)
    }
