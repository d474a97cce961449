"""Optimization profiles: how large each symbol of a stage may be (docs/architecture.md)."""

from __future__ import annotations

from collections.abc import Mapping

from artifact.manifest import Manifest
from artifact.plan import OptimizationProfile, PlanTensor, SizeRange
from exporters.tensorrt.errors import UnknownSymbol

ROWS = "B"


def symbols(inputs: Mapping[str, PlanTensor]) -> tuple[str, ...]:
    """Return the symbols of the inputs' shapes, each once."""
    sizes = (size for tensor in inputs.values() for size in tensor.shape)
    return tuple(dict.fromkeys(size for size in sizes if isinstance(size, str)))


def ranges(manifest: Manifest, max_batch: int) -> dict[str, SizeRange]:
    """Return what every symbol of this artifact may be.

    L text tokens up to the longest bucket, the middle bucket being usual; N with the picture's
    tokens; T cached tokens up to the longest caption, where they always are in the engine; B rows.
    """
    image, lengths = manifest.config.image_tokens, manifest.buckets.text_lengths
    usual, longest = lengths[len(lengths) // 2], lengths[-1]
    cached = image + manifest.text.max_caption_tokens
    return {
        ROWS: SizeRange(smallest=1, usual=max_batch, largest=max_batch),
        "L": SizeRange(smallest=1, usual=usual, largest=longest),
        "N": SizeRange(smallest=image + 1, usual=image + usual, largest=image + longest),
        "T": SizeRange(smallest=image + 1, usual=cached, largest=cached),
    }


def optimization_profiles(
    stage: str, inputs: Mapping[str, PlanTensor], manifest: Manifest, max_batch: int
) -> tuple[OptimizationProfile, ...]:
    """Return one optimization profile for a row alone, and one for rows together.

    Kernels are chosen for the usual shape, and the best ones for one row and for `max_batch` rows
    differ.

    Args:
        stage: its name, for errors.
        inputs: what it takes.
        manifest: of the artifact.
        max_batch: most rows of a call.

    Raises:
        UnknownSymbol: a size no range is known for.
    """
    known, sizes = ranges(manifest, max_batch), {}
    for symbol in symbols(inputs):
        if symbol not in known:
            raise UnknownSymbol(stage, symbol)
        sizes[symbol] = known[symbol]
    if ROWS not in sizes:
        return (OptimizationProfile(sizes=sizes),)
    alone = SizeRange(smallest=1, usual=1, largest=1)
    profiles = [OptimizationProfile(sizes={**sizes, ROWS: alone})]
    if max_batch > 1:
        together = SizeRange(smallest=2, usual=max_batch, largest=max_batch)
        profiles.append(OptimizationProfile(sizes={**sizes, ROWS: together}))
    return tuple(profiles)


def shape_of(
    tensor: PlanTensor, profile: OptimizationProfile
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Return a tensor's smallest, usual and largest shape under an optimization profile."""

    def sized(which: str) -> tuple[int, ...]:
        return tuple(
            getattr(profile.sizes[size], which) if isinstance(size, str) else size
            for size in tensor.shape
        )

    return sized("smallest"), sized("usual"), sized("largest")
