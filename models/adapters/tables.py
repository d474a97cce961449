"""The arithmetic of an adapter's tables at one hook (ADR 0031), for every kind of adapter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from torch import Tensor, nn

from artifact.adapters.hooks import Activation
from models.norms import Order

ACTIVATIONS: Mapping[Activation, Callable[[Tensor], Tensor]] = {
    "none": lambda x: x,
    "relu": nn.functional.relu,
    "gelu": nn.functional.gelu,
    "gelu_tanh": partial(nn.functional.gelu, approximate="tanh"),
    "silu": nn.functional.silu,
}
"""By name in files; each is 0 at 0, so that padding a rank with zeros changes nothing."""


@dataclass(frozen=True)
class Tables:
    """The tables at one hook for the tokens of one modality, of one order or of each row's.

    Attributes:
        parts: by name; matrices `[inputs, outputs]` or `[batch, inputs, outputs]`, others
            `[width]` or `[batch, 1, width]`, rows `[rows, width]` or `[batch, rows, width]`.
        activate: inside bottleneck and gate.
        carry: how often what a hook beside a sub-layer reads is added as it is.
        dropout: share of what a bottleneck reads that is left out while tuning.
    """

    parts: Mapping[str, Tensor]
    activate: Callable[[Tensor], Tensor]
    carry: float | Tensor = 0.0
    dropout: float = 0.0

    def bottleneck(self, x: Tensor) -> Tensor | None:
        """Return B(x), `[batch, tokens, width]`; a shift alone has no tokens; None: nothing."""
        shift = self.parts.get("shift")
        if "down" not in self.parts:
            return shift
        if self.dropout:
            x = nn.functional.dropout(x, self.dropout)
        return self._through(x, "down", "down_shift", "up", shift)

    def gate(self, r: Tensor) -> Tensor | None:
        """Return G(r), `[batch, tokens, width]`; None: there is no gate, which is 1."""
        if "gate_down" not in self.parts:
            return None
        shift = self.parts.get("gate_shift")
        return self._through(r, "gate_down", "gate_down_shift", "gate_up", shift).sigmoid()

    def _through(
        self, x: Tensor, down: str, down_shift: str, up: str, shift: Tensor | None
    ) -> Tensor:
        inner = x @ self.parts[down]
        if down_shift in self.parts:
            inner = inner + self.parts[down_shift]
        found = self.activate(inner) @ self.parts[up]
        return found if shift is None else found + shift


class Lookup(Protocol):
    """Where the tables come from: one adapter, or those of each row of a batch."""

    def at(self, hook: str, modality: int | None, order: Order | None) -> Tables | None:
        """Return the tables at a hook; None: there are none.

        Args:
            hook: its name.
            modality: `IMAGE` or `TEXT`; None at hooks of rows.
            order: over the whole stack; None outside of blocks.
        """
        ...
