"""Optimization profiles: how large each symbol of a stage may be (docs/architecture.md)."""

from __future__ import annotations

from collections.abc import Iterable

from artifact.manifest import Manifest
from artifact.plan import OptimizationProfile, SizeRange
from artifact.stage import stage_name
from engine.residency.family import cached_tokens
from exporters.tensorrt.errors import UnknownSymbol

ROWS = "B"

Shape = tuple[int | str, ...]


def size_ranges(manifest: Manifest, stage: str, max_batch: int) -> dict[str, SizeRange]:
    """Return the range of every symbolic size of a stage.

    L: text tokens, up to the longest bucket; the middle bucket is usual. N: L and the picture's
    tokens. T: cached tokens, up to the longest caption, which the engine always uses. B: rows.
    """
    image = manifest.config.image_tokens_in(stage_name(stage))
    lengths = manifest.buckets.text_lengths
    usual, longest = lengths[len(lengths) // 2], lengths[-1]
    cached = cached_tokens(manifest)
    return {
        ROWS: SizeRange(smallest=1, usual=max_batch, largest=max_batch),
        "L": SizeRange(smallest=1, usual=usual, largest=longest),
        "N": SizeRange(smallest=image + 1, usual=image + usual, largest=image + longest),
        "T": SizeRange(
            smallest=cached - manifest.text.max_caption_tokens + 1, usual=cached, largest=cached
        ),
    }


def optimization_profiles(
    stage: str, shapes: Iterable[Shape], manifest: Manifest, max_batch: int
) -> tuple[OptimizationProfile, ...]:
    """Return one optimization profile for a row alone, and one for rows together.

    Kernels are chosen for the usual shape, and the best ones for one row and for `max_batch` rows
    differ. A stage whose rows are vectors has one profile for both: the kernel for one vector uses
    another layout of the weights, and the plan would hold them twice (head[caption] of beit3_base:
    394 MB for 197).

    Args:
        stage: its name, for errors.
        shapes: of its inputs.
        manifest: of the artifact.
        max_batch: most rows of a call.

    Raises:
        UnknownSymbol: a size no range is known for.
    """
    known, sizes = size_ranges(manifest, stage, max_batch), {}
    for symbol in (size for shape in shapes for size in shape if isinstance(size, str)):
        if symbol not in known:
            raise UnknownSymbol(stage, symbol)
        sizes[symbol] = known[symbol]
    if sizes.keys() <= {ROWS}:
        return (OptimizationProfile(sizes=sizes),)
    alone = SizeRange(smallest=1, usual=1, largest=1)
    profiles = [OptimizationProfile(sizes={**sizes, ROWS: alone})]
    if max_batch > 1:
        together = SizeRange(smallest=2, usual=max_batch, largest=max_batch)
        profiles.append(OptimizationProfile(sizes={**sizes, ROWS: together}))
    return tuple(profiles)


def fixed_shapes(shape: Shape, profile: OptimizationProfile) -> tuple[tuple[int, ...], ...]:
    """Return a tensor's smallest, usual and largest shape under an optimization profile."""

    def fixed(which: str) -> tuple[int, ...]:
        return tuple(
            getattr(profile.sizes[size], which) if isinstance(size, str) else size for size in shape
        )

    return fixed("smallest"), fixed("usual"), fixed("largest")
