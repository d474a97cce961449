"""Which attention kernel torch takes for our shapes, with and without a mask, and at what cost."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from artifact.task import VQA
from loadtests.gpu.device.profiling import seen
from loadtests.gpu.device.timing import Quartiles, rounds
from loadtests.gpu.models.methods import PRECISION, relative_l2
from loadtests.gpu.suite.rig import Rig
from models.key_block import key_mask_bias

CHOICES = ("CUDNN_ATTENTION", "FLASH_ATTENTION", "EFFICIENT_ATTENTION", "MATH")
DEFAULT = "default"
MOST_APART = 2e-2
"""Relative L2 (ADR 0016); a kernel beyond it is not used."""


def run(rig: Rig) -> None:
    """Time each kernel on the VQA task's attention, and let later parts use the fastest.

    Finds `unmasked` and `masked` (by kernel: milliseconds, name of what ran, or why it cannot) and
    `order` (kernels without a mask, fastest first).
    """
    q, k, v = _projected(rig)
    real = torch.ones(q.shape[0], q.shape[2], dtype=torch.bool, device=q.device)
    real[:, -1] = False
    times: dict[str, dict[str, float]] = {}
    rig.note("shape", list(q.shape))
    for form, bias in (("unmasked", None), ("masked", key_mask_bias(real, PRECISION))):
        calls = dict(_usable(rig, form, q, k, v, bias))
        samples = rounds(rig.device, calls, rig.deadline.part(0.5), most=30)
        times[form] = {name: Quartiles.of(found).median for name, found in samples.items()}
        for name, seconds in times[form].items():
            rig.note(f"{form}.{name}.ms", round(seconds * 1e3, 5))
    best, exact = times["unmasked"], _exact(rig, q, k, v, list(times["unmasked"]))
    rig.note("order", sorted(exact, key=best.__getitem__))


def _exact(rig: Rig, q: Tensor, k: Tensor, v: Tensor, names: Sequence[str]) -> list[str]:
    """Return the kernels whose result is that of the plain products, to bf16's exactness."""
    with _only("MATH"):
        wanted = nn.functional.scaled_dot_product_attention(q, k, v)
    exact = []
    for name in names:
        with _only(name):
            found = nn.functional.scaled_dot_product_attention(q, k, v)
        apart = relative_l2(found, wanted)
        rig.note(f"unmasked.{name}.apart", apart)
        if name != DEFAULT and apart < MOST_APART:
            exact.append(name)
    return exact


def _projected(rig: Rig) -> tuple[Tensor, Tensor, Tensor]:
    """Return queries, keys and values laid out as the block's projection leaves them."""
    base, work = rig.size.base, rig.size.of(VQA.name)
    tokens = rig.size.config(work).image_tokens + work.text_tokens
    shape = (rig.size.peak_batch, tokens, 3, base.heads, base.head_width)
    chance = torch.Generator(rig.device.place).manual_seed(rig.seed)
    qkv = torch.randn(shape, generator=chance, device=rig.device.place, dtype=PRECISION)
    q, k, v = qkv.permute(2, 0, 3, 1, 4)
    return q, k, v


def _usable(
    rig: Rig, form: str, q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None
) -> Iterator[tuple[str, Callable[[], None]]]:
    for name in (DEFAULT, *CHOICES):
        call = _call(name, q, k, v, bias)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                call()
                rig.device.wait()
        except RuntimeError as error:
            rig.note(f"{form}.{name}.why_not", str(error).splitlines()[0])
            continue
        with contextlib.suppress(RuntimeError):  # a profiler without rights; the times matter
            rig.note(f"{form}.{name}.kernels", list(seen(rig.device, call).names)[:6])
        yield name, call


def _call(name: str, q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None) -> Callable[[], None]:
    def call() -> None:
        with _only(name):
            nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=bias)

    return call


def _only(name: str) -> contextlib.AbstractContextManager[object]:
    return contextlib.nullcontext() if name == DEFAULT else sdpa_kernel(getattr(SDPBackend, name))
