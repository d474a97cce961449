"""Optimization profiles follow the artifact's buckets and hold all that the engine may ask for."""

from __future__ import annotations

import pytest

from artifact.plan import OptimizationProfile, SizeRange
from artifact.store import Artifact
from engine.residency.family import Family
from exporters.tensorrt.errors import UnknownSymbol
from exporters.tensorrt.shapes import fixed_shapes, optimization_profiles


def profiles_of(artifact: Artifact, stage: str, max_batch: int = 8) -> list[OptimizationProfile]:
    shapes = [tensor.shape for tensor in artifact.manifest.stages[stage].inputs.values()]
    return list(optimization_profiles(stage, shapes, artifact.manifest, max_batch))


def test_every_bucket_and_batch_lies_in_a_profile(demo: Artifact) -> None:
    image, cached = demo.manifest.config.image_tokens, Family(demo.manifest, "fp32").cached_tokens
    for stage in demo.manifest.stages:
        profiles = profiles_of(demo, stage)
        for length in demo.manifest.buckets.text_lengths:
            for batch in range(1, 9):
                sizes = {"B": batch, "L": length, "N": image + length, "T": cached}
                assert sum(profile.holds(sizes) for profile in profiles) == 1


def test_a_row_alone_has_kernels_of_its_own(demo: Artifact) -> None:
    alone, together = profiles_of(demo, "block[0]")
    assert alone.sizes["B"] == SizeRange(smallest=1, usual=1, largest=1)
    assert together.sizes["B"] == SizeRange(smallest=2, usual=8, largest=8)
    assert alone.sizes["N"] == SizeRange(smallest=18, usual=17 + 16, largest=17 + 24)
    assert [profile.sizes["B"].largest for profile in profiles_of(demo, "block[0]", 1)] == [1]


def test_rows_that_are_vectors_have_the_same_kernels_alone_and_together(demo: Artifact) -> None:
    (both,) = profiles_of(demo, "head[caption]")
    assert both.sizes == {"B": SizeRange(smallest=1, usual=8, largest=8)}


def test_a_call_beyond_the_largest_batch_has_none(demo: Artifact) -> None:
    sizes = {"B": 9, "L": 8, "N": 25, "T": 49}
    assert not any(profile.holds(sizes) for profile in profiles_of(demo, "stem[vqa]"))


def test_symbols_become_sizes(demo: Artifact) -> None:
    _, together = profiles_of(demo, "block[0]")
    found = fixed_shapes(("B", "N", 192), together)
    assert found == ((2, 18, 192), (8, 33, 192), (8, 41, 192))


def test_a_size_without_a_range_is_refused(demo: Artifact) -> None:
    with pytest.raises(UnknownSymbol, match=r"block.*'Q'"):
        optimization_profiles("block[0]", [("B", "Q")], demo.manifest, 8)
