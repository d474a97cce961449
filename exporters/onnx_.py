"""Stages to ONNX graphs whose weights all lie in one safetensors file, each tensor once."""

from __future__ import annotations

import hashlib
import json
import logging
import struct
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from safetensors.numpy import save_file
from torch import nn

from artifact.manifest import WEIGHTS_NAME, StageFile
from exporters.stages import Stage

OPSET = 20
"""First opset with Gelu; newest that every runtime we name reads."""

INLINE_BYTES = 1024
"""Initializers up to this size stay inside the graph: shapes, axes, scalars."""


def to_onnx(stage: Stage, sizes: Mapping[str, int]) -> onnx.ModelProto:
    """Trace one stage.

    Args:
        stage: what to trace.
        sizes: example sizes of the symbols; they stay dynamic in the graph.

    Returns:
        A checked model whose inputs and outputs carry the contract's names.
    """
    example = stage.random_inputs(sizes, seed=0)
    symbolic = torch.export.Dim.DYNAMIC
    dynamic = tuple(
        {axis: symbolic for axis, size in enumerate(tensor.shape) if isinstance(size, str)}
        for tensor in stage.inputs.values()
    )
    quiet = logging.getLogger("torch.onnx")
    level = quiet.level
    quiet.setLevel(logging.ERROR)  # it warns that torchvision's operators are not there
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                stage.module,
                tuple(example.values()),
                dynamo=True,
                input_names=list(stage.inputs),
                output_names=list(stage.outputs),
                dynamic_shapes=(dynamic,),  # stage modules take one argument, `*tensors`
                opset_version=OPSET,
                verbose=False,
            )
    finally:
        quiet.setLevel(level)
    assert program is not None
    model = program.model_proto
    _fold_transposes(model)
    _name_dimensions(model, stage)
    _forget_traces(model)
    onnx.checker.check_model(model)
    return model


def _fold_transposes(model: onnx.ModelProto) -> None:
    """Replace every transposed weight by a weight that lies transposed.

    The tracer does so only for weights used once; a key's are used by many orders, and every graph
    must read the same bytes.
    """
    graph = model.graph
    weights = {initializer.name: initializer for initializer in graph.initializer}
    folded: dict[str, str] = {}
    for node in [node for node in graph.node if node.op_type == "Transpose"]:
        weight = weights.get(node.input[0])
        if weight is None or len(weight.dims) != 2:
            continue
        name = f"{weight.name}.transposed"
        if name not in weights:
            array = np.ascontiguousarray(numpy_helper.to_array(weight).T)
            weights[name] = numpy_helper.from_array(array, name)
            graph.initializer.append(weights[name])
        folded[node.output[0]] = name
        graph.node.remove(node)
    used = set()
    for node in graph.node:
        for index, name in enumerate(node.input):
            node.input[index] = folded.get(name, name)
        used.update(node.input)
    for initializer in [one for one in graph.initializer if one.name not in used]:
        graph.initializer.remove(initializer)


def _name_dimensions(model: onnx.ModelProto, stage: Stage) -> None:
    """Give inputs and outputs the contract's symbols in place of the tracer's."""
    for values, shapes in ((model.graph.input, stage.inputs), (model.graph.output, stage.outputs)):
        for value in values:
            dims = value.type.tensor_type.shape.dim
            for dim, size in zip(dims, shapes[value.name].shape, strict=True):
                if isinstance(size, str):
                    dim.dim_param = size
                else:
                    dim.dim_value = size


def _forget_traces(model: onnx.ModelProto) -> None:
    """Drop the tracer's notes: they name source files of the machine that exported."""
    graph = model.graph
    for values in (graph.node, graph.input, graph.output, graph.value_info, graph.initializer):
        for value in values:
            value.ClearField("metadata_props")
            value.ClearField("doc_string")
    graph.ClearField("metadata_props")
    model.ClearField("metadata_props")


class WeightFile:
    """Collects the large initializers of many graphs and writes each distinct tensor once.

    Tensors are told apart by their bytes; a tensor of the model (or its transpose, which the tracer
    folds) keeps the model's name, any other takes its graph's.

    Args:
        model: the model the graphs were traced from, for names.
    """

    def __init__(self, model: nn.Module) -> None:
        self._names: dict[str, str] = {}
        self._tensors: dict[str, NDArray[np.generic]] = {}
        self._graphs: dict[str, tuple[onnx.ModelProto, dict[str, str]]] = {}
        for name, tensor in model.state_dict().items():
            array = tensor.detach().numpy()
            self._names.setdefault(_digest(array), name)
            if array.ndim == 2:
                self._names.setdefault(_digest(array.T), f"{name}.transposed")

    def add(self, file: str, model: onnx.ModelProto) -> tuple[str, ...]:
        """Take a graph in; returns the names of the tensors it reads."""
        used: dict[str, str] = {}
        for initializer in model.graph.initializer:
            array = numpy_helper.to_array(initializer)
            if array.nbytes <= INLINE_BYTES:
                continue
            digest = _digest(array)
            name = self._names.setdefault(
                digest, f"{file.removesuffix('.onnx')}.{initializer.name}"
            )
            self._tensors.setdefault(name, np.ascontiguousarray(array))
            used[initializer.name] = name
        self._graphs[file] = (model, used)
        return tuple(sorted(set(used.values())))

    def write(self, folder: Path) -> None:
        """Write the weights, then every graph with its large initializers pointing into them."""
        save_file(dict(sorted(self._tensors.items())), folder / WEIGHTS_NAME)
        where = _offsets(folder / WEIGHTS_NAME)
        for file, (model, used) in self._graphs.items():
            for initializer in model.graph.initializer:
                if initializer.name in used:
                    _point(initializer, *where[used[initializer.name]])
            onnx.save(model, folder / file)


def _point(initializer: onnx.TensorProto, offset: int, length: int) -> None:
    """Turn an initializer into a reference to bytes of the weights file."""
    for field in ("raw_data", "float_data", "int64_data", "int32_data", "external_data"):
        initializer.ClearField(field)
    initializer.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", WEIGHTS_NAME), ("offset", offset), ("length", length)):
        initializer.external_data.add(key=key, value=str(value))


def _offsets(path: Path) -> dict[str, tuple[int, int]]:
    """Read where each tensor of a safetensors file lies: (offset, length) in bytes."""
    with path.open("rb") as stream:
        (header_bytes,) = struct.unpack("<Q", stream.read(8))
        header = json.loads(stream.read(header_bytes))
    start = 8 + header_bytes
    return {
        name: (
            start + entry["data_offsets"][0],
            entry["data_offsets"][1] - entry["data_offsets"][0],
        )
        for name, entry in header.items()
        if name != "__metadata__"
    }


def _digest(array: NDArray[np.generic]) -> str:
    header = f"{array.dtype}{array.shape}".encode()
    return hashlib.sha256(header + np.ascontiguousarray(array).tobytes()).hexdigest()


def file_of(stage: str) -> str:
    """Return the file name of a stage: `block[0]` lies in `block.0.onnx`."""
    return stage.replace("[", ".").replace("]", "").replace(":", ".") + ".onnx"


def stage_record(stage: Stage, initializers: Iterable[str]) -> StageFile:
    """Return the manifest's record of a stage."""
    return StageFile(
        file=file_of(stage.name),
        inputs={name: tensor.spec for name, tensor in stage.inputs.items()},
        outputs={name: tensor.spec for name, tensor in stage.outputs.items()},
        initializers=tuple(initializers),
    )
