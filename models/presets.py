"""Named shapes: BEiT-3's and the paper's construct. The demo's is in `tuning/recipe.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from artifact.config import ModelConfig
from artifact.task import CAPTION, VQA

VQA_ANSWERS, BEIT3_VOCABULARY, BEIT3_TEXT_POSITIONS = 3129, 64010, 1022
"""VQA v2's answer set; beit3.spm's vocabulary; its 1024 text positions less the two reserved."""


SIZES = {"base": (12, 768, 12), "large": (24, 1024, 16)}
"""Released sizes of BEiT-3: orders, width, heads."""


def spread_keys(orders: int, keys: int | Sequence[int]) -> tuple[int, ...]:
    """Give each key a run of consecutive orders.

    Args:
        orders: of the whole stack.
        keys: the number of keys, which then have equal runs; or the number of orders of each.

    Returns:
        The key of every order.

    Raises:
        ValueError: the orders cannot be shared out so.
    """
    if not isinstance(keys, int):
        if sum(keys) != orders or min(keys, default=0) < 1:
            shares = ", ".join(map(str, keys))
            raise ValueError(f"keys with {shares} orders do not share out {orders} orders")
        return tuple(key for key, run in enumerate(keys) for _ in range(run))
    if not 1 <= keys <= orders or orders % keys:
        raise ValueError(f"{keys} keys do not divide {orders} orders; choose a divisor")
    return tuple(order * keys // orders for order in range(orders))


def beit3_config(
    size: str, image_size: int = 480, keys: int | None = None, skip_probability: float = 0.1
) -> ModelConfig:
    """Return BEiT-3 base or large; with `keys`, as an OTMV series with merged feed-forward.

    Args:
        size: "base" (12 orders, width 768) or "large" (24 orders, width 1024).
        image_size: side in pixels, a multiple of 16.
        keys: None for the released model (one key an order, readout "last", nothing merged).
        skip_probability: of the gates while tuning.
    """
    orders, width, heads = SIZES[size]
    return ModelConfig(
        name=f"beit3_{size}",
        image_size=image_size,
        patch_size=16,
        width=width,
        heads=heads,
        ffn_width=4 * width,
        vocab_size=BEIT3_VOCABULARY,
        max_text_positions=BEIT3_TEXT_POSITIONS,
        key_of_order=spread_keys(orders, keys or orders),
        merged_feed_forward=keys is not None,
        readout="last" if keys is None else "series",
        skip_probability=skip_probability,
        num_answers=VQA_ANSWERS,
        tasks=(VQA.name, CAPTION.name),
    )


def paper60_config(image_size: int = 480) -> ModelConfig:
    """Return our construct of the paper's 60 % saving: Large with 12 merged keys (ADR 0010)."""
    large = beit3_config("large", image_size, keys=12)
    return replace(large, name="paper60", tasks=(VQA.name,))


def literal_config(size: str = "base", image_size: int = 480) -> ModelConfig:
    """Return eq. 3 taken literally: one key for the whole stack."""
    return replace(beit3_config(size, image_size, keys=1), name=f"literal_{size}")
