"""A method's model on the device, what it runs for each task, and the FLOPs of that.

Stem and blocks hold bf16 weights and run in bf16 (LayerNorm's sums are fp32 inside its kernel, the
readout is summed in fp32). Heads are fp32 with TF32 products, but for the captions' vocabulary
matrix, whose product is bf16: it is read once per word.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from artifact.config import ModelConfig
from artifact.pattern import SkipPattern
from artifact.task import CAPTION, TASKS
from loadtests.gpu.device.device import Device, Replay
from loadtests.gpu.models.captions import Captioner
from loadtests.gpu.suite.rig import Rig
from loadtests.gpu.suite.sizes import SizedWork
from models.comparators.build import build
from models.series import OtmvModel

PRECISION = torch.bfloat16
WORDS_FROM = 5
"""Ids below are special tokens."""

BOS, MASK = 0, 4


class _LowLinear(nn.Module):
    """A linear layer in bf16 between fp32 tensors."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.linear = linear.to(PRECISION)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.linear(x.to(PRECISION)).float()
        return found


def lowered(model: OtmvModel, device: Device) -> OtmvModel:
    """Bring a model to the device in the suite's precision; it is changed in place."""
    model.requires_grad_(False).to(device.place, PRECISION)
    model.heads.float()
    if CAPTION.name in model.heads:
        head = model.heads[CAPTION.name]
        words = head.get_submodule("words")
        assert isinstance(words, nn.Linear)
        head.add_module("words", _LowLinear(words))
    return model.eval()


def made(method: str, config: ModelConfig, rig: Rig) -> tuple[OtmvModel, SkipPattern]:
    """Build a method's model where it will run, with seeded random weights."""
    with rig.device.place:
        built = build(method, config, rig.seed)
    return lowered(built.model, rig.device), built.pattern


@dataclass(frozen=True)
class RandomInputs:
    """What every method is given: random, the same for all.

    Attributes:
        pixels: uint8 `[batch, side, side, 3]`, or `[batch, 2, side, side, 3]`.
        tokens: int64 `[batch, length]`, no padding; None for captions.
    """

    pixels: Tensor
    tokens: Tensor | None

    def first(self, count: int) -> RandomInputs:
        """Return those of the first requests."""
        tokens = None if self.tokens is None else self.tokens[:count]
        return RandomInputs(self.pixels[:count], tokens)


def draw(work: SizedWork, config: ModelConfig, rig: Rig) -> RandomInputs:
    """Draw a task's inputs."""
    chance = torch.Generator(rig.device.place).manual_seed(rig.seed)
    place = rig.device.place
    asked = TASKS[work.task]
    pictures = (asked.pictures,) if asked.pictures > 1 else ()
    shape = (work.batch, *pictures, work.side_px, work.side_px, 3)
    pixels = torch.randint(0, 256, shape, generator=chance, device=place, dtype=torch.uint8)
    if asked.text is None:
        return RandomInputs(pixels, None)
    length = (work.batch, work.text_tokens)
    tokens = torch.randint(WORDS_FROM, config.vocab_size, length, generator=chance, device=place)
    return RandomInputs(pixels, tokens)


def whole(
    model: OtmvModel, pattern: SkipPattern, work: SizedWork, inputs: RandomInputs
) -> Callable[[], Tensor]:
    """Return the call that does a task once: question or statement. No text is padded: no mask."""
    assert inputs.tokens is not None, "a caption takes several calls"
    tokens, executed = inputs.tokens, pattern.executed
    task = TASKS[work.task]
    return lambda: model.answer(task, inputs.pixels, tokens, None, executed)


@dataclass(frozen=True)
class Launched:
    """A method's work, ready to be launched."""

    launch: Callable[[], None]
    output: Callable[[], Any]


def captured(
    model: OtmvModel, pattern: SkipPattern, work: SizedWork, inputs: RandomInputs, device: Device
) -> Launched:
    """Capture a task as graphs: one, or for captions the image pass and one word."""
    if not TASKS[work.task].writes:
        replay = device.capture(whole(model, pattern, work, inputs))
        return Launched(replay, lambda: replay.output)
    writer = Captioner(model, pattern, inputs.pixels, work.words, BOS, MASK)
    see = device.capture(writer.see)
    word: Replay = device.capture(writer.word)

    def launch() -> None:
        see()
        for _ in range(work.words):
            word()

    return Launched(launch, lambda: word.output)


def flops(model: OtmvModel, pattern: SkipPattern, work: SizedWork, inputs: RandomInputs) -> int:
    """Count the FLOPs of one request, from the products that it really launches.

    Attention is counted by its products whatever kernel would run it.
    """
    one = inputs.first(1)
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        if not TASKS[work.task].writes:
            whole(model, pattern, work, one)()
        else:
            writer = Captioner(model, pattern, one.pixels, work.words, BOS, MASK)
            writer.see()
            for _ in range(work.words):
                writer.word()
    return int(counter.get_total_flops())


def relative_l2(found: Tensor, wanted: Tensor) -> float:
    """Return |found − wanted| / |wanted|, in fp32."""
    difference = torch.linalg.vector_norm(found.float() - wanted.float())
    return float(difference / torch.linalg.vector_norm(wanted.float()))
