"""The graphs of captions: of shared stages, and of whole variants (ADR 0021)."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from artifact.manifest.adapted import AdapterCapacity
from artifact.pattern import SkipPattern
from artifact.stage import StageName
from artifact.task import CAPTION
from exporters.adapted.room import Room, attached
from exporters.stages import (
    Call,
    TensorShape,
    UncompiledStage,
    each_key,
    order_shape,
    pixels_shape,
    tokens_shape,
)
from models.key_block import KeyBlock
from models.norms import IMAGE, TEXT
from models.series import OtmvModel

_SEE, _WRITE = CAPTION.passes


def composed(model: OtmvModel, capacity: AdapterCapacity) -> Iterator[UncompiledStage]:
    """Yield the stages that any variant is composed of: both stems, blocks, and the head."""
    config = model.config
    size, tokens = config.other_size_of(CAPTION.name), config.image_tokens_of(CAPTION.name)
    image = TensorShape(torch.float32, ("B", tokens, config.width))
    pair = TensorShape(torch.float32, ("B", 2, config.width))
    read = TensorShape(torch.float32, ("B", len(CAPTION.reads), config.width))
    yield from _stems(model, size, image, pair, capacity)
    for index, key in each_key(model):
        orders = key.coefficient.numel()
        room = Room(capacity, config, (IMAGE,), orders)
        yield _image_block(_SEE.block_at(index, size), key, image, _cache(model, tokens), room)
        room = Room(capacity, config, (TEXT,), orders)
        yield _word_block(_WRITE.block_at(index, size), model, key, (pair, read), room)
    module = model.heads[CAPTION.name]

    def head(y: Tensor) -> Tensor:
        logits: Tensor = module(y)
        return logits[:, 0]

    logits = TensorShape(torch.float32, ("B", config.vocab_size))
    yield UncompiledStage(CAPTION.head, Call(module, head), {"y": read}, {"logits": logits})


def _stems(
    model: OtmvModel,
    size: int | None,
    image: TensorShape,
    pair: TensorShape,
    capacity: AdapterCapacity,
) -> Iterator[UncompiledStage]:
    seeing, reading = (Room(capacity, model.config, (each,), None) for each in (IMAGE, TEXT))

    def picture(pixels: Tensor, *given: Tensor) -> Tensor:
        with attached(model.stem, seeing.lookup(None, given)):
            return model.stem.image(pixels)

    inputs = {"pixels": pixels_shape(model, CAPTION.name), **seeing.inputs()}
    yield UncompiledStage(_SEE.stem_at(size), Call(model.stem, picture), inputs, {"h": image})

    def words(tokens: Tensor, position: Tensor, *given: Tensor) -> Tensor:
        with attached(model.stem, reading.lookup(None, given)):
            return model.stem.text(tokens, torch.stack([position, position + 1], dim=1))

    inputs = {"tokens": tokens_shape(model, "B", 2), "position": _position(model)}
    inputs |= reading.inputs()
    yield UncompiledStage(_WRITE.stem, Call(model.stem, words), inputs, {"h": pair})


def _image_block(
    name: StageName, key: KeyBlock, image: TensorShape, seen: TensorShape, room: Room
) -> UncompiledStage:
    def see(h: Tensor, order: Tensor, *given: Tensor) -> object:
        with attached(key, room.lookup(order, given)):
            return key.image_pass(h, order)

    inputs = {"h": image, "order": order_shape(key), **room.inputs()}
    return UncompiledStage(name, Call(key, see), inputs, {"h_out": image, "k": seen, "v": seen})


def _word_block(
    name: StageName,
    model: OtmvModel,
    key: KeyBlock,
    hidden: tuple[TensorShape, TensorShape],
    room: Room,
) -> UncompiledStage:
    pair, read = hidden

    def decode(
        h: Tensor, order: Tensor, k: Tensor, v: Tensor, mask: Tensor, *given: Tensor
    ) -> object:
        with attached(key, room.lookup(order, given)):
            h, k_new, v_new = key.decode(h, order, k, v, mask)
        return h, h[:, 1:], k_new, v_new

    mask = TensorShape(torch.bool, ("B", "T"))
    cache, new = _cache(model, "T"), _cache(model, 1)
    inputs = {"h": pair, "order": order_shape(key), "k": cache, "v": cache, "mask": mask}
    outputs = {"h_out": pair, "r": read, "k_new": new, "v_new": new}
    return UncompiledStage(name, Call(key, decode), inputs | room.inputs(), outputs)


def whole(
    model: OtmvModel, variant: str, pattern: SkipPattern
) -> tuple[UncompiledStage, UncompiledStage]:
    """Return the two stages of a whole variant: its picture, and a word.

    Args:
        model: in eval mode.
        variant: id of the variant.
        pattern: what it executes.
    """
    image, word = CAPTION.whole_stages(variant)
    return _whole_image(image, model, pattern), _whole_word(word, model, pattern)


def _whole_image(name: StageName, model: OtmvModel, pattern: SkipPattern) -> UncompiledStage:
    """Return a caption's first stage: a picture's keys and values at every executed order."""

    def see(pixels: Tensor) -> tuple[Tensor, ...]:
        cache = model.see(pixels, pattern.executed)
        return tuple(tensor for order in pattern.executed for tensor in cache[order])

    cache = _caches(model, pattern, model.config.image_tokens_of(CAPTION.name))
    inputs = {"pixels": pixels_shape(model, CAPTION.name)}
    return UncompiledStage(name, Call(model, see), inputs, cache)


def _whole_word(name: StageName, model: OtmvModel, pattern: SkipPattern) -> UncompiledStage:
    """Return a caption's second stage: one more word."""

    def word(tokens: Tensor, position: Tensor, mask: Tensor, *kv: Tensor) -> tuple[Tensor, ...]:
        pairs = zip(kv[::2], kv[1::2], strict=True)
        cache = dict(zip(pattern.executed, pairs, strict=True))
        logits, new = model.word(tokens, position, mask, cache, pattern.executed)
        return logits, *(tensor for order in pattern.executed for tensor in new[order])

    logits = TensorShape(torch.float32, ("B", model.config.vocab_size))
    return UncompiledStage(
        name,
        Call(model, word),
        {
            "tokens": tokens_shape(model, "B", 2),
            "position": _position(model),
            "mask": TensorShape(torch.bool, ("B", "T")),
            **_caches(model, pattern, "T"),
        },
        {"logits": logits, **_caches(model, pattern, 1, "_new")},
    )


def _caches(
    model: OtmvModel, pattern: SkipPattern, tokens: int | str, suffix: str = ""
) -> dict[str, TensorShape]:
    """Return `k.o` and `v.o` for every executed order o; orders may differ in heads and width."""
    found: dict[str, TensorShape] = {}
    for order in pattern.executed:
        inside = model.key_of(order)[0].shape
        shape = TensorShape(torch.float32, ("B", inside.heads, tokens, inside.head_width))
        found |= {f"k{suffix}.{order}": shape, f"v{suffix}.{order}": shape}
    return found


def _cache(model: OtmvModel, tokens: int | str) -> TensorShape:
    """Return the keys or values of an order whose key has the config's heads."""
    return TensorShape(torch.float32, ("B", model.config.heads, tokens, model.config.head_width))


def _position(model: OtmvModel) -> TensorShape:
    """Return the last word's place in the text; MASK stands one further."""
    return TensorShape(torch.int64, ("B",), below=model.config.max_text_positions - 1)
