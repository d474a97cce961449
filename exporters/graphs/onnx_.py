"""Stages to ONNX graphs without their large weights, which `exporters/graphs/weights.py` stores."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from torch.onnx import ONNXProgram

from artifact.manifest import StageFile
from exporters.stages import UncompiledStage

OPSET = 20
"""First opset with Gelu; newest that every runtime we name reads."""

INLINE_BYTES = 1024
"""Initializers up to this size stay inside the graph: shapes, axes, scalars."""


@dataclass(frozen=True)
class TracedGraph:
    """A traced stage. Large weights lie beside it: one message cannot hold all of BEiT-3 Large.

    Attributes:
        model: its initializers over `INLINE_BYTES` have a shape and no bytes.
        tensors: values of these initializers by name; views of the model's memory where possible.
    """

    model: onnx.ModelProto
    tensors: dict[str, NDArray[np.generic]]


def to_onnx(stage: UncompiledStage, sizes: Mapping[str, int]) -> TracedGraph:
    """Trace one stage.

    Args:
        stage: what to trace.
        sizes: example sizes of the symbols; they stay dynamic in the graph.

    Returns:
        A graph whose inputs and outputs carry the contract's names.
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
    graph = _without_weights(program)
    _fold_transposes(graph)
    _name_dimensions(graph.model, stage)
    _forget_traces(graph.model)
    return graph


def _without_weights(program: ONNXProgram) -> TracedGraph:
    """Take the large weights out before the graph becomes one message."""
    held = program.model.graph.initializers
    tensors: dict[str, NDArray[np.generic]] = {
        name: value.const_value.numpy()
        for name, value in held.items()
        if value.const_value is not None and value.const_value.nbytes > INLINE_BYTES
    }
    for name in tensors:
        del held[name]
    model = program.model_proto
    model.graph.initializer.extend(_empty(name, array) for name, array in tensors.items())
    return TracedGraph(model, tensors)


def _empty(name: str, array: NDArray[np.generic]) -> onnx.TensorProto:
    """Return an initializer that says what it is and whose bytes lie elsewhere."""
    kind = helper.np_dtype_to_tensor_dtype(array.dtype)
    return onnx.TensorProto(
        name=name,
        data_type=kind,
        dims=array.shape,
        data_location=onnx.TensorProto.EXTERNAL,
    )


def _fold_transposes(graph: TracedGraph) -> None:
    """Replace every transposed weight by a weight that lies transposed.

    The tracer does so only for weights used once; a key's are used by many orders, and every graph
    must read the same bytes.
    """
    made, tensors = graph.model.graph, graph.tensors
    weights = {initializer.name: initializer for initializer in made.initializer}
    folded: dict[str, str] = {}
    for node in [node for node in made.node if node.op_type == "Transpose"]:
        weight = weights.get(node.input[0])
        if weight is None or len(weight.dims) != 2:
            continue
        name = f"{weight.name}.transposed"
        if name not in weights and weight.name in tensors:
            tensors[name] = tensors[weight.name].T
            weights[name] = _empty(name, tensors[name])
            made.initializer.append(weights[name])
        elif name not in weights:
            array = np.ascontiguousarray(numpy_helper.to_array(weight).T)
            weights[name] = numpy_helper.from_array(array, name)
            made.initializer.append(weights[name])
        folded[node.output[0]] = name
        made.node.remove(node)
    used = set()
    for node in made.node:
        for index, name in enumerate(node.input):
            node.input[index] = folded.get(name, name)
        used.update(node.input)
    for initializer in [one for one in made.initializer if one.name not in used]:
        made.initializer.remove(initializer)
        tensors.pop(initializer.name, None)


def _name_dimensions(model: onnx.ModelProto, stage: UncompiledStage) -> None:
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


def file_of(stage: str, form: int | None = None) -> str:
    """Return the file name of a stage: `block[0]` lies in `block.0.onnx`.

    Args:
        stage: its name.
        form: of an adapted form, its number: `block.0.adapted0.onnx`.
    """
    adapted = "" if form is None else f".adapted{form}"
    return stage.replace("[", ".").replace("]", "").replace(":", ".") + f"{adapted}.onnx"


def stage_record(
    stage: UncompiledStage, initializers: Iterable[str], form: int | None = None
) -> StageFile:
    """Return the manifest's record of a stage, or of its adapted form of that number."""
    return StageFile(
        file=file_of(stage.name, form),
        inputs={name: tensor.spec for name, tensor in stage.inputs.items()},
        outputs={name: tensor.spec for name, tensor in stage.outputs.items()},
        initializers=tuple(initializers),
    )
