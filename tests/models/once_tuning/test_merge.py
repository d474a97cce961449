from __future__ import annotations

import pytest
import torch
from torch import Tensor

from models.once_tuning.merge import (
    elementwise_mean,
    first_block,
    least_mse,
    mean_block,
    merge_named,
    weighted,
    weighted_sum,
)


def drawn(seed: int, *shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


VISION, LANGUAGE = drawn(0, 6, 4), drawn(1, 6, 4)


def test_mean_is_equation_4() -> None:
    torch.testing.assert_close(elementwise_mean(VISION, LANGUAGE), (VISION + LANGUAGE) / 2)


def test_weighted_sum_is_equation_5() -> None:
    merged = weighted_sum(VISION, LANGUAGE, alpha=0.7, beta=0.4)
    torch.testing.assert_close(merged, 0.7 * VISION + 0.4 * LANGUAGE)
    assert torch.equal(weighted(0.7, 0.4)(VISION, LANGUAGE), merged)


def equation_6(merged: Tensor) -> Tensor:
    return (((VISION - merged) ** 2 + (LANGUAGE - merged) ** 2) / 2).sqrt()


def test_least_mse_is_the_minimum_of_equation_6() -> None:
    merged = least_mse(VISION, LANGUAGE)
    least = equation_6(merged)
    for seed in range(20):
        moved = merged + 0.05 * drawn(100 + seed, 6, 4)
        assert bool((equation_6(moved) > least).all()), "elementwise"
    searched = torch.linspace(-4, 4, 8001, dtype=torch.float64)[:, None, None].expand(-1, 6, 4)
    found = searched.gather(0, equation_6(searched).argmin(0, keepdim=True))[0]
    torch.testing.assert_close(found, merged, rtol=0, atol=1e-3)


@pytest.mark.parametrize("merge", [elementwise_mean, least_mse, weighted(0.5, 0.5)])
def test_shapes_must_agree(merge) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="cannot merge"):
        merge(VISION, LANGUAGE[:1])


def test_the_key_is_the_first_block() -> None:
    blocks = [drawn(seed, 3, 3) for seed in range(3)]
    assert first_block(blocks) is blocks[0]
    torch.testing.assert_close(mean_block(blocks), sum(blocks) / 3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("mean", 2.0), ("mse", 2.0), ("weighted:0.25,0.5", 1.75), ("weighted:1,-1", -2.0)],
)
def test_merges_have_names(text: str, expected: float) -> None:
    merged = merge_named(text)(torch.ones(2), torch.full((2,), 3.0))
    assert torch.equal(merged, torch.full((2,), expected))


@pytest.mark.parametrize(
    "text", ["", "median", "weighted", "weighted:1", "weighted:1,a", "mean:1,2"]
)
def test_what_names_no_merge(text: str) -> None:
    with pytest.raises(ValueError, match=r"no merge .*weighted:0\.7,0\.3"):
        merge_named(text)
