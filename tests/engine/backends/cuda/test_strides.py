"""Which copies move an array between two layouts."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings

from engine.backends.cuda.strides import moves_between
from tests.engine.backends.memory_contract import SHAPES


@settings(max_examples=100, deadline=None)
@given(SHAPES)
def test_axes_side_by_side_are_one_copy(shape: tuple[int, ...]) -> None:
    strides = np.empty(shape, np.float32).strides
    ((to, of, width, height, _, _),) = moves_between(shape, strides, strides, 4)
    assert (to, of, width, height) == (0, 0, 4 * int(np.prod(shape)), 1)


def test_an_empty_array_needs_no_copy() -> None:
    assert list(moves_between((0, 3), (12, 4), (12, 4), 4)) == []
