"""What stays in the backend's memory from stage to stage (ADR 0023)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from engine.backends.arrays import AnyArray, Memory

if TYPE_CHECKING:  # the simulator predicts as we do, without artifacts
    from artifact.manifest import Manifest, TensorSpec

_KEPT = frozenset({"h", "h_out", "k", "v", "k_new", "v_new"})


def is_kept(name: str) -> bool:
    """Tell whether only stages read an input or output; `k.3` is the `k` of order 3 (ADR 0021)."""
    return name.partition(".")[0] in _KEPT


def places_for_kept(
    manifest: Manifest, memory: Memory, stage: str, inputs: Mapping[str, AnyArray]
) -> dict[str, AnyArray]:
    """Return new arrays for a call's kept outputs; none on the host, where any array will do."""
    if memory.on_host:
        return {}
    record = manifest.stages[stage]
    sizes = _sizes(manifest, record.inputs, inputs)
    return {
        name: memory.zeros([s if isinstance(s, int) else sizes[s] for s in spec.shape], spec.dtype)
        for name, spec in record.outputs.items()
        if is_kept(name)
    }


def with_kept(memory: Memory, inputs: Mapping[str, AnyArray]) -> dict[str, AnyArray]:
    """Return inputs as requests give them: what is kept lies in the backend's memory."""
    if memory.on_host:
        return dict(inputs)
    moved = dict(inputs)
    for name in filter(is_kept, inputs):
        moved[name] = memory.zeros(inputs[name].shape, inputs[name].dtype)
        moved[name][:] = inputs[name]
    return moved


def _sizes(
    manifest: Manifest, specs: Mapping[str, TensorSpec], inputs: Mapping[str, AnyArray]
) -> dict[str, int]:
    """Return what B, L, N and T stand for in a call."""
    found = {
        symbol: size
        for name, spec in specs.items()
        for symbol, size in zip(spec.shape, inputs[name].shape, strict=True)
        if isinstance(symbol, str)
    }
    if "L" in found:
        found["N"] = manifest.config.image_tokens + found["L"]
    return found
