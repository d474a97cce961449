"""Each method against its formula, written out with random weights; limit 1e-5 (ADR 0031)."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from artifact.task import VQA
from models.adapters.forms import FORMS, make_form
from models.adapters.hooked import attach
from models.adapters.tunable import AdapterModule
from models.series import OtmvModel
from tests.models import tiny
from tests.models.adapters.comparing import (
    EXECUTED,
    FFN,
    NAMES,
    ORDERS,
    WIDTH,
    F,
    compare,
    drawn,
    table,
)
from tests.models.adapters.plain_loop import Method


class _Behind(Method):
    """Houlsby's adapter, and changes of norms where there are any."""

    def __init__(self, module: AdapterModule, activation: Any, unified: bool = False) -> None:
        self.module, self.activation = module, activation
        self.names = ("both", "both") if unified else NAMES

    def part(self, hook: str, modality: int, part: str, order: int) -> Tensor:
        return table(self.module, f"block.{hook}.{self.names[modality]}.{part}")[order]

    def sublayer(self, name: str, order: int, modality: int, y: Tensor, r: Tensor) -> Tensor:
        down, down_shift, up, shift = (
            self.part(f"{name}_output", modality, part, order)
            for part in ("down", "down_shift", "up", "shift")
        )
        return y + F.linear(self.activation(F.linear(y, down.T, down_shift)), up.T, shift)

    def norm(self, name: str, order: int, modality: int) -> tuple[Tensor, Tensor]:
        return (
            self.part(name, modality, "scale", order),
            self.part(name, modality, "shift", order),
        )


def gelu_tanh(x: Tensor) -> Tensor:
    return 0.5 * x * (1 + torch.tanh((2 / torch.pi) ** 0.5 * (x + 0.044715 * x**3)))


def test_houlsby_s_serial_adapter(model: OtmvModel) -> None:
    module = drawn(model, "serial", width=5)
    compare(model, module, _Behind(module, gelu_tanh))
    bottleneck, norms = 2 * WIDTH * 5 + 5 + WIDTH, 2 * (3 * WIDTH + FFN)
    assert module.tuned_parameters() == 2 * ORDERS * (2 * bottleneck + norms)


def test_pet_adapter_and_vl_adapter(model: OtmvModel) -> None:
    module = drawn(model, "pet_adapter", width=5)
    compare(model, module, _Behind(module, gelu_tanh))
    module = drawn(model, "vl_adapter", unified=True)
    assert module.sites()[0].size.rank == WIDTH // 8
    compare(model, module, _Behind(module, gelu_tanh, unified=True))


def test_the_study_s_serial_adapter(model: OtmvModel) -> None:
    """Eq. 5 and 8: A(x) = ReLU(x W_down) W_up + x behind both sub-layers."""
    module = drawn(model, "serial", width=5, activation="relu", norms=False)

    class Study(_Behind):
        def norm(self, name: str, order: int, modality: int) -> tuple[Any, Any]:
            return 0.0, 0.0

    compare(model, module, Study(module, torch.relu))


def test_the_study_s_parallel_adapter(model: OtmvModel) -> None:
    """Eq. 6-8: A(x) beside both sub-layers, with the skip of its own as printed."""
    module = drawn(model, "parallel", width=5)

    class Study(Method):
        def sublayer(self, name: str, order: int, modality: int, y: Tensor, r: Tensor) -> Tensor:
            down, up = (
                table(module, f"block.{name}_beside.{NAMES[modality]}.{part}")[order]
                for part in ("down", "up")
            )
            return y + torch.relu(r @ down) @ up + r

    compare(model, module, Study())


class _He(Method):
    def __init__(self, module: AdapterModule, scale: float, under: str = "") -> None:
        self.module, self.scale, self.under = module, scale, under

    def sublayer(self, name: str, order: int, modality: int, y: Tensor, r: Tensor) -> Tensor:
        if name != "ffn":
            return y
        of = dict(self.module.named_parameters())
        down, down_shift, up, shift = (
            of[f"{self.under}tuned.block_ffn_beside_{NAMES[modality]}_{part}"][order]
            for part in ("down", "down_shift", "up", "shift")
        )
        return y + self.scale * F.linear(torch.relu(F.linear(r, down.T, down_shift)), up.T, shift)


def test_he_s_scaled_parallel_adapter(model: OtmvModel) -> None:
    module = drawn(model, "scaled_parallel", width=5, scale=2.0)
    compare(model, module, _He(module, 2.0))


def prefix_rows(of: dict[str, Tensor], order: int) -> tuple[Tensor, Tensor]:
    """embedding(p, D) → Linear(D, m) → tanh → Linear(m, 2 · L · D), as keys and values."""
    inner = torch.tanh(F.linear(of["embedding.weight"], of["down.weight"], of["down.bias"]))
    rows = F.linear(inner, of["up.weight"], of["up.bias"])
    apart = rows.view(len(rows), ORDERS, 2, WIDTH)
    return apart[:, order, 0], apart[:, order, 1]


