"""Tensors: data against shapes, before anything is made of either."""

from __future__ import annotations

import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.apis.open_inference.tensors import (
    MOST_ELEMENTS,
    OutputTensor,
    checked_input,
    raw_elements,
)
from server.errors import InvalidFields


def packed(*elements: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(each)) + each for each in elements)


@given(st.lists(st.binary(max_size=20), max_size=MOST_ELEMENTS))
def test_binary_elements_are_read_as_they_were_packed(elements: list[bytes]) -> None:
    assert raw_elements("image", memoryview(packed(*elements))) == tuple(elements)


@given(st.binary(max_size=64))
def test_any_bytes_are_elements_to_their_end_or_refused(data: bytes) -> None:
    refused = None
    try:
        found = raw_elements("image", memoryview(data))
    except InvalidFields as error:
        refused = error
    if refused is None:
        assert packed(*found) == data
    else:
        assert refused.problems[0].field == "inputs.image.data"


def test_there_are_not_more_elements_than_one_request_has() -> None:
    with pytest.raises(InvalidFields, match="more than 32"):
        raw_elements("image", memoryview(bytes(4 * 10**6)))


@pytest.mark.parametrize("shape", [[], [0], [-1], [2**63], [33], [8, 8], [1] * 5, [2**63, -1]])
def test_hostile_shapes_are_refused(shape: list[int]) -> None:
    with pytest.raises(InvalidFields, match="dimensions"):
        checked_input("image", "BYTES", shape, [b"x"])


@pytest.mark.parametrize(("shape", "elements"), [([2], 1), ([1], 2), ([2, 2], 3), ([1], 0)])
def test_data_has_as_many_elements_as_its_shape(shape: list[int], elements: int) -> None:
    with pytest.raises(InvalidFields, match=f"has {elements} elements, the shape"):
        checked_input("image", "BYTES", shape, [b"x"] * elements)
    full = checked_input("image", "BYTES", shape, [b"x"] * math.prod(shape))
    assert len(full.elements) == math.prod(shape)


def test_only_bytes_are_taken() -> None:
    with pytest.raises(InvalidFields, match="FP32"):
        checked_input("image", "FP32", [1], [b"x"])


def test_outputs_are_packed_as_numpy_reads_them() -> None:
    scores = OutputTensor("score", "FP32", (2,), (0.5, 0.25))
    assert np.frombuffer(scores.raw(), "<f4").tolist() == [0.5, 0.25]
    counts = OutputTensor("executed_blocks", "INT64", (1,), (7,))
    assert np.frombuffer(counts.raw(), "<i8").tolist() == [7]
    truths = OutputTensor("degraded", "BOOL", (2,), (True, False))
    assert truths.raw() == b"\x01\x00"
    texts = OutputTensor("answer", "BYTES", (2,), ("réd", ""))
    assert texts.raw() == packed("réd".encode(), b"")
