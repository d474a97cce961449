"""Compares a method in the model with its formula in the plain loop."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from artifact.task import VQA
from models.adapters.forms import make_form
from models.adapters.hooked import attach, detach
from models.adapters.tunable import AdapterModule
from models.series import OtmvModel
from tests.models import tiny
from tests.models.adapters.plain_loop import Method, answer

F = nn.functional
EXECUTED = (0, 1, 3)
WIDTH, FFN, HEADS, ORDERS = 16, 24, 2, tiny.ORDERS


def drawn(model: OtmvModel, kind: str, **settings: Any) -> AdapterModule:
    """Return a method's module in eval mode, every number of it random."""
    torch.manual_seed(7)
    module = make_form(kind, settings).module(model).eval()
    for parameter in module.parameters():
        parameter.copy_(0.4 * torch.randn(parameter.shape))
    return module


def table(module: AdapterModule, name: str) -> Tensor:
    """Return what is tuned under a name, as it is before factors."""
    found: Tensor = dict(module.named_parameters())[f"tuned.{name.replace('.', '_')}"]
    return found


def compare(model: OtmvModel, module: AdapterModule, method: Method) -> None:
    """Compare the hooked model with the plain loop, and see that the method matters."""
    pixels, tokens = tiny.pixels(3), tiny.words(3, 5)
    mask = torch.arange(5)[None] < torch.tensor([[5], [3], [1]])
    base = model.answer(VQA, pixels, tokens, mask, EXECUTED)
    torch.testing.assert_close(base, answer(model, pixels, tokens, mask, EXECUTED, Method()))
    wanted = answer(model, pixels, tokens, mask, EXECUTED, method)
    attach(model, module)
    found = model.answer(VQA, pixels, tokens, mask, EXECUTED)
    detach(model)
    assert float((found - wanted).norm() / wanted.norm()) < 1e-5
    assert float((found - base).norm() / base.norm()) > 1e-3
    torch.testing.assert_close(
        base, model.answer(VQA, pixels, tokens, mask, EXECUTED), rtol=0, atol=0
    )


NAMES = ("image", "text")
