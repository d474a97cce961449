"""Memory of one copy that serves every variant, against a model for each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from artifact.config import ModelConfig
from loadtests.gpu.models.methods import PRECISION, made
from loadtests.gpu.suite.rig import Rig
from models.presets import spread_keys
from models.series import OtmvModel


def memory(rig: Rig, config: ModelConfig) -> dict[str, Any]:
    """Return bytes of the resident model by method, and of separate models of the same depths.

    `resident` is measured on the device (on the CPU: counted); `separate` is counted: one fully
    fine-tuned model for each depth, in the same precision.
    """
    separate = sum(_of_depth(config, depth) for depth in rig.size.depths)
    found: dict[str, Any] = {"variants": len(rig.size.depths), "separate_bytes": separate}
    for method in ("otmv", "literal"):
        rig.device.forget()
        before = rig.device.used_bytes()
        model, _ = made(method, config, rig)
        after = rig.device.used_bytes()
        resident = after - before if rig.device.is_cuda else held_bytes(model.parameters())
        found[method] = {
            "resident_bytes": resident,
            "over_separate": round(resident / separate, 4),
        }
        del model
    return found


def held_bytes(parameters: Iterable[nn.Parameter]) -> int:
    """Return the bytes of parameters."""
    return sum(parameter.numel() * parameter.element_size() for parameter in parameters)


def _of_depth(config: ModelConfig, depth: int) -> int:
    """Count the bytes of a model of `depth` blocks that shares nothing."""
    with torch.device("meta"):
        model = OtmvModel(replace(config, key_of_order=spread_keys(depth, depth)))
    heads = sum(parameter.numel() for parameter in model.heads.parameters())
    body = sum(parameter.numel() for parameter in model.parameters()) - heads
    return body * PRECISION.itemsize + heads * torch.float32.itemsize
