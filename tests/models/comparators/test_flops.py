"""FLOPs of every method against torch's own counter on the running model."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from artifact.task import REASON, VQA
from exporters.tasks.caption import image_flops, word_flops
from exporters.tasks.one_pass import request_flops
from models.comparators.build import build
from models.comparators.methods import METHODS
from tests.models.comparators.shapes import base


def counted(run: Callable[[], object]) -> int:
    """Return what torch counts; attention as two products, which its counter knows everywhere."""
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()


@pytest.mark.parametrize("method", METHODS)
def test_flops_are_those_that_torch_counts(method: str) -> None:
    made = build(method, base())
    model, pattern = made.model, made.pattern
    pixels = torch.zeros(1, 8, 8, 3, dtype=torch.uint8)
    tokens, real = torch.zeros(1, 9, dtype=torch.int64), torch.ones(1, 9, dtype=torch.bool)
    executed = pattern.executed
    assert request_flops(VQA, model, pattern, 9) == counted(
        lambda: model.answer(VQA, pixels, tokens, real, executed)
    )
    assert request_flops(REASON, model, pattern, 9) == counted(
        lambda: model.answer(
            REASON, pixels[:, None].expand(-1, 2, -1, -1, -1), tokens, real, executed
        )
    )
    assert image_flops(model, pattern, composed=False) == counted(
        lambda: model.see(pixels, executed)
    )
    cache = model.see(pixels, executed)  # 5 tokens of the picture
    assert word_flops(model, pattern, 5) == counted(
        lambda: model.next_word(tokens[:, 0], 0, 4, cache, executed)
    )
