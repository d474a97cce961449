"""Answers of the whole model against eq. 3 of the supplement and the heads."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from artifact.task import REASON, VQA
from models.series import OtmvModel
from tests.models import tiny
from tests.models.equation import bias_of, embedded, eq3


class TestReadout:
    def test_the_head_reads_the_series_at_the_first_tokens(self) -> None:
        model = tiny.model(tiny.config())
        pixels, tokens, mask, h = embedded(model)
        y = eq3(model, h, range(4), bias_of(model, mask))
        expected = model.heads["vqa"](y[:, [0, model.config.image_tokens]])
        logits = model.answer(VQA, pixels, tokens, mask, range(4))
        torch.testing.assert_close(logits, expected, rtol=1e-5, atol=1e-5)

    def test_a_statement_s_two_rows_are_joined_at_the_head(self) -> None:
        model = tiny.model(tiny.config(tasks=("reason",)))
        _, tokens, mask, _ = embedded(model)
        left, right = tiny.pixels(3, seed=5), tiny.pixels(3, seed=6)
        read = [0, model.config.image_tokens]
        rows = []
        for number in range(3):
            one = slice(number, number + 1)
            for pixels in (left, right):
                h = torch.cat([model.stem.image(pixels[one]), model.stem.text(tokens[one])], dim=1)
                rows.append(eq3(model, h, (0, 1, 3), bias_of(model, mask[one]))[0, read])
        y = torch.stack([torch.stack(rows[2 * n : 2 * n + 2]) for n in range(3)])
        logits = model.answer(REASON, torch.stack([left, right], 1), tokens, mask, (0, 1, 3))
        torch.testing.assert_close(logits, model.heads["reason"](y), rtol=1e-5, atol=1e-5)
        swapped = model.answer(REASON, torch.stack([right, left], 1), tokens, mask, (0, 1, 3))
        assert not torch.allclose(logits, swapped)


class TestRows:
    def answers(self, executed: Sequence[int] = range(4)) -> tuple[OtmvModel, Tensor]:
        model = tiny.model(tiny.config())
        pixels, tokens, mask, _ = embedded(model)
        return model, model.answer(VQA, pixels, tokens, mask, executed)

    def test_a_row_alone_is_the_row_in_company(self) -> None:
        model, together = self.answers()
        pixels, tokens, mask, _ = embedded(model)
        for row in range(3):
            one = slice(row, row + 1)
            alone = model.answer(VQA, pixels[one], tokens[one], mask[one], range(4))
            torch.testing.assert_close(alone, together[one], rtol=1e-5, atol=1e-5)

    def test_padding_does_not_matter(self) -> None:
        model, together = self.answers()
        pixels, tokens, mask, _ = embedded(model)
        other = torch.where(mask, tokens, tiny.PAD)
        assert torch.equal(model.answer(VQA, pixels, other, mask, range(4)), together)
        short = model.answer(VQA, pixels[1:2], tokens[1:2, :3], mask[1:2, :3], range(4))
        torch.testing.assert_close(short, together[1:2], rtol=1e-5, atol=1e-5)
