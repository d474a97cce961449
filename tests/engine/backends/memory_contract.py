"""What every memory of ADR 0023 must do. A test module subclasses this and gives `memory`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.backends.arrays import (
    DeviceArray,
    Memory,
    may_overlap,
    move_rows,
    put_rows,
    stack,
    takes_outputs,
)
from tests.engine.artifacts.tiny_model import Array

NUMPY: dict[str, Callable[[DeviceArray], object]] = {
    "asarray": np.asarray,
    "array": np.array,
    "stack": lambda array: np.stack([array]),
    "copyto": lambda array: np.copyto(np.zeros((2, 3)), array),
    "assignment": lambda array: np.zeros((2, 3)).__setitem__(slice(None), array),
    "ufunc": np.isfinite,
    "sum on the left": lambda array: array + np.ones((2, 3)),  # type: ignore[operator]
    "sum on the right": lambda array: np.ones((2, 3)) + array,
    "overlap": lambda array: np.may_share_memory(np.ones(3), array),
}
SHAPES = st.lists(st.integers(1, 4), min_size=1, max_size=4).map(tuple)
DTYPES = st.sampled_from(["float32", "int64", "bool"])


@st.composite
def cuts(draw: st.DrawFn, shape: tuple[int, ...]) -> tuple[int | slice, ...]:
    """An index of basic parts that leaves something."""
    parts: list[int | slice] = []
    for count in shape[: draw(st.integers(0, len(shape)))]:
        if draw(st.booleans()):
            parts.append(draw(st.integers(-count, count - 1)))
        else:
            begin = draw(st.integers(0, count - 1))
            parts.append(slice(begin, draw(st.integers(begin + 1, count))))
    return tuple(parts)


class MemoryContract:
    @pytest.fixture(scope="class")
    @classmethod
    def memory(cls) -> Memory:
        raise NotImplementedError

    def put(self, memory: Memory, numbers: Array) -> DeviceArray:
        made = memory.zeros(numbers.shape, numbers.dtype)
        assert isinstance(made, DeviceArray)
        made[()] = numbers
        return made

    def test_it_says_that_it_is_elsewhere(self, memory: Memory) -> None:
        assert memory.on_host is False
        assert memory.held_bytes() >= 0

    @pytest.mark.parametrize("use", NUMPY.values(), ids=NUMPY)
    def test_numpy_refuses_its_arrays(
        self, memory: Memory, use: Callable[[DeviceArray], object]
    ) -> None:
        with pytest.raises(TypeError):
            use(self.put(memory, np.ones((2, 3))))

    @settings(
        max_examples=80,
        deadline=None,
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,
            HealthCheck.differing_executors,
        ],
    )
    @given(st.data(), SHAPES, DTYPES)
    def test_whatever_is_cut_and_moved_is_what_numpy_gives(
        self, memory: Memory, data: st.DataObject, shape: tuple[int, ...], dtype: str
    ) -> None:
        rng = np.random.default_rng(0)
        mine, other = (rng.integers(0, 2, shape).astype(dtype) for _ in range(2))
        device_mine, device_other = self.put(memory, mine), self.put(memory, other)
        for _ in range(4):
            into = data.draw(cuts(shape))
            drawn = [*data.draw(st.lists(cuts(shape), max_size=6)), into]
            of = next(of for of in drawn if other[of].shape == mine[into].shape)
            how = data.draw(st.sampled_from(["on", "up", "zero", "copy"]))
            if how == "zero":
                mine[into], device_mine[into] = 0, 0
            elif how == "up":
                mine[into], device_mine[into] = other[of], np.asarray(other[of])
            else:
                value = device_other[of]
                mine[into] = other[of]
                device_mine[into] = value.copy() if how == "copy" else value
            np.testing.assert_array_equal(device_mine.read(), mine)
            np.testing.assert_array_equal(device_mine[into].read(), mine[into])
            assert device_mine[into].shape == np.asarray(mine[into]).shape
            assert device_mine[into].dtype == mine.dtype
            assert device_mine[into].contiguous == np.asarray(mine[into]).flags.c_contiguous

    def test_an_array_of_another_shape_or_dtype_is_not_taken(self, memory: Memory) -> None:
        array = self.put(memory, np.zeros((2, 3), np.float32))
        for value in (np.ones(2, np.float32), np.ones(3), np.ones((1, 3), np.float32), 1.0):
            with pytest.raises(ValueError, match=r"into|zeros"):
                array[0] = value
        array[0] = np.ones(3, np.float32)
        np.testing.assert_array_equal(array.read(), [[1, 1, 1], [0, 0, 0]])

    def test_a_source_may_change_once_it_was_assigned(self, memory: Memory) -> None:
        array, source = self.put(memory, np.zeros(3)), np.ones(3)
        array[()] = source
        source[:] = 7
        np.testing.assert_array_equal(array.read(), [1, 1, 1])

    def test_copies_and_stacks_are_apart(self, memory: Memory) -> None:
        numbers = np.arange(6.0).reshape(2, 3)
        array = self.put(memory, numbers)
        kept, both, read = array[1].copy(), stack([array, array[:]]), array.read()
        array[:] = 0.0
        read[:] += 1
        np.testing.assert_array_equal(kept.read(), [3, 4, 5])
        assert isinstance(both, DeviceArray)
        np.testing.assert_array_equal(both.read(), [numbers] * 2)
        np.testing.assert_array_equal(array.read(), np.zeros((2, 3)))

    @pytest.mark.parametrize("rows", [[], [4], [0, 1, 2], [5, 0, 3, 4]])
    def test_rows_are_put_where_they_were(self, memory: Memory, rows: list[int]) -> None:
        here, source = np.zeros((6, 2)), np.random.default_rng(0).random((6, 2))
        there = self.put(memory, here)
        put_rows(here, rows, source)
        put_rows(there, rows, self.put(memory, source))
        np.testing.assert_array_equal(there.read(), here)

    @pytest.mark.parametrize("part", [(), (slice(None), slice(1, None))])
    def test_rows_change_places_at_once(self, memory: Memory, part: tuple[slice, ...]) -> None:
        here = np.random.default_rng(0).random((4, 2, 3))
        there = self.put(memory, here)
        for array in (here, there):
            move_rows(array, [0, 1, 2], [1, 2, 1], part)
        np.testing.assert_array_equal(there.read(), here)

    def test_what_overlaps_and_what_takes_outputs(self, memory: Memory) -> None:
        array = self.put(memory, np.zeros((4, 3, 2), np.float32))
        assert may_overlap(array[1:3], array[2])
        assert not may_overlap(array[:2], array[2:])
        assert not may_overlap(array, array.copy())
        assert not may_overlap(array, np.zeros(3))
        assert not may_overlap(np.zeros(3), array)
        assert takes_outputs(array[1:3])
        assert not takes_outputs(array[:, 1])
