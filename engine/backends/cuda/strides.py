"""Which bytes to copy to move an array between two layouts, as few strided copies as can be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import NamedTuple

import numpy as np


class Move(NamedTuple):
    """Rows of bytes, evenly apart on both sides. All but `height` are bytes."""

    target_offset: int
    source_offset: int
    width: int
    height: int
    target_pitch: int
    source_pitch: int


class _Axis(NamedTuple):
    """How many, and the bytes from one to the next in the target and in the source."""

    size: int
    target_stride: int
    source_stride: int

    def continues(self, inner: _Axis) -> bool:
        """Tell whether the two are one axis: each step of this one is all of the inner one."""
        whole = (inner.size * inner.target_stride, inner.size * inner.source_stride)
        return (self.target_stride, self.source_stride) == whole


def packed_strides(shape: Sequence[int], item_bytes: int) -> tuple[int, ...]:
    """Return the strides of a contiguous array, in bytes."""
    return tuple(item_bytes * prod(shape[axis + 1 :]) for axis in range(len(shape)))


def moves_between(
    shape: Sequence[int],
    target_strides: Sequence[int],
    source_strides: Sequence[int],
    item_bytes: int,
) -> Iterator[Move]:
    """Yield the moves that copy an array of this shape between two layouts.

    Axes that follow one another without a gap on both sides are copied as one.

    Args:
        shape: of the array, on both sides.
        target_strides: of each axis in the target, bytes.
        source_strides: of each axis in the source, bytes.
        item_bytes: of one number.
    """
    if 0 in shape:
        return
    width, axes = item_bytes, list[_Axis]()
    for sizes in reversed(list(zip(shape, target_strides, source_strides, strict=True))):
        axis = _Axis(*sizes)
        if axis.size == 1:
            continue
        if not axes and axis.target_stride == axis.source_stride == width:
            width *= axis.size
        elif axes and axis.continues(axes[0]):
            axes[0] = axes[0]._replace(size=axes[0].size * axis.size)
        else:
            axes.insert(0, axis)
    inner = axes.pop() if axes else _Axis(1, width, width)
    for places in np.ndindex(*(axis.size for axis in axes)):
        target = sum(place * axis.target_stride for place, axis in zip(places, axes, strict=True))
        source = sum(place * axis.source_stride for place, axis in zip(places, axes, strict=True))
        yield Move(target, source, width, inner.size, inner.target_stride, inner.source_stride)
