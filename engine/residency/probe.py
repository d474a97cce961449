"""Made-up inputs of the right shapes, for warm-up and for measuring times."""

from __future__ import annotations

import numpy as np

from artifact.manifest import Manifest
from artifact.stage import stage_name
from engine.backends.arrays import AnyArray, Array, Memory
from engine.backends.stage_memory import moved_inputs, places_for_outputs
from engine.residency.family import Family


def buckets_of(family: Family, stage: str) -> tuple[int, ...]:
    """Return the shape buckets a stage is called with, ascending; (0,) if its shape is fixed."""
    inputs = family.manifest.stages[stage].inputs
    symbols = {size for spec in inputs.values() for size in spec.shape}
    if "T" in symbols:
        return (family.cached_tokens,)
    return family.manifest.buckets.text_lengths if symbols & {"L", "N"} else (0,)


def largest_batch(family: Family, stage: str, max_batch: int) -> int:
    """Return how many entries a batch of `max_batch` rows has at a stage: at least one."""
    return max(max_batch // family.rows_of(stage), 1)


def stage_inputs(manifest: Manifest, stage: str, bucket: int, batch: int) -> dict[str, Array]:
    """Return seeded inputs of a stage for a bucket and batch; every mask entry is real."""
    sizes = {
        "B": batch,
        "L": bucket,
        "N": manifest.config.image_tokens_in(stage_name(stage)) + bucket,
        "T": bucket,
    }
    rng = np.random.default_rng(0)
    arrays: dict[str, Array] = {}
    for name, spec in manifest.stages[stage].inputs.items():
        shape = tuple(sizes[size] if isinstance(size, str) else size for size in spec.shape)
        if spec.dtype == "float32":
            arrays[name] = rng.standard_normal(shape, np.float32)
        elif spec.dtype == "bool":
            arrays[name] = np.ones(shape, np.bool_)
        elif spec.dtype == "uint8":
            arrays[name] = rng.integers(0, 256, shape, np.uint8)
        elif name == "tokens":
            arrays[name] = np.full(shape, manifest.text.bos, np.int64)
        else:
            arrays[name] = np.zeros(shape, np.int64)
    return arrays


def stage_call(
    manifest: Manifest, memory: Memory, stage: str, bucket: int, batch: int
) -> tuple[dict[str, AnyArray], dict[str, AnyArray]]:
    """Return made-up inputs, and places for outputs, lying where those of requests do."""
    inputs = moved_inputs(memory, stage_inputs(manifest, stage, bucket, batch))
    return inputs, places_for_outputs(manifest, memory, stage, inputs)
