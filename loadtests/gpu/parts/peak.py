"""Ceilings of this device: bf16 products, copies on it and to it."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from artifact.task import VQA
from loadtests.gpu.device.timing import Call, Quartiles, rounds
from loadtests.gpu.models.methods import PRECISION
from loadtests.gpu.suite.rig import Rig


def run(rig: Rig) -> None:
    """Measure products of random matrices (zeros run faster than real data) and copies.

    Finds `bf16_flops` (the best of the square products, FLOP/s), `copy_bytes_s` (read and
    written), `upload_bytes_s` (from pinned memory), and `products` by shape.
    """
    calls: dict[str, Call] = {}
    cost: dict[str, float] = {}
    squares = [(side, side, side) for side in rig.size.squares]
    for rows, inner, columns in [*squares, *_of_a_block(rig)]:
        name = f"{rows}x{inner}x{columns}"
        calls[name] = _product(rig, rows, inner, columns)
        cost[name] = 2.0 * rows * inner * columns
    source = torch.empty(rig.size.copied_bytes, dtype=torch.uint8, device=rig.device.place)
    target = torch.empty_like(source)
    calls["copy"] = lambda: _copy(target, source)
    cost["copy"] = 2.0 * rig.size.copied_bytes
    host = torch.empty(rig.size.copied_bytes // 16, dtype=torch.uint8)
    pinned = host.pin_memory() if rig.device.is_cuda else host
    calls["upload"] = lambda: _copy(target[: len(pinned)], pinned)
    cost["upload"] = float(len(pinned))
    samples = rounds(rig.device, calls, rig.deadline, most=30)
    rates = {name: cost[name] / Quartiles.of(times).median for name, times in samples.items()}
    rig.note("copy_bytes_s", rates.pop("copy"))
    rig.note("upload_bytes_s", rates.pop("upload"))
    rig.note("bf16_flops", max(rates["x".join(map(str, shape))] for shape in squares))
    rig.note("products", {name: round(rate / 1e12, 3) for name, rate in rates.items()})


def _of_a_block(rig: Rig) -> Iterator[tuple[int, int, int]]:
    """Yield the shapes of a block's products over the image tokens, at the peak's batch."""
    base, work = rig.size.base, rig.size.of(VQA.name)
    rows = rig.size.peak_batch * rig.size.config(work).image_tokens
    yield rows, base.width, 3 * base.width
    yield rows, base.width, base.width
    yield rows, base.width, base.ffn_width
    yield rows, base.ffn_width, base.width


def _product(rig: Rig, rows: int, inner: int, columns: int) -> Call:
    place = rig.device.place
    left = torch.randn(rows, inner, device=place, dtype=PRECISION)
    right = torch.randn(columns, inner, device=place, dtype=PRECISION)
    out = torch.empty(rows, columns, device=place, dtype=PRECISION)
    return lambda: _multiply(left, right, out)


def _multiply(left: Tensor, right: Tensor, out: Tensor) -> None:
    torch.mm(left, right.t(), out=out)


def _copy(target: Tensor, source: Tensor) -> None:
    target.copy_(source, non_blocking=True)
