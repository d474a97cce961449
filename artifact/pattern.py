"""The skip pattern: which orders of the stack a variant executes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self


@dataclass(frozen=True)
class Skipping:
    """A model whose skipped orders are replaced by adapters (DAS, ADR 0037).

    Attributes:
        beside: inner width of the adapters beside attention and beside feed-forward of each order.
        replacing: inner width of the adapter that takes an order's place; 0: it is left out.
        variants: the orders that each variant skips, ascending; none before they are found.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    beside: int
    replacing: int
    variants: tuple[tuple[int, ...], ...] = ()

    def __post_init__(self) -> None:
        for name, least in (("beside", 1), ("replacing", 0)):
            value = getattr(self, name)
            if type(value) is not int or value < least:
                raise ValueError(f"skipping: {name} is a number from {least}, not {value!r}")
        for skipped in self.variants:
            if list(skipped) != sorted(set(skipped)) or (skipped and skipped[0] < 1):
                raise ValueError(f"skipping: orders ascend from 1 on, unlike {skipped}")
        if len(set(self.variants)) < len(self.variants):
            raise ValueError("skipping: two variants skip the same orders")

    @classmethod
    def from_fields(cls, values: object) -> Self:
        """Make one of what JSON holds.

        Raises:
            ValueError: on an unknown or missing field, or an impossible one.
        """
        if not isinstance(values, Mapping):
            raise ValueError(f"skipping has fields, unlike {values!r}")
        try:
            found: dict[str, Any] = {**values}
            found["variants"] = tuple(tuple(each) for each in found.get("variants", ()))
            return cls(**found)
        except TypeError as error:
            raise ValueError(f"skipping: {error}") from error

    def patterns(self, orders: int) -> tuple[SkipPattern, ...]:
        """Return the variants over a stack of that many orders, shallow to deep.

        Raises:
            ValueError: they skip an order beyond it.
        """
        if any(order >= orders for skipped in self.variants for order in skipped):
            raise ValueError(f"skipping: the stack has {orders} orders")
        made = (
            SkipPattern(
                tuple(k for k in range(orders) if k not in skipped), orders, self.replacing > 0
            )
            for skipped in self.variants
        )
        return tuple(sorted(made, key=lambda pattern: pattern.depth))


@dataclass(frozen=True)
class SkipPattern:
    """Frozen gates of one variant, stated positively: the orders that are executed (ADR 0006).

    `executed` is ascending, starts with order 0 (which is never skipped) and stays below
    `orders`. An order that is not executed is bypassed: h passes it unchanged and its term is
    left out of the readout. Where `replaced`, an adapter takes its place (ADR 0037), so that no
    pattern begins another.
    """

    executed: tuple[int, ...]
    orders: int
    replaced: bool = False

    def __post_init__(self) -> None:
        if not self.executed or self.executed[0] != 0:
            raise ValueError("a skip pattern executes order 0")
        if any(b <= a for a, b in zip(self.executed, self.executed[1:], strict=False)):
            raise ValueError(f"executed orders must ascend: {self.executed}")
        if self.executed[-1] >= self.orders:
            raise ValueError(f"order {self.executed[-1]} is beyond the stack of {self.orders}")

    @classmethod
    def full(cls, orders: int) -> Self:
        """Return the pattern that executes every order."""
        return cls(tuple(range(orders)), orders)

    @classmethod
    def from_bits(cls, bits: str) -> Self:
        """Read a pattern from one character per order, 1 for executed.

        Raises:
            ValueError: on other characters or a leading 0.
        """
        if set(bits) - {"0", "1"}:
            raise ValueError(f"a pattern is written with 0 and 1: {bits!r}")
        return cls(tuple(k for k, bit in enumerate(bits) if bit == "1"), len(bits))

    @property
    def depth(self) -> int:
        """Number of executed orders."""
        return len(self.executed)

    @property
    def bits(self) -> str:
        """One character per order, 1 for executed."""
        chosen = set(self.executed)
        return "".join("1" if k in chosen else "0" for k in range(self.orders))

    @property
    def closed(self) -> tuple[int, ...]:
        """The skipped orders, ascending."""
        return tuple(sorted(set(range(self.orders)) - set(self.executed)))

    def is_prefix_of(self, other: SkipPattern) -> bool:
        """Tell whether `other` starts with exactly the orders executed here."""
        if self.replaced or other.replaced:
            return self == other
        return self.orders == other.orders and other.executed[: self.depth] == self.executed

    def prefix(self, depth: int) -> SkipPattern:
        """Return the pattern of the first `depth` executed orders.

        Raises:
            ValueError: if depth is not between 1 and this pattern's depth.
        """
        if not 1 <= depth <= self.depth:
            raise ValueError(f"prefix depth must be 1..{self.depth}, not {depth}")
        return SkipPattern(self.executed[:depth], self.orders, self.replaced)

    def variant_id(self, on_ladder: bool) -> str:
        """Return the variant's name: `full`, `d<depth>` on the ladder, `p<bits>` off it."""
        if self.depth == self.orders:
            return "full"
        return f"d{self.depth}" if on_ladder and not self.replaced else f"p{self.bits}"
