from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from models.norms import IMAGE, TEXT, Order, OrderNorm, join

ORDERS, WIDTH = 3, 8


def norm() -> OrderNorm:
    generator = torch.Generator().manual_seed(0)
    made = OrderNorm(ORDERS, WIDTH, 1e-5)
    for parameter in made.parameters():
        parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return made


def tokens(batch: int = 4, count: int = 5) -> Tensor:
    return torch.randn(batch, count, WIDTH, generator=torch.Generator().manual_seed(1))


def normed(made: OrderNorm, x: Tensor, order: Order, image: int) -> Tensor:
    return join(made(x, order, image))


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
        torch.testing.assert_close(normed(made, x, order, image), expected)


@pytest.mark.parametrize(("image", "text"), SPLITS)
def test_orders_per_row_equal_one_order_for_all(image: int, text: int) -> None:
    made, x = norm(), tokens()
    orders = torch.tensor([1, 0, 2, 1])
    together = normed(made, x, orders, image)
    for row, order in enumerate(orders.tolist()):
        alone = normed(made, x[row : row + 1], order, image)
        torch.testing.assert_close(together[row : row + 1], alone, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("image", "text"), SPLITS)
def test_a_row_alone_is_the_row_in_company(image: int, text: int) -> None:
    made, x = norm(), tokens()
    orders = torch.tensor([1, 0, 2, 1])
    together = normed(made, x, orders, image)
    for row in range(len(x)):
        one = slice(row, row + 1)
        assert torch.equal(normed(made, x[one], orders[one], image), together[one])


@pytest.mark.parametrize(("image", "text"), SPLITS)
@pytest.mark.parametrize("order", [1, torch.tensor([1, 0, 2, 1])])
def test_a_modality_without_tokens_is_left_out(image: int, text: int, order: Order) -> None:
    parts = norm()(tokens(), order, image)
    present = [(m, count) for m, count in ((IMAGE, image), (TEXT, text)) if count]
    assert [(m, x.shape) for m, x in parts.items()] == [(m, (4, c, WIDTH)) for m, c in present]
