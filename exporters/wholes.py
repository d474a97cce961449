"""Whole variants: one graph a step, for each task (ADR 0021)."""

from __future__ import annotations

import torch
from torch import Tensor

from artifact.pattern import SkipPattern
from artifact.program import whole_stages
from artifact.task import TaskName
from exporters.stages import Call, Stage, TensorShape, pixels_shape, tokens_shape
from models.series import OtmvModel


def whole(
    model: OtmvModel, task: TaskName, variant: str, pattern: SkipPattern
) -> tuple[Stage, ...]:
    """Return the stages that hold a variant: what a server without our engine would load.

    Args:
        model: in eval mode.
        task: one of the model's. A caption has two stages, the others one.
        variant: id of the variant.
        pattern: what it executes.
    """
    names = whole_stages(task, variant)
    if task == "caption":
        return _image(names[0], model, pattern), _decode(names[1], model, pattern)
    return (_joint(names[0], model, task, pattern),)


def _joint(name: str, model: OtmvModel, task: TaskName, pattern: SkipPattern) -> Stage:
    """Return a question's or a statement's stage."""
    image_tokens, run = model.config.image_tokens, model.vqa if task == "vqa" else model.reason
    pixels = pixels_shape(model)
    if task == "reason":
        pixels = TensorShape(torch.uint8, ("B", 2, *pixels.shape[1:]), below=256)

    def answer(pixels: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
        return run(pixels, tokens, mask[:, image_tokens:], pattern.executed)

    classes = model.config.num_answers if task == "vqa" else 2
    return Stage(
        name,
        Call(model, answer),
        {
            "pixels": pixels,
            "tokens": tokens_shape(model, "B", "L"),
            "mask": TensorShape(torch.bool, ("B", "N")),
        },
        {"logits": TensorShape(torch.float32, ("B", classes))},
    )


def _image(name: str, model: OtmvModel, pattern: SkipPattern) -> Stage:
    """Return a caption's first stage: a picture's keys and values at every executed order."""

    def see(pixels: Tensor) -> tuple[Tensor, ...]:
        cache = model.see(pixels, pattern.executed)
        return tuple(tensor for order in pattern.executed for tensor in cache[order])

    cache = _cache(model, pattern, model.config.image_tokens)
    return Stage(name, Call(model, see), {"pixels": pixels_shape(model)}, cache)


def _decode(name: str, model: OtmvModel, pattern: SkipPattern) -> Stage:
    """Return a caption's second stage: one more word."""

    def word(tokens: Tensor, position: Tensor, mask: Tensor, *kv: Tensor) -> tuple[Tensor, ...]:
        pairs = zip(kv[::2], kv[1::2], strict=True)
        cache = dict(zip(pattern.executed, pairs, strict=True))
        logits, new = model.word(tokens, position, mask, cache, pattern.executed)
        return logits, *(tensor for order in pattern.executed for tensor in new[order])

    position = TensorShape(torch.int64, ("B",), below=model.config.max_text_positions - 1)
    logits = TensorShape(torch.float32, ("B", model.config.vocab_size))
    return Stage(
        name,
        Call(model, word),
        {
            "tokens": tokens_shape(model, "B", 2),
            "position": position,
            "mask": TensorShape(torch.bool, ("B", "T")),
            **_cache(model, pattern, "T"),
        },
        {"logits": logits, **_cache(model, pattern, 1, "_new")},
    )


def _cache(
    model: OtmvModel, pattern: SkipPattern, tokens: int | str, suffix: str = ""
) -> dict[str, TensorShape]:
    """Return `k.o` and `v.o` for every executed order o; orders may differ in heads and width."""
    found: dict[str, TensorShape] = {}
    for order in pattern.executed:
        inside = model.key_of(order)[0].shape
        shape = TensorShape(torch.float32, ("B", inside.heads, tokens, inside.head_width))
        found |= {f"k{suffix}.{order}": shape, f"v{suffix}.{order}": shape}
    return found
