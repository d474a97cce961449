"""Checkpoints and adapters with random numbers, for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from torch import Tensor

from artifact.adapters.folder import Adapter, read_adapter, write_adapter
from artifact.adapters.record import AdaptedBase
from artifact.task import VQA
from models.adapters.forms import make_form
from models.adapters.hooked import attach, detach
from models.adapters.loaded import TunedAdapter, as_record, loaded
from models.checkpoint import Checkpoint
from models.series import OtmvModel
from tests.models import tiny

EXECUTED = (0, 1, 3)
BASE = AdaptedBase(name="tiny", checkpoint_sha256="0" * 64)
PEFT = Path(__file__).parents[2] / "fixtures/peft"
SMALL = {"prefix": {"rows": 3, "inner": 5}, "prompt": {"rows": 3}, "mam": {"rows": 2, "inner": 5}}


def checkpoint(**changes: Any) -> Checkpoint:
    model = tiny.model(tiny.config(**changes))
    words = Tokenizer(WordLevel({"<unk>": 0}, unk_token="<unk>"))
    labels = tuple(map(str, range(model.config.num_answers)))
    return Checkpoint(model, words, labels, "0" * 64, {})


@torch.no_grad()
def tuned(
    base: Checkpoint, folder: Path, kind: str, heads: tuple[str, ...] = (), **settings: Any
) -> Adapter:
    """Write a random adapter, and read it."""
    torch.manual_seed(13)
    module = make_form(kind, {**SMALL.get(kind, {}), **settings}).module(base.model).eval()
    for parameter in module.parameters():
        parameter.copy_(0.3 * torch.randn(parameter.shape))
    said = TunedAdapter("pets", kind, BASE, (VQA.name,), heads)
    attach(base.model, module)
    wanted = answer(base.model)
    detach(base.model)
    write_adapter(folder, *as_record(said, module, base.model))
    made = read_adapter(folder)
    attach(base.model, loaded(made))
    torch.testing.assert_close(answer(base.model), wanted, rtol=1e-6, atol=1e-6)
    detach(base.model)
    return made


@torch.inference_mode()
def answer(model: OtmvModel) -> Tensor:
    mask = torch.arange(5)[None] < torch.tensor([[5], [3], [1]])
    return model.answer(VQA, tiny.pixels(3), tiny.words(3, 5), mask, EXECUTED)


@torch.inference_mode()
def captions(model: OtmvModel) -> Tensor:
    return model.caption_logits(tiny.pixels(3), tiny.words(3, 5), tiny.MASK, (0, 2, 3))


def far(found: Tensor, wanted: Tensor) -> float:
    return float((found - wanted).norm() / wanted.norm())
