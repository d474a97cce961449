"""Where large weights go: one safetensors file that every graph of an artifact points into."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper
from safetensors.numpy import save_file
from torch import nn

from artifact.manifest import WEIGHTS_NAME
from exporters.graphs.onnx_ import TracedGraph

_Array = NDArray[np.generic]

_HEADER_BYTES = 4 << 20
"""Kept free at the start of a `WeightLog`'s file; the names of some 30 000 tensors."""


class WeightFile:
    """Collects the large initializers of many graphs and writes each distinct tensor once.

    Tensors are told apart by their bytes; a tensor of the model (or its transpose, which the tracer
    folds) keeps the model's name, any other takes its graph's.

    Args:
        model: the model the graphs were traced from, for names.
    """

    def __init__(self, model: nn.Module) -> None:
        self._names: dict[str, str] = {}
        self._tensors: dict[str, _Array] = {}
        self._graphs: dict[str, tuple[onnx.ModelProto, dict[str, str]]] = {}
        for name, tensor in model.state_dict().items():
            array = tensor.detach().numpy()
            self._names.setdefault(_digest(array), name)
            if array.ndim == 2:
                self._names.setdefault(_digest(array.T), f"{name}.transposed")

    def add(self, file: str, graph: TracedGraph) -> tuple[str, ...]:
        """Take a graph in; returns the names of the tensors it reads."""
        used: dict[str, str] = {}
        for initializer, array in graph.tensors.items():
            name = self._names.setdefault(_digest(array), _name(file, initializer))
            self._tensors.setdefault(name, np.ascontiguousarray(array))
            used[initializer] = name
        self._graphs[file] = (graph.model, used)
        return tuple(sorted(set(used.values())))

    def write(self, folder: Path) -> None:
        """Write the weights, then every graph with its large initializers pointing into them."""
        save_file(dict(sorted(self._tensors.items())), folder / WEIGHTS_NAME)
        where = _offsets(folder / WEIGHTS_NAME)
        for file, (model, used) in self._graphs.items():
            places = {initializer: where[name] for initializer, name in used.items()}
            _save(model, places, folder / file)


class WeightLog:
    """Writes each distinct tensor as it comes, so that only one graph's weights are in memory.

    Graphs can be loaded as soon as they are added. Use as a context manager; the file is a
    safetensors file once the block is left.

    Args:
        folder: where weights and graphs are written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names: dict[str, str] = {}
        self._places: dict[str, tuple[int, int]] = {}
        self._header: dict[str, dict[str, object]] = {}
        self._end = 8 + _HEADER_BYTES

    def __enter__(self) -> Self:
        self._stream = (self._folder / WEIGHTS_NAME).open("wb")
        self._stream.seek(self._end)
        return self

    def add(self, file: str, graph: TracedGraph) -> tuple[str, ...]:
        """Write a graph and its tensors that are new; returns the names it reads."""
        places: dict[str, tuple[int, int]] = {}
        names = set()
        for initializer, array in graph.tensors.items():
            if array.dtype != np.float32:  # a table of indices: it would put floats out of line
                _put_back(graph.model, initializer, array)
                continue
            name = self._written(_name(file, initializer), array)
            places[initializer] = self._places[name]
            names.add(name)
        self._stream.flush()
        _save(graph.model, places, self._folder / file)
        return tuple(sorted(names))

    def _written(self, name: str, array: _Array) -> str:
        """Append a tensor unless its bytes are there; returns the name they have."""
        known = self._names.setdefault(_digest(array), name)
        if known == name:
            start = self._end - 8 - _HEADER_BYTES
            self._stream.write(np.ascontiguousarray(array).data)
            self._places[name] = (self._end, array.nbytes)
            self._end += array.nbytes
            self._header[name] = {
                "dtype": "F32",
                "shape": list(array.shape),
                "data_offsets": [start, start + array.nbytes],
            }
        return known

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._stream:
            if error is None:
                text = json.dumps(self._header).encode()
                if len(text) > _HEADER_BYTES:
                    raise ValueError(f"{len(self._header)} tensors: too many for one weights file")
                self._stream.seek(0)
                self._stream.write(struct.pack("<Q", _HEADER_BYTES) + text.ljust(_HEADER_BYTES))


def _save(model: onnx.ModelProto, places: dict[str, tuple[int, int]], path: Path) -> None:
    """Point initializers to bytes of the weights file, (offset, length); write the graph."""
    for initializer in model.graph.initializer:
        if initializer.name in places:
            offset, length = places[initializer.name]
            for key, value in (("location", WEIGHTS_NAME), ("offset", offset), ("length", length)):
                initializer.external_data.add(key=key, value=str(value))
    onnx.save(model, path)
    onnx.checker.check_model(str(path))


def _put_back(model: onnx.ModelProto, name: str, array: _Array) -> None:
    """Put a tensor's bytes into its graph."""
    for initializer in model.graph.initializer:
        if initializer.name == name:
            initializer.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(array), name))


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


def _name(file: str, initializer: str) -> str:
    """Name a tensor after its graph."""
    return f"{file.removesuffix('.onnx')}.{initializer}"


def _digest(array: _Array) -> str:
    header = f"{array.dtype}{array.shape}".encode()
    digest = hashlib.sha256(header)
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
