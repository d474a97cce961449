"""Cut a model into stages: small modules with the names, shapes and dtypes of the contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from artifact.manifest import TensorSpec
from artifact.program import (
    HEAD_CAPTION,
    HEAD_REASON,
    HEAD_VQA,
    STEM_CAPTION,
    STEM_DECODE,
    STEM_VQA,
    block_stage,
)
from artifact.task import TaskName
from models.key_block import KeyBlock, key_mask_bias
from models.series import OtmvModel

Shape = tuple[int | str, ...]
"""Sizes, and symbols: B rows, N tokens, L text tokens, T cached tokens."""

_DTYPES = {torch.uint8: "uint8", torch.int64: "int64", torch.bool: "bool", torch.float32: "float32"}


@dataclass(frozen=True)
class TensorShape:
    """One input or output of a stage; `below` bounds random integers (exclusive)."""

    dtype: torch.dtype
    shape: Shape
    below: int = 0

    @property
    def spec(self) -> TensorSpec:
        """The manifest's form."""
        return TensorSpec.model_validate({"dtype": _DTYPES[self.dtype], "shape": self.shape})

    def random(self, sizes: Mapping[str, int], generator: torch.Generator) -> Tensor:
        """Draw a tensor; a mask keeps at least its first entries, as text padding does."""
        shape = [sizes[size] if isinstance(size, str) else size for size in self.shape]
        if self.dtype is torch.float32:
            return torch.randn(shape, generator=generator)
        if self.dtype is torch.bool:
            kept = torch.randint(
                (shape[1] + 1) // 2, shape[1] + 1, (shape[0], 1), generator=generator
            )
            return torch.arange(shape[1])[None] < kept
        return torch.randint(0, self.below, shape, generator=generator).to(self.dtype)


@dataclass(frozen=True)
class Stage:
    """A stage before it is compiled."""

    name: str
    module: nn.Module
    inputs: Mapping[str, TensorShape]
    outputs: Mapping[str, TensorShape]

    def random_inputs(self, sizes: Mapping[str, int], seed: int) -> dict[str, Tensor]:
        """Draw distinct random inputs; one tensor is never passed as two inputs.

        Args:
            sizes: B, L, N and T.
            seed: of the draw.
        """
        generator = torch.Generator().manual_seed(seed)
        return {name: tensor.random(sizes, generator) for name, tensor in self.inputs.items()}


class Call(nn.Module):
    """A module whose forward is a function over another module; parameters stay the model's."""

    def __init__(self, owner: nn.Module, call: Callable[..., object]) -> None:
        super().__init__()
        self.owner = owner
        self.call = call

    def forward(self, *tensors: Tensor) -> object:
        """Call the function."""
        return self.call(*tensors)


def cut(model: OtmvModel) -> Iterator[Stage]:
    """Yield every stage of a composed engine, for the model's tasks.

    Args:
        model: in eval mode.
    """
    if {"vqa", "reason"} & set(model.config.tasks):
        yield from _joint_stages(model)
    if "caption" in model.config.tasks:
        yield from _caption_stages(model)


def pixels_shape(model: OtmvModel) -> TensorShape:
    """Return a picture's pixels, one a row."""
    side = model.config.image_size
    return TensorShape(torch.uint8, ("B", side, side, 3), below=256)


def tokens_shape(model: OtmvModel, *shape: int | str) -> TensorShape:
    """Return token ids of that shape."""
    return TensorShape(torch.int64, shape, below=model.config.vocab_size)


