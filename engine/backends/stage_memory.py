"""Inputs and outputs of stages that stay in the backend's memory (ADR 0023)."""

from __future__ import annotations

from collections.abc import Mapping

from artifact.manifest import Manifest, TensorSpec
from artifact.stage import stage_name
from engine.backends.arrays import AnyArray, Memory

_READ_BY_STAGES_ONLY = frozenset({"h", "h_out", "k", "v", "k_new", "v_new"})


def stays_in_memory(name: str) -> bool:
    """Tell whether only stages read an input or output; `k.3` is the `k` of order 3 (ADR 0021)."""
    return name.partition(".")[0] in _READ_BY_STAGES_ONLY


def places_for_outputs(
    manifest: Manifest, memory: Memory, stage: str, inputs: Mapping[str, AnyArray]
) -> dict[str, AnyArray]:
    """Return new arrays for the outputs of a call that stay in the backend's memory.

    On the host, where any array will do, there are none.
    """
    if memory.on_host:
        return {}
    record = manifest.stages[stage]
    sizes = _sizes(manifest, stage, record.inputs, inputs)
    return {
        name: memory.zeros([s if isinstance(s, int) else sizes[s] for s in spec.shape], spec.dtype)
        for name, spec in record.outputs.items()
        if stays_in_memory(name)
    }


def moved_inputs(memory: Memory, inputs: Mapping[str, AnyArray]) -> dict[str, AnyArray]:
    """Return inputs as requests give them: what only stages read lies in the backend's memory."""
    if memory.on_host:
        return dict(inputs)
    moved = dict(inputs)
    for name in filter(stays_in_memory, inputs):
        moved[name] = memory.zeros(inputs[name].shape, inputs[name].dtype)
        moved[name][:] = inputs[name]
    return moved


def _sizes(
    manifest: Manifest,
    stage: str,
    specs: Mapping[str, TensorSpec],
    inputs: Mapping[str, AnyArray],
) -> dict[str, int]:
    """Return what B, L, N and T stand for in a call."""
    found = {
        symbol: size
        for name, spec in specs.items()
        for symbol, size in zip(spec.shape, inputs[name].shape, strict=True)
        if isinstance(symbol, str)
    }
    if "L" in found:
        found["N"] = manifest.config.image_tokens_in(stage_name(stage)) + found["L"]
    return found
