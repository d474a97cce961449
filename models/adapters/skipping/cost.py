"""What DAS costs, from shapes alone: additional operations and updated parameters.

The paper's Tables A and C count one operation for a multiply-add. Its numbers are met where a
LayerNorm counts 5 for each element, a softmax 1, and activations and biases nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

_NORM = 5
"""Operations of a LayerNorm for each element."""


@dataclass(frozen=True)
class AdapterShape:
    """One DAS adapter: LayerNorm, down, ReLU, up.

    Attributes:
        width: of the stream.
        inner: width between down and up.
        norms: LayerNorms in it; 0 where two adapters share one.
    """

    width: int
    inner: int
    norms: int = 1

    def operations(self, tokens: int) -> int:
        """Return the operations for that number of tokens."""
        matrices = 2 * self.width * self.inner
        return tokens * (matrices + self.norms * _NORM * self.width)

    @property
    def parameters(self) -> int:
        """Numbers in it."""
        matrices = 2 * self.width * self.inner + self.inner + self.width
        return matrices + self.norms * 2 * self.width


@dataclass(frozen=True)
class LayerShape:
    """A Transformer layer as DAS skips it.

    Attributes:
        width: of the stream.
        ffn_width: inside the feed-forward.
        heads: of attention.
        tokens: that pass through it.
        seen: tokens of the other stream that its cross-attention reads; 0: it has none.
        kept: the adapters beside it where it is kept.
        replacing: the adapter in its place where it is skipped.
    """

    width: int
    ffn_width: int
    heads: int
    tokens: int
    seen: int = 0
    kept: tuple[AdapterShape, ...] = ()
    replacing: AdapterShape | None = None

    @property
    def operations(self) -> int:
        """Operations of the bare layer."""
        square = self.width * self.width
        feed_forward = self.tokens * self.ffn_width * 2 * self.width
        own = 4 * square * self.tokens + self._mixing(self.tokens)
        cross = 2 * square * (self.tokens + self.seen) + self._mixing(self.seen)
        norms = 3 if self.seen else 2
        normed = norms * _NORM * self.tokens * self.width
        return own + (cross if self.seen else 0) + feed_forward + normed

    @property
    def kept_operations(self) -> int:
        """Operations of the adapters beside it."""
        return sum(each.operations(self.tokens) for each in self.kept)

    @property
    def saved_operations(self) -> int:
        """Operations less where the layer is skipped, its own adapters against the replacing."""
        instead = self.replacing.operations(self.tokens) if self.replacing else 0
        return self.operations + self.kept_operations - instead

    def _mixing(self, keys: int) -> int:
        """Scores, softmax and the mix of values."""
        return self.tokens * keys * (2 * self.width + self.heads)


def additional_operations(layers: Mapping[str, LayerShape], skipped: Collection[str] = ()) -> int:
    """Return how many operations a DAS model has more than its base; negative: fewer.

    Args:
        layers: by name, those that have adapters or may be skipped.
        skipped: names of some of them.

    Raises:
        ValueError: a skipped layer is not among them.
    """
    if unknown := sorted(set(skipped) - set(layers)):
        raise ValueError(f"no layer {unknown[0]!r}: there are {', '.join(layers)}")
    added = sum(layer.kept_operations for layer in layers.values())
    return added - sum(layers[name].saved_operations for name in set(skipped))


def updated_parameters(layers: Mapping[str, LayerShape], skipped: Collection[str] = ()) -> int:
    """Return how many numbers the adapters have: beside kept layers, in place of skipped ones."""
    found = 0
    for name, layer in layers.items():
        instead = (layer.replacing,) if layer.replacing else ()
        found += sum(each.parameters for each in (instead if name in skipped else layer.kept))
    return found
