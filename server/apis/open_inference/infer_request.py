"""The JSON part of an inference request, as the protocol describes it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from server.apis.open_inference.tensors import MOST_DIMENSIONS
from server.requests.fields import WireModel
from server.requests.json_scan import JsonLimits

INFER_LIMITS = JsonLimits(600, 100, frozenset({b"data"}), 6)
MOST_INPUTS = 8
MOST_OUTPUTS = 32
Parameter = str | bool | int | float
Parameters = Annotated[dict[str, Parameter], Field(max_length=32)]


class InputFields(WireModel):
    """One input; its data stands here, or behind the JSON if it has a `binary_data_size`."""

    name: str = Field(min_length=1, max_length=100)
    shape: list[int] = Field(max_length=MOST_DIMENSIONS, fail_fast=True)
    datatype: str
    parameters: Parameters = Field(default_factory=dict)
    data: list[Any] | None = None


class OutputFields(WireModel):
    """An output that is wanted."""

    name: str = Field(min_length=1, max_length=100)
    parameters: Parameters = Field(default_factory=dict)


class InferRequest(WireModel):
    """An inference request: `image`, and what its task is asked, as BYTES.

    `model_name`, which KServe's client repeats from the path, must be the name that stands there.
    """

    model_name: str | None = Field(default=None, max_length=300)
    id: str | None = Field(default=None, max_length=200)
    parameters: Parameters = Field(default_factory=dict)
    inputs: list[InputFields] = Field(min_length=1, max_length=MOST_INPUTS, fail_fast=True)
    outputs: list[OutputFields] | None = Field(
        default=None, max_length=MOST_OUTPUTS, fail_fast=True
    )
