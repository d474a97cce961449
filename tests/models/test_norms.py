from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from models.norms import IMAGE, TEXT, OrderNorm

ORDERS, WIDTH = 3, 8


def norm() -> OrderNorm:
    generator = torch.Generator().manual_seed(0)
    made = OrderNorm(ORDERS, WIDTH, 1e-5)
    for parameter in made.parameters():
        parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return made


def tokens(batch: int = 4, count: int = 5) -> Tensor:
    return torch.randn(batch, count, WIDTH, generator=torch.Generator().manual_seed(1))


SPLITS = [(2, 3), (5, 0), (0, 5)]


@pytest.mark.parametrize(("image", "text"), SPLITS)
def test_each_modality_has_its_own_table(image: int, text: int) -> None:
    made, x = norm(), tokens()
    for order in range(ORDERS):
        expected = torch.empty_like(x)
        for token in range(image + text):
            m = IMAGE if token < image else TEXT
            scale, shift = made.scale[order, m], made.shift[order, m]
            expected[:, token] = nn.functional.layer_norm(x[:, token], (WIDTH,), scale, shift)
        torch.testing.assert_close(made(x, order, image, text), expected)


@pytest.mark.parametrize(("image", "text"), SPLITS)
def test_orders_per_row_equal_one_order_for_all(image: int, text: int) -> None:
    made, x = norm(), tokens()
    orders = torch.tensor([1, 0, 2, 1])
    together = made(x, orders, image, text)
    for row, order in enumerate(orders.tolist()):
        alone = made(x[row : row + 1], order, image, text)
        torch.testing.assert_close(together[row : row + 1], alone, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("image", "text"), SPLITS)
def test_a_row_alone_is_the_row_in_company(image: int, text: int) -> None:
    made, x = norm(), tokens()
    orders = torch.tensor([1, 0, 2, 1])
    together = made(x, orders, image, text)
    for row in range(len(x)):
        one = slice(row, row + 1)
        assert torch.equal(made(x[one], orders[one], image, text), together[one])
