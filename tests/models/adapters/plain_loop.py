"""The forward pass written out again, without hooks: a method changes values where it says."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from models.key_block import KeyBlock
from models.series import OtmvModel
from models.tasks.vqa import VqaHead

F = nn.functional


class Method:
    """A method that changes nothing; a test overrides what its method changes.

    Modality 0 is the image's, 1 the text's; `order` is over the whole stack.
    """

    def stem(self, modality: int, e: Tensor) -> Tensor:
        return e

    def prompt(self) -> Tensor | None:
        return None

    def linear(self, name: str, order: int, modality: int, x: Tensor, y: Tensor) -> Tensor:
        return y

    def sublayer(self, name: str, order: int, modality: int, y: Tensor, r: Tensor) -> Tensor:
        return y

    def norm(self, name: str, order: int, modality: int) -> tuple[Tensor | float, Tensor | float]:
        return 0.0, 0.0

    def prefix(self, order: int) -> tuple[Tensor, Tensor] | None:
        return None


def answer(
    model: OtmvModel,
    pixels: Tensor,
    tokens: Tensor,
    mask: Tensor,
    executed: Sequence[int],
    method: Method,
) -> Tensor:
    """Answer questions: logits `[batch, answers]`."""
    image, text = method.stem(0, model.stem.image(pixels)), method.stem(1, model.stem.text(tokens))
    rows = method.prompt()
    if rows is not None:
        text = torch.cat([text, rows.expand(len(text), -1, -1)], 1)
        mask = torch.cat([mask, torch.ones(len(mask), len(rows), dtype=torch.bool)], 1)
    seen = torch.cat([torch.ones(len(mask), image.shape[1], dtype=torch.bool), mask], 1)
    h, n = torch.cat([image, text], 1), image.shape[1]
    y = torch.zeros(len(h), 2, h.shape[-1])
    for order in executed:
        h = _block(model, order, h, n, seen, method)
        y = y + torch.stack([h[:, 0], h[:, n]], 1)
    head = model.heads["vqa"]
    assert isinstance(head, VqaHead)
    logits: Tensor = head(y)
    return logits


def _block(model: OtmvModel, order: int, h: Tensor, n: int, seen: Tensor, method: Method) -> Tensor:
    key, at = model.key_of(order)

    def apart(x: Tensor) -> list[Tensor]:
        return [x[:, :n], x[:, n:]]

    def normed(name: str, x: Tensor) -> list[Tensor]:
        table, made = getattr(key, name), []
        for m, part in enumerate(apart(x)):
            scale, shift = method.norm(name, order, m)
            weight, bias = table.scale[at, m] + scale, table.shift[at, m] + shift
            made.append(F.layer_norm(part, (part.shape[-1],), weight, bias, table.eps))
        return made

    def linear(name: str, xs: list[Tensor]) -> Tensor:
        each = getattr(key, name)
        outputs = [each[m if len(each) == 2 else 0](x) for m, x in enumerate(xs)]
        changed = [method.linear(name, order, m, x, outputs[m]) for m, x in enumerate(xs)]
        return torch.cat(changed, 1)

    def sublayer(name: str, y: Tensor) -> Tensor:
        pairs = zip(apart(y), apart(h), strict=True)
        return torch.cat(
            [method.sublayer(name, order, m, *pair) for m, pair in enumerate(pairs)], 1
        )

    mixed = _attention(key, linear("qkv", normed("attention_norm", h)), seen, method.prefix(order))
    h = h + sublayer("attention", linear("out", normed("inner_attention_norm", mixed)))
    inside = F.gelu(linear("fc1", normed("ffn_norm", h)))
    h = h + sublayer("ffn", linear("fc2", normed("inner_ffn_norm", inside)))
    return h * key.coefficient[at]


def _attention(
    key: KeyBlock, qkv: Tensor, seen: Tensor, rows: tuple[Tensor, Tensor] | None
) -> Tensor:
    q, k, v = qkv.chunk(3, -1)
    if rows is not None:
        k, v = (
            torch.cat([r.expand(len(x), -1, -1), x], 1) for r, x in zip(rows, (k, v), strict=True)
        )
        seen = torch.cat([torch.ones(len(seen), len(rows[0]), dtype=torch.bool), seen], 1)
    heads = []
    width = key.shape.head_width
    for head in range(key.heads):
        part = slice(head * width, (head + 1) * width)
        scores = q[..., part] @ k[..., part].transpose(1, 2) / width**0.5
        shares = scores.masked_fill(~seen[:, None], -torch.inf).softmax(-1)
        heads.append(shares @ v[..., part])
    return torch.cat(heads, -1)
