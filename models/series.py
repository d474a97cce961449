"""The OTMV series over BEiT-3: one chain over all orders, read out as a sum (docs/adr/0006).

    h_k = c_k F(h_{k-1})            every executed order k (a closed gate leaves h alone)
    y   = sum of executed h_k       readout "series" (supplement, eq. 3, its nested form)
    y   = h of the last one         readout "last" (the reference model)

The heads read one or two tokens, so only those are accumulated, in fp32.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from artifact.config import ModelConfig
from models.heads import CaptionHead, ReasonHead, VqaHead
from models.key_block import KeyBlock, key_mask_bias, masked_decoding_bias
from models.stem import Stem

Cache = dict[int, tuple[Tensor, Tensor]]
"""Keys and values of caption decoding by order, each `[batch, heads, cached, head width]`."""


@dataclass(frozen=True)
class SpecialTokens:
    """Ids of the tokens that caption decoding needs."""

    bos: int
    eos: int
    mask: int


class OtmvModel(nn.Module):
    """A BEiT-3 encoder whose orders share key blocks.

    Args:
        config: shape, keys, readout and tasks.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.stem = Stem(config)
        self.keys = nn.ModuleList(
            KeyBlock(config, len(config.orders_of_key(g))) for g in range(config.keys)
        )
        self.heads = nn.ModuleDict()
        if "vqa" in config.tasks:
            self.heads["vqa"] = VqaHead(config)
        if "caption" in config.tasks:
            self.heads["caption"] = CaptionHead(config)
        if "reason" in config.tasks:
            self.heads["reason"] = ReasonHead(config)

    def key_of(self, order: int) -> tuple[KeyBlock, int]:
        """Return the key block of a global order, and the order's index inside that key."""
        key = self.keys[self.config.key_of_order[order]]
        assert isinstance(key, KeyBlock)
        return key, self.config.order_in_key(order)

    def chain(
        self,
        h: Tensor,
        executed: Sequence[int],
        image_tokens: int,
        bias: Tensor | None,
        read: Callable[[Tensor], Tensor],
    ) -> tuple[Tensor, Tensor]:
        """Run the executed orders and accumulate the readout.

        Args:
            h: stem output `[batch, tokens, width]`.
            executed: global orders, ascending.
            image_tokens: leading image tokens.
            bias: additive attention bias, or None.
            read: picks the readout tokens, `[batch, tokens, width] -> [batch, read, width]`.

        Returns:
            `(h, y)`: the last hidden state, and the fp32 readout `[batch, read, width]`.
        """
        y: Tensor | None = None
        for order in executed:
            key, order_in_key = self.key_of(order)
            h = key(h, order_in_key, image_tokens, bias)
            r = read(h).float()
            y = r if y is None or self.config.readout == "last" else y + r
        assert y is not None, "order 0 is always executed"
        return h, y

    def vqa(
        self, pixels: Tensor, tokens: Tensor, text_mask: Tensor | None, executed: Sequence[int]
    ) -> Tensor:
        """Answer questions about pictures.

        Args:
            pixels: uint8 `[batch, side, side, 3]`.
            tokens: int64 `[batch, length]`, padded.
            text_mask: bool `[batch, length]`, True for real tokens; None where nothing is padded
                (attention without a bias has faster kernels on a GPU).
            executed: global orders, ascending, starting with 0.

        Returns:
            fp32 logits `[batch, num_answers]`.
        """
        logits: Tensor = self.heads["vqa"](self._joint(pixels, tokens, text_mask, executed))
        return logits

    def reason(
        self, pixels: Tensor, tokens: Tensor, text_mask: Tensor | None, executed: Sequence[int]
    ) -> Tensor:
        """Judge statements about two pictures: one row for each picture, joined at the head.

        Args:
            pixels: uint8 `[batch, 2, side, side, 3]`, left and right.
            tokens: int64 `[batch, length]`, padded.
            text_mask: bool `[batch, length]`, True for real tokens; None where nothing is padded
                (attention without a bias has faster kernels on a GPU).
            executed: global orders, ascending, starting with 0.

        Returns:
            fp32 logits `[batch, 2]`: false, true.
        """
        words = tokens.repeat_interleave(2, dim=0)
        real = None if text_mask is None else text_mask.repeat_interleave(2, dim=0)
        y = self._joint(pixels.flatten(0, 1), words, real, executed)
        logits: Tensor = self.heads["reason"](y.view(-1, 2, *y.shape[1:]))
        return logits

    def _joint(
        self, pixels: Tensor, tokens: Tensor, text_mask: Tensor | None, executed: Sequence[int]
    ) -> Tensor:
        """Run pictures and texts together; fp32 readout `[batch, 2, width]`."""
        h = torch.cat([self.stem.image(pixels), self.stem.text(tokens)], dim=1)
        image_tokens = self.config.image_tokens
        bias = None
        if text_mask is not None:
            real = nn.functional.pad(text_mask, (image_tokens, 0), value=True)
            bias = key_mask_bias(real, h.dtype)
        return self.chain(h, executed, image_tokens, bias, self.read_joint)[1]

    def read_joint(self, h: Tensor) -> Tensor:
        """Pick image token 0 and text token 0: `[batch, 2, width]`."""
        nv = self.config.image_tokens
        return torch.cat([h[:, :1], h[:, nv : nv + 1]], dim=1)

    def caption_logits(
        self, pixels: Tensor, words: Tensor, mask_id: int, executed: Sequence[int]
    ) -> Tensor:
        """Score every next word of given captions, exactly as masked decoding would.

        MASK t stands at position t and sees the picture, words before t, and itself; so the text is
        the words followed by one MASK for each of them (BEiT-3 feeds them one pair at a time).

        Args:
            pixels: uint8 `[batch, side, side, 3]`.
            words: int64 `[batch, length]`, beginning with BOS.
            mask_id: id of MASK.
            executed: global orders.

        Returns:
            fp32 logits `[batch, length, vocab_size]`; entry t predicts the word after word t.
        """
        length, image_tokens = words.shape[1], self.config.image_tokens
        positions = torch.arange(length, device=words.device)
        text = torch.cat(
            [
                self.stem.text(words, positions),
                self.stem.text(torch.full_like(words, mask_id), positions + 1),
            ],
            dim=1,
        )
        h = torch.cat([self.stem.image(pixels), text], dim=1)
        bias = masked_decoding_bias(image_tokens, length, h.device, h.dtype)
        _, y = self.chain(h, executed, image_tokens, bias, lambda x: x[:, image_tokens + length :])
        logits: Tensor = self.heads["caption"](y)
        return logits

    @torch.inference_mode()
    def generate(
        self, pixels: Tensor, special: SpecialTokens, executed: Sequence[int], max_new_tokens: int
    ) -> Tensor:
        """Write captions greedily. The picture is seen once; each word is one cached step.

        Args:
            pixels: uint8 `[batch, side, side, 3]`.
            special: ids of BOS, EOS and MASK.
            executed: global orders.
            max_new_tokens: longest caption, in tokens.

        Returns:
            int64 `[batch, written]`; after a row's EOS every entry is EOS.
        """
        cache = self.see(pixels, executed)
        last = torch.full((pixels.shape[0],), special.bos, dtype=torch.int64, device=pixels.device)
        written: list[Tensor] = []
        done = torch.zeros_like(last, dtype=torch.bool)
        for position in range(max_new_tokens):
            logits = self.next_word(last, position, special.mask, cache, executed)
            last = torch.where(done, special.eos, logits.argmax(-1))
            written.append(last)
            done = done | (last == special.eos)
            if bool(done.all()):
                break
        return torch.stack(written, dim=1)

    def see(self, pixels: Tensor, executed: Sequence[int]) -> Cache:
        """Run the image pass of caption decoding.

        Args:
            pixels: uint8 `[batch, side, side, 3]`.
            executed: global orders.

        Returns:
            Each executed order's keys and values, `[batch, heads, image tokens, head width]`.
        """
        h = self.stem.image(pixels)
        cache: Cache = {}
        for order in executed[:-1]:
            key, order_in_key = self.key_of(order)
            h, k, v = key.image_pass(h, order_in_key)
            cache[order] = (k, v)
        key, order_in_key = self.key_of(executed[-1])
        _, k, v = key.project(h, order_in_key, h.shape[1])  # nobody reads what it would pass on
        cache[executed[-1]] = (k, v)
        return cache

    def next_word(
        self, last: Tensor, position: int, mask_id: int, cache: Cache, executed: Sequence[int]
    ) -> Tensor:
        """Run one step of caption decoding: feed [last word, MASK], predict at MASK.

        Args:
            last: int64 `[batch]`, the word at `position`; BOS at position 0.
            position: 0-based text position of the last word.
            mask_id: id of MASK.
            cache: of `see` and the steps before; the last word's keys and values are appended.
            executed: global orders, as in the image pass.

        Returns:
            fp32 logits `[batch, vocab_size]` of the word at `position + 1`.
        """
        tokens = torch.stack([last, torch.full_like(last, mask_id)], dim=1)
        cached = next(iter(cache.values()))[0].shape[2]
        real = torch.ones(tokens.shape[0], cached, dtype=torch.bool, device=tokens.device)
        positions = torch.full_like(last, position)
        logits, new = self.word(tokens, positions, real, cache, executed)
        for order, (k_new, v_new) in new.items():
            k, v = cache[order]
            cache[order] = (torch.cat([k, k_new], dim=2), torch.cat([v, v_new], dim=2))
        return logits

    def word(
        self, tokens: Tensor, position: Tensor, mask: Tensor, cache: Cache, executed: Sequence[int]
    ) -> tuple[Tensor, Cache]:
        """Score one more word of every row; the cache is read, not changed.

        Args:
            tokens: int64 `[batch, 2]`, [last word, MASK].
            position: int64 `[batch]`, 0-based text position of the last word.
            mask: bool `[batch, cached]`, True where the cached entry is real.
            cache: keys and values of every executed order.
            executed: global orders, as in the image pass.

        Returns:
            fp32 logits `[batch, vocab_size]`, and the last word's own keys and values by order,
            `[batch, heads, 1, head width]`.
        """
        h = self.stem.text(tokens, torch.stack([position, position + 1], dim=1))
        y: Tensor | None = None
        new: Cache = {}
        for order in executed:
            key, order_in_key = self.key_of(order)
            h, k_new, v_new = key.decode(h, order_in_key, *cache[order], mask)
            new[order] = (k_new, v_new)
            r = h[:, 1:].float()
            y = r if y is None or self.config.readout == "last" else y + r
        assert y is not None, "order 0 is always executed"
        logits: Tensor = self.heads["caption"](y)
        return logits[:, 0], new