def _joint_stages(model: OtmvModel) -> Iterator[Stage]:
    """Yield what questions and statements share, then their heads."""
    config, image_tokens = model.config, model.config.image_tokens
    hidden = TensorShape(torch.float32, ("B", "N", config.width))
    read = TensorShape(torch.float32, ("B", 2, config.width))
    mask = TensorShape(torch.bool, ("B", "N"))

    def stem(pixels: Tensor, tokens: Tensor) -> Tensor:
        return torch.cat([model.stem.image(pixels), model.stem.text(tokens)], dim=1)

    yield Stage(
        STEM_VQA,
        Call(model.stem, stem),
        {"pixels": pixels_shape(model), "tokens": tokens_shape(model, "B", "L")},
        {"h": hidden},
    )
    for index, key in _keys(model):

        def block(h: Tensor, order: Tensor, mask: Tensor, key: KeyBlock = key) -> object:
            h = key(h, order, image_tokens, key_mask_bias(mask, h.dtype))
            return h, model.read_joint(h)

        yield Stage(
            block_stage(index),
            Call(key, block),
            {"h": hidden, "order": _order(key), "mask": mask},
            {"h_out": hidden, "r": read},
        )
    if "vqa" in config.tasks:
        yield _head(model, HEAD_VQA, "vqa", read, config.num_answers)
    if "reason" in config.tasks:
        pair = TensorShape(torch.float32, ("B", 2, 2, config.width))
        yield _head(model, HEAD_REASON, "reason", pair, 2)


def _head(model: OtmvModel, stage: str, task: TaskName, y: TensorShape, classes: int) -> Stage:
    head = model.heads[task]
    logits = TensorShape(torch.float32, ("B", classes))
    return Stage(stage, Call(head, lambda y: head(y)), {"y": y}, {"logits": logits})


def _caption_stages(model: OtmvModel) -> Iterator[Stage]:
    config = model.config
    image = TensorShape(torch.float32, ("B", config.image_tokens, config.width))
    pair = TensorShape(torch.float32, ("B", 2, config.width))
    read = TensorShape(torch.float32, ("B", 1, config.width))
    cache = _cache(model, "T")
    yield Stage(
        STEM_CAPTION,
        Call(model.stem, model.stem.image),
        {"pixels": pixels_shape(model)},
        {"h": image},
    )

    def words(tokens: Tensor, position: Tensor) -> Tensor:
        return model.stem.text(tokens, torch.stack([position, position + 1], dim=1))

    position = TensorShape(torch.int64, ("B",), below=config.max_text_positions - 1)
    tokens = tokens_shape(model, "B", 2)
    yield Stage(
        STEM_DECODE,
        Call(model.stem, words),
        {"tokens": tokens, "position": position},
        {"h": pair},
    )
    for index, key in _keys(model):
        seen = _cache(model, config.image_tokens)
        yield Stage(
            block_stage(index, "block_image"),
            Call(key, key.image_pass),
            {"h": image, "order": _order(key)},
            {"h_out": image, "k": seen, "v": seen},
        )

        def decode(
            h: Tensor, order: Tensor, k: Tensor, v: Tensor, mask: Tensor, key: KeyBlock = key
        ) -> object:
            h, k_new, v_new = key.decode(h, order, k, v, mask)
            return h, h[:, 1:], k_new, v_new

        mask = TensorShape(torch.bool, ("B", "T"))
        new = _cache(model, 1)
        yield Stage(
            block_stage(index, "block_decode"),
            Call(key, decode),
            {"h": pair, "order": _order(key), "k": cache, "v": cache, "mask": mask},
            {"h_out": pair, "r": read, "k_new": new, "v_new": new},
        )

    def head(y: Tensor) -> Tensor:
        logits: Tensor = model.heads["caption"](y)
        return logits[:, 0]

    logits = TensorShape(torch.float32, ("B", config.vocab_size))
    yield Stage(HEAD_CAPTION, Call(model.heads["caption"], head), {"y": read}, {"logits": logits})


def _keys(model: OtmvModel) -> Iterator[tuple[int, KeyBlock]]:
    for index, key in enumerate(model.keys):
        assert isinstance(key, KeyBlock)
        yield index, key


def _order(key: KeyBlock) -> TensorShape:
    return TensorShape(torch.int64, ("B",), below=key.coefficient.numel())


def _cache(model: OtmvModel, tokens: int | str) -> TensorShape:
    return TensorShape(torch.float32, ("B", model.config.heads, tokens, model.config.head_width))
