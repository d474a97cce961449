"""What the protocol says of the server and of a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from server.apis.open_inference.infer import VERSION
from server.apis.open_inference.outputs import outputs_of
from server.apis.open_inference.question import IMAGE
from server.requests.fields import WireModel
from server.tasks.served_task import ServedTask

SERVER = "otmv-serve"
EXTENSIONS = ("binary_tensor_data",)
PLATFORM = "otmv"


class ServerLive(WireModel):
    """The server lives; some clients read this, not the status."""

    live: bool = True


class ServerReady(WireModel):
    """Requests are taken."""

    ready: bool = True


class ModelReady(ServerReady):
    """Requests for a model are taken."""

    name: str


class ServerMetadata(WireModel):
    """What the server is."""

    name: str = SERVER
    version: str
    extensions: tuple[str, ...] = EXTENSIONS


class TensorMetadata(WireModel):
    """An input or an output; in a shape, -1 is any number."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(WireModel):
    """Inputs and outputs of a model."""

    name: str
    versions: tuple[str, ...] = (VERSION,)
    platform: str = PLATFORM
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


def metadata_of(model: str, tasks: Sequence[ServedTask[Any]]) -> ModelMetadata:
    """Return inputs and outputs of some tasks, each name once."""
    inputs: dict[str, TensorMetadata] = {}
    outputs: dict[str, TensorMetadata] = {}
    pictures = {many for served in tasks for way in served.ways for many in way[:2]}
    many = pictures.pop() if len(pictures) == 1 else -1
    inputs[IMAGE] = TensorMetadata(name=IMAGE, datatype="BYTES", shape=[many])
    for served in tasks:
        text = served.text
        if text is not None:
            shape = [-1] if text in served.shape.lists else [1]
            inputs[text] = TensorMetadata(name=text, datatype="BYTES", shape=shape)
        for spec in outputs_of(served):
            told = TensorMetadata(name=spec.name, datatype=spec.datatype, shape=spec.shape)
            outputs.setdefault(spec.name, told)
    return ModelMetadata(name=model, inputs=[*inputs.values()], outputs=[*outputs.values()])
