"""PyTorch on CPU in fp32, on CUDA in bf16 or fp32: graphs translated to torch.fx (ADR 0025)."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor
from torch.nn import functional

from artifact.config import Precision
from artifact.latency.machine import usable_cores
from artifact.manifest import StageFile
from engine.backends.arrays import HOST, AnyArray, Array, Memory
from engine.backends.base import bound_sizes, check_into
from engine.backends.torch.arrays import TorchMemory, first_line, readable
from engine.backends.torch.device import Buffers, CudaGraphs, DeviceRunner
from engine.backends.torch.graph import Operators, Unsupported, build_graph, make_module
from engine.backends.torch.layout import LAYOUT
from engine.backends.torch.ops import NUMBERS
from engine.backends.torch.rewrite import fuse, narrow
from engine.backends.torch.weights import WeightStore
from engine.errors import InferenceFailed, LoadFailed

Runner = Callable[[Mapping[str, Any], Mapping[str, Any]], dict[str, Any]]
"""Takes inputs, and arrays for outputs; returns all outputs (see `LoadedStage.run`)."""

OPERATORS = Operators({**NUMBERS, **LAYOUT})
"""All operators that can be translated."""

_EXPORT_AGAIN = "export the artifact again"


class TorchStage:
    """One translated graph.

    Attributes:
        module: the graph with its weights.
        runner: runs it on the host's arrays or the device's.
    """

    def __init__(self, stage: str, spec: StageFile, module: torch.nn.Module, run: Runner) -> None:
        self.module = module
        self.runner = run
        self._stage = stage
        self._spec = spec

    def run(
        self, inputs: Mapping[str, AnyArray], into: Mapping[str, AnyArray] | None = None
    ) -> dict[str, Any]:
        """Run one batch (see `LoadedStage.run`)."""
        into = into or {}
        bound_sizes(self._stage, self._spec.inputs, inputs)  # torch would broadcast or convert
        check_into(self._stage, self._spec.outputs, inputs, into)
        try:
            with torch.inference_mode():
                return self.runner(inputs, into)
        except Exception as error:  # the library raises several unrelated classes
            raise InferenceFailed(self._stage, _reason(error)) from error


class HostRunner:
    """Runs a graph on NumPy's memory; new outputs are views of torch's."""

    def __init__(self, module: Callable[..., tuple[Tensor, ...]], spec: StageFile) -> None:
        self._module = module
        self._spec = spec

    def __call__(self, inputs: Mapping[str, Array], into: Mapping[str, Array]) -> dict[str, Array]:
        """Run one batch (see `LoadedStage.run`)."""
        given = [torch.from_numpy(readable(inputs[name])) for name in self._spec.inputs]
        found = zip(self._spec.outputs, self._module(*given), strict=True)
        taken = {tensor.untyped_storage().data_ptr() for tensor in given}
        outputs = {}
        for name, tensor in found:
            place = into.get(name)
            if place is None:
                outputs[name] = _owned(tensor, taken)
                continue
            if place.shape != tuple(tensor.shape):
                raise ValueError(f"{name} has shape {tuple(tensor.shape)}, not {place.shape}")
            torch.from_numpy(place).copy_(tensor)
            outputs[name] = place
        return outputs


class TorchBackend:
    """Loads stages as torch.fx graphs; each weight lies once on the device.

    Args:
        threads: on the processor; 0 means every core.
        device: "cuda" or "cpu"; default: CUDA where there is any.
        precision: of matrix products; default: bf16 on devices that have it, fp32 on the processor.
    """

    name = "torch"

    def __init__(
        self,
        threads: int = 0,
        device: str | None = None,
        precision: Precision | None = None,
    ) -> None:
        torch.set_num_threads(threads or usable_cores())
        self._device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        on_cuda = self._device.type == "cuda"
        self.precision: Precision = precision or ("bf16" if _has_bf16(self._device) else "fp32")
        self.memory: Memory = HOST
        self.shares_workspace = self.compiles_shapes = on_cuda
        self.weights = WeightStore(self._device)
        _preload(self._device)
        self._runner: Callable[..., Runner] = HostRunner
        if on_cuda:
            _refuse_tf32()
            self.memory = TorchMemory(self._device)
            graphs = CudaGraphs(self._device)
            self._runner = partial(
                DeviceRunner, buffers=Buffers(self._device), capture=graphs.capture
            )

    @property
    def library(self) -> str:
        """Return library, version, device and precision."""
        on_cuda = self._device.type == "cuda"
        where = torch.cuda.get_device_name(self._device) if on_cuda else "CPU"
        return f"torch {torch.__version__} {where} {self.precision}"

    def load(self, stage: str, path: Path, spec: StageFile) -> TorchStage:
        """Load one graph (see `Backend.load`)."""
        try:
            return self._load(stage, path, spec)
        except LoadFailed:
            raise
        except Unsupported as error:
            raise LoadFailed(stage, str(error), "use --backend onnxruntime") from error
        except torch.OutOfMemoryError as error:
            fix = "set OTMV_MEMORY_BUDGET, so that the last key blocks are left out"
            raise LoadFailed(stage, first_line(error), fix) from error
        except Exception as error:  # onnx and torch raise several unrelated classes
            raise LoadFailed(stage, first_line(error), _EXPORT_AGAIN) from error

    def _load(self, stage: str, path: Path, spec: StageFile) -> TorchStage:
        model = onnx.load(path, load_external_data=False)
        spec = _in_order(stage, spec, model.graph)
        graph = build_graph(model, path.parent, self._device, OPERATORS)
        fuse(graph)
        if self.precision == "bf16":
            narrow(graph, torch.bfloat16)
        module = make_module(graph, self.weights)
        return TorchStage(stage, spec, module, self._runner(module.forward, spec))


def _preload(device: torch.device) -> None:
    """Use torch once, so that what it loads at first use is not counted as a stage's memory."""
    picture, weight = (
        torch.zeros(1, 3, 16, 16, device=device),
        torch.zeros(8, 3, 4, 4, device=device),
    )
    with torch.inference_mode():
        x = functional.conv2d(picture, weight, stride=4).flatten(2).transpose(1, 2)
        x = functional.linear(x, weight[:, 0, :2].flatten(1), weight[:, 0, 0, 0])
        functional.scaled_dot_product_attention(x, x, x, x @ x.mT)
        functional.gelu(functional.layer_norm(x, (8,)))


