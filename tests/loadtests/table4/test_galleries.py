from __future__ import annotations

from pathlib import Path

import pytest

from artifact.manifest import Manifest, VariantRecord
from loadtests.kit.errors import BenchError
from loadtests.table4.galleries import ensure_galleries, flops
from loadtests.table4.presets import CPU, PassWork
from tests.engine.artifacts.tiny_model import tiny_config
from tests.loadtests.table4.made_up_speeds import silent


def hand_made(**flops_of: int) -> Manifest:
    record = VariantRecord(
        id="otmv", pattern=(0,), unique_parameters=1, executed_parameters=1, flops=flops_of
    )
    return Manifest.model_construct(name="hand", config=tiny_config(), variants=(record,))


def test_the_ideal_counts_the_picture_and_every_word() -> None:
    manifest = hand_made(vqa=10, reason=20, caption=3, caption_image=100)
    assert flops(manifest, "vqa", "otmv", PassWork(4, 1)) == 10
    assert flops(manifest, "reason", "otmv", PassWork(4, 1)) == 20
    assert flops(manifest, "caption", "otmv", PassWork(4, 1, words=8)) == 124


def test_a_gallery_that_says_no_operations_is_reported() -> None:
    with pytest.raises(BenchError, match="does not say the FLOPs of otmv: remove the folder"):
        flops(hand_made(caption=3), "caption", "otmv", PassWork(4, 1, words=8))


def test_exporting_needs_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from loadtests.kit import artifacts

    monkeypatch.setattr(artifacts, "find_spec", lambda name: None)
    with pytest.raises(BenchError, match=r"table4-beit3_base-vqa-224 is not there .*\[export\]"):
        ensure_galleries(tmp_path, CPU, ["vqa"], silent)
