"""Captions: masked decoding with a cache, one word a step, and its teacher-forced form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from artifact.task import CAPTION
from models.key_block import MASKED
from models.stack import Stack

Cache = dict[int, tuple[Tensor, Tensor]]
"""Keys and values of caption decoding by order, each `[batch, heads, cached, head width]`."""


@dataclass(frozen=True)
class SpecialTokens:
    """Ids of the tokens that caption decoding needs."""

    bos: int
    eos: int
    mask: int


class CaptionStack(Stack):
    """A stack that can write captions, if its config has that task."""

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
        image, length = self.embedded(CAPTION.name, pixels), words.shape[1]
        image_tokens = image.shape[1]
        positions = torch.arange(length, device=words.device)
        text = torch.cat(
            [
                self.stem.text(words, positions),
                self.stem.text(torch.full_like(words, mask_id), positions + 1),
            ],
            dim=1,
        )
        seen = self._prompted(image)
        h, words_at = torch.cat([seen, text], dim=1), seen.shape[1]
        bias = masked_decoding_bias(words_at, length, h.device, h.dtype)
        _, y = self.chain(h, executed, image_tokens, bias, lambda x: x[:, words_at + length :])
        logits: Tensor = self.heads[CAPTION.name](y)
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
            Each executed order's keys and values, `[batch, heads, image tokens, head width]`; an
            adapter's prefix before them, its prompt's behind them.
        """
        image = self.embedded(CAPTION.name, pixels)
        h, image_tokens = self._prompted(image), image.shape[1]
        cache: Cache = {}
        for order in executed[:-1]:
            key, order_in_key = self.key_of(order)
            h, k, v = key.image_pass(h, order_in_key, image_tokens)
            cache[order] = (k, v)
        key, order_in_key = self.key_of(executed[-1])
        _, k, v = key.project(h, order_in_key, image_tokens)  # its output is not read
        cache[executed[-1]] = key.prefixed(k, v, order_in_key)
        return cache

    def _prompted(self, image: Tensor) -> Tensor:
        """Return a picture's tokens, and behind them an adapter's prompt, which runs with them."""
        prompt = self.stem.prompt(image)
        return image if prompt is None else torch.cat([image, prompt], dim=1)

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
            y = self.accumulate(y, h[:, 1:])
        assert y is not None, "order 0 is always executed"
        logits: Tensor = self.heads[CAPTION.name](y)
        return logits[:, 0], new


def masked_decoding_bias(
    image_tokens: int, length: int, device: torch.device, dtype: torch.dtype
) -> Tensor:
    """Attention bias of [image, words, MASKs]: `[1, 1, tokens, tokens]`.

    The image sees the image; word i sees the image and words up to i; MASK t sees the image, the
    words up to t - 1 (index t - 1 is the last word fed with it) and itself.
    """
    causal = torch.tril(torch.ones(length, length, dtype=torch.bool, device=device))
    eye = torch.eye(length, dtype=torch.bool, device=device)
    none = torch.zeros(length, length, dtype=torch.bool, device=device)
    text = torch.cat([torch.cat([causal, none], 1), torch.cat([causal, eye], 1)], 0)
    allowed = nn.functional.pad(text, (image_tokens, 0), value=True)
    image = torch.zeros(image_tokens, image_tokens + 2 * length, dtype=torch.bool, device=device)
    image[:, :image_tokens] = True
    allowed = torch.cat([image, allowed], 0)
    return torch.where(allowed, 0.0, MASKED).to(dtype)[None, None]