def _refuse_tf32() -> None:
    """Compute fp32 as fp32: by default convolutions use ten bits of the mantissa (TF32)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the setting's newer name is not in every release
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False


def _has_bf16(device: torch.device) -> bool:
    """Tell whether a CUDA device multiplies in bf16 natively; the processor computes in fp32."""
    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


def _in_order(stage: str, spec: StageFile, graph: onnx.GraphProto) -> StageFile:
    """Return the record with inputs and outputs in the graph's order.

    Raises:
        LoadFailed: if the graph has others.
    """
    inputs, outputs = [v.name for v in graph.input], [v.name for v in graph.output]
    if (set(inputs), set(outputs)) != (set(spec.inputs), set(spec.outputs)):
        problem = f"the graph has {inputs} and {outputs}, the manifest says otherwise"
        raise LoadFailed(stage, problem, _EXPORT_AGAIN)
    ordered = {"inputs": {name: spec.inputs[name] for name in inputs}}
    ordered["outputs"] = {name: spec.outputs[name] for name in outputs}
    return spec.model_copy(update=ordered)


def _owned(tensor: Tensor, taken: set[int]) -> Array:
    """Return an output as an array whose memory nothing else uses; `taken` are used addresses."""
    storage = tensor.untyped_storage()
    alone = storage.data_ptr() not in taken and storage.nbytes() == tensor.nbytes
    taken.add(storage.data_ptr())
    if not (alone and tensor.is_contiguous()):
        tensor = tensor.clone(memory_format=torch.contiguous_format)
    return tensor.numpy()


def _reason(error: Exception) -> str:
    """Return the library's message on one line, and what helps."""
    if isinstance(error, torch.OutOfMemoryError):
        torch.cuda.empty_cache()
        return f"{first_line(error)} (lower OTMV_MAX_BATCH)"
    if "CUDA error" in str(error):
        return f"{first_line(error)} (no call can follow it: restart the server)"
    return first_line(error)
