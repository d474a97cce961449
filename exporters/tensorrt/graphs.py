"""Stage graphs for TensorRT: their digests, and the files that its parser reads."""

from __future__ import annotations

import hashlib
from pathlib import Path, PurePath

import onnx
from onnx import TensorProto, helper
from onnx.external_data_helper import ExternalDataInfo

from artifact.config import Precision
from artifact.plan import PlanDtype, PlanTensor
from exporters.tensorrt.precision import lower

REWRITE = 1
"""Raised when the rewriting changes, so that plans are built again."""

_DTYPES: dict[int, PlanDtype] = {
    TensorProto.UINT8: "uint8",
    TensorProto.INT32: "int32",
    TensorProto.INT64: "int64",
    TensorProto.BOOL: "bool",
    TensorProto.FLOAT: "float32",
    TensorProto.FLOAT16: "float16",
    TensorProto.BFLOAT16: "bfloat16",
}


class ContentDigests:
    """Digests of graphs together with the weights they use; each weight is read once."""

    def __init__(self) -> None:
        self._known: dict[tuple[Path, int, int], str] = {}

    def of(self, path: Path) -> str:
        """Return the digest of a graph and its weights; where they lie in their file has no part.

        Args:
            path: a stage's file; its weights are beside it.
        """
        model = onnx.load(path, load_external_data=False)
        for tensor in model.graph.initializer:
            if tensor.data_location == TensorProto.EXTERNAL:
                _embed(tensor, self._digest(*_extent(path, tensor)))
        return hashlib.sha256(model.SerializeToString(deterministic=True)).hexdigest()

    def _digest(self, path: Path, offset: int, length: int) -> bytes:
        extent = (path, offset, length)
        if extent not in self._known:
            self._known[extent] = hashlib.sha256(_read(*extent)).hexdigest()
        return self._known[extent].encode()


def _load(path: Path) -> onnx.ModelProto:
    """Read a stage's file with its weights.

    onnx's own reader refuses a weights file with several names (hard links), as a store of
    artifacts may have.
    """
    model = onnx.load(path, load_external_data=False)
    for tensor in model.graph.initializer:
        if tensor.data_location == TensorProto.EXTERNAL:
            _embed(tensor, _read(*_extent(path, tensor)))
    return model


def _extent(path: Path, tensor: onnx.TensorProto) -> tuple[Path, int, int]:
    """Return the file, offset and length of a tensor whose data lies in a file beside the graph."""
    info = ExternalDataInfo(tensor)
    return path.parent / PurePath(info.location).name, info.offset or 0, info.length or -1


def _read(path: Path, offset: int, length: int) -> bytes:
    with path.open("rb") as stream:
        stream.seek(offset)
        return stream.read(length)


def _embed(tensor: onnx.TensorProto, data: bytes) -> None:
    tensor.ClearField("external_data")
    tensor.data_location = TensorProto.DEFAULT
    tensor.raw_data = data


def prepare(path: Path, precision: Precision, folder: Path) -> Path:
    """Write a stage's graph in the form that TensorRT reads, with its weights in a file beside it.

    Args:
        path: the stage's file in the artifact.
        precision: what products are computed in.
        folder: an empty folder.

    Returns:
        The graph's file in `folder`.
    """
    model = _load(path)
    cast_pixels_first(model)
    lower(model, precision)
    out = folder / path.name
    onnx.save(
        model, out, save_as_external_data=True, location=f"{path.stem}.weights", size_threshold=1024
    )
    return out


def cast_pixels_first(model: onnx.ModelProto) -> None:
    """Cast every uint8 input to fp32 before anything else is done with it.

    TensorRT takes uint8 only to convert it at once; the tracer transposes pictures first.
    """
    graph = model.graph
    for value in graph.input:
        if value.type.tensor_type.elem_type != TensorProto.UINT8:
            continue
        early = f"{value.name}.fp32"
        for node in graph.node:
            for index, name in enumerate(node.input):
                if name == value.name:
                    node.input[index] = early
        cast = helper.make_node(
            "Cast", [value.name], [early], f"cast.{early}", to=TensorProto.FLOAT
        )
        graph.node.insert(0, cast)
        del graph.value_info[:]  # their types no longer hold


def plan_tensors(path: Path) -> tuple[dict[str, PlanTensor], dict[str, PlanTensor]]:
    """Return a prepared graph's inputs and its outputs, by name, as a plan's record has them."""
    graph = onnx.load(path, load_external_data=False).graph
    named = [{value.name: _tensor(value) for value in side} for side in (graph.input, graph.output)]
    return named[0], named[1]


def _tensor(value: onnx.ValueInfoProto) -> PlanTensor:
    tensor = value.type.tensor_type
    shape = tuple(dim.dim_param or dim.dim_value for dim in tensor.shape.dim)
    return PlanTensor(dtype=_DTYPES[tensor.elem_type], shape=shape)
