"""Captions without a scheduler, after one of them has failed."""

from __future__ import annotations

import numpy as np
import pytest

from artifact.store import Artifact
from engine.errors import InferenceFailed
from engine.opening.solo import Solo
from engine.residency.family import Family
from tests.engine.answers.solo_answers import caption_words
from tests.engine.artifacts.tiny_model import MODEL, Array, picture
from tests.engine.pools.fake_backend import FakeBackend


def test_a_failure_keeps_no_slots(tiny: Artifact) -> None:
    backend, broken = FakeBackend(MODEL), [True]

    def hook(stage: str, inputs: dict[str, Array]) -> dict[str, Array] | None:
        if stage != "head[caption]" or not broken:
            return None
        broken.clear()
        return {"logits": np.full((len(inputs["y"]), 12), np.nan, np.float32)}

    backend.hook = hook
    solo = Solo(Family(tiny.manifest, "fp32"), backend.call, max_batch=4)
    pixels = [picture(seed) for seed in range(4)]
    with pytest.raises(InferenceFailed):
        caption_words(solo, "full", pixels)
    found = caption_words(solo, "full", pixels)
    full = tiny.manifest.pattern("full")
    assert found == [MODEL.caption(full, image, 6) for image in pixels]