def test_prefix_tuning_with_its_mlp(model: OtmvModel) -> None:
    module = drawn(model, "prefix", rows=3, inner=7)

    class Li(Method):
        def prefix(self, order: int) -> tuple[Tensor, Tensor]:
            return prefix_rows(dict(module.named_parameters()), order)

    compare(model, module, Li())
    mlp = 3 * WIDTH + (WIDTH * 7 + 7) + (7 + 1) * 2 * ORDERS * WIDTH
    assert module.tuned_parameters() == mlp
    assert {name: tuple(t.shape) for name, t in module.tables()} == {
        "block.prefix.key": (ORDERS, 3, WIDTH),
        "block.prefix.value": (ORDERS, 3, WIDTH),
    }


def test_mam_is_a_prefix_and_a_scaled_parallel_adapter(model: OtmvModel) -> None:
    module = drawn(model, "mam", rows=3, inner=7, width=5, scale=2.0)

    class Mam(_He):
        def prefix(self, order: int) -> tuple[Tensor, Tensor]:
            of = module.named_parameters()
            own = {name.removeprefix("each.0."): table for name, table in of}
            return prefix_rows(own, order)

    compare(model, module, Mam(module, 2.0, under="each.1."))


def test_vl_pet_large(model: OtmvModel) -> None:
    """(x + up(gelu(heads down x))) · sigmoid(up_g(gelu(down_g r)))."""
    module = drawn(model, "vl_pet", width=6, heads=2, gate_width=5)

    class Gated(_Behind):
        def sublayer(self, name: str, order: int, modality: int, y: Tensor, r: Tensor) -> Tensor:
            down = self.part(f"{name}_output", modality, "down", order)
            shifts = self.part(f"{name}_output", modality, "down_shift", order).chunk(2)
            heads = [F.linear(y, d.T, b) for d, b in zip(down.chunk(2, 1), shifts, strict=True)]
            up, shift, gate_down, gate_down_shift, gate_up, gate_shift = (
                self.part(f"{name}_output", modality, part, order)
                for part in (
                    "up",
                    "shift",
                    "gate_down",
                    "gate_down_shift",
                    "gate_up",
                    "gate_shift",
                )
            )
            x = y + F.linear(gelu_tanh(torch.cat(heads, -1)), up.T, shift)
            low = gelu_tanh(F.linear(r, gate_down.T, gate_down_shift))
            return x / (1 + torch.exp(-F.linear(low, gate_up.T, gate_shift)))

    compare(model, module, Gated(module, gelu_tanh))


def test_bitfit_trains_every_bias_of_a_block(model: OtmvModel) -> None:
    module = drawn(model, "bitfit")

    class Biases(Method):
        def linear(self, name: str, order: int, modality: int, x: Tensor, y: Tensor) -> Tensor:
            names = ("q", "k", "v") if name == "qkv" else (name,)
            biases = [table(module, f"block.{n}.{NAMES[modality]}.shift")[order] for n in names]
            return y + torch.cat(biases)

        def norm(self, name: str, order: int, modality: int) -> tuple[float, Tensor]:
            return 0.0, table(module, f"block.{name}.{NAMES[modality]}.shift")[order]

    compare(model, module, Biases())


@pytest.mark.parametrize("activation", ["none", "gelu"])
@pytest.mark.parametrize("unified", [False, True])
def test_adalink_per_modality_and_unified(model: OtmvModel, unified: bool, activation: str) -> None:
    """Eq. 1-2: E + f(E W_down) W_up."""
    module = drawn(model, "adalink", rank=3, unified=unified, activation=activation)
    f = F.gelu if activation == "gelu" else nn.Identity()

    class Link(Method):
        def stem(self, modality: int, e: Tensor) -> Tensor:
            under = "both" if unified else NAMES[modality]
            down, up = (table(module, f"stem.{under}.{part}") for part in ("down", "up"))
            return e + f(e @ down) @ up

    compare(model, module, Link())
    assert module.tuned_parameters() == (1 if unified else 2) * 2 * WIDTH * 3


def test_prompt_rows_stand_behind_the_text(model: OtmvModel) -> None:
    module = drawn(model, "prompt", rows=3)

    class Lester(Method):
        def prompt(self) -> Tensor:
            return table(module, "stem.prompt.rows")

    compare(model, module, Lester())


ZERO_AT_START = ("lora", "scaled_parallel", "bitfit", "adalink")
NEAR_ZERO_AT_START = ("serial", "pet_adapter", "vl_adapter")


@pytest.mark.parametrize("kind", FORMS)
def test_where_a_method_begins(model: OtmvModel, kind: str) -> None:
    torch.manual_seed(5)
    module = make_form(kind, {}).module(model).eval()
    pixels, tokens = tiny.pixels(3), tiny.words(3, 5)
    base = model.answer(VQA, pixels, tokens, None, EXECUTED)
    attach(model, module)
    moved = float((model.answer(VQA, pixels, tokens, None, EXECUTED) - base).abs().max())
    if kind in ZERO_AT_START:
        assert moved < 1e-5
    elif kind in NEAR_ZERO_AT_START:
        assert 0 < moved < 0.05
    else:
        assert moved > 0.05
