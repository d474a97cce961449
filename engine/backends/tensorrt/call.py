"""One stage at one shape in TensorRT: a context, a place in the workspace, a CUDA graph.

Not run on a GPU yet (docs/gpu.md).
"""

from __future__ import annotations

import ctypes
import logging
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from engine.backends.arrays import Array
from engine.backends.cuda.runtime import (
    ALIGNMENT,
    Cuda,
    CudaError,
    Graph,
    Pointer,
    Workspace,
    aligned,
)

_LOG = logging.getLogger(__name__)

Shape = tuple[int, ...]


class TensorRtError(Exception):
    """TensorRT refused; `str()` is what it said, on one line."""


class Library:
    """`tensorrt` or `tensorrt_rtx`: one surface, and what it says when it refuses.

    Only after CUDA has started may `runtime` be made: without a driver it ends the process.
    """

    def __init__(self, module: Any) -> None:
        self.module = module
        self._said: deque[str] = deque(maxlen=2)
        said = self._hear

        class Ear(module.ILogger):  # type: ignore[misc]
            def log(self, severity: Any, text: str) -> None:
                said(severity, text)

        self._ear = Ear()
        self.runtime = module.Runtime(self._ear)

    def _hear(self, severity: Any, text: str) -> None:
        if severity.name in ("ERROR", "INTERNAL_ERROR"):
            self._said.append(" ".join(text.split()))
        elif severity.name == "WARNING":
            _LOG.warning("TensorRT: %s", " ".join(text.split()))

    def refusal(self, what: str) -> TensorRtError:
        """Return an error with what the library said last: the reason, and what came of it."""
        said = "; ".join(self._said) or "TensorRT gives no reason"
        self._said.clear()
        return TensorRtError(f"{what}: {said}")

    def deserialize(self, data: bytes) -> Any:
        """Return an engine.

        Raises:
            TensorRtError: if the library refuses the plan.
        """
        engine = self.runtime.deserialize_cuda_engine(data)
        if engine is None:
            raise self.refusal("the plan is refused")
        return engine

    def context(self, engine: Any) -> Any:
        """Return an execution context without memory for activations.

        Where kernels are compiled for shapes as they come, it compiles them at once: a graph holds
        the kernels there were when it was captured.
        """
        trt = self.module
        own = trt.ExecutionContextAllocationStrategy.USER_MANAGED
        made = None
        if hasattr(engine, "create_runtime_config"):
            config = engine.create_runtime_config()
            config.set_execution_context_allocation_strategy(own)
            if hasattr(trt, "DynamicShapesKernelSpecializationStrategy"):
                eager = trt.DynamicShapesKernelSpecializationStrategy.EAGER
                config.dynamic_shapes_kernel_specialization_strategy = eager
            made = engine.create_execution_context(config)
        else:
            made = engine.create_execution_context(own)
        if made is None:
            raise self.refusal("no execution context")
        return made


@dataclass(frozen=True)
class Place:
    """Where a tensor lies in a workspace: bytes from its start."""

    shape: Shape
    dtype: np.dtype[Any]
    offset: int

    @property
    def row_bytes(self) -> int:
        """Return the bytes of one row."""
        return prod(self.shape[1:]) * self.dtype.itemsize


class ShapedCall:
    """A stage at one shape, with a context of its own, since a graph must not outlive its settings.

    Args:
        library: of the engine.
        engine: deserialized.
        cuda: where it runs.
        workspace: of all stages.
        inputs: shapes, and dtypes as the engine has them.
        outputs: dtypes.
        profile: index of the optimization profile that holds the shapes.

    Raises:
        TensorRtError, CudaError: from every method; the library's binding raises others too.
    """

    def __init__(
        self,
        library: Library,
        engine: Any,
        cuda: Cuda,
        workspace: Workspace,
        inputs: Mapping[str, tuple[Shape, np.dtype[Any]]],
        outputs: Mapping[str, np.dtype[Any]],
        profile: int,
    ) -> None:
        self._library, self._cuda = library, cuda
        self._context = library.context(engine)
        self._set_shapes({name: shape for name, (shape, _) in inputs.items()}, profile)
        shapes = {name: tuple(self._context.get_tensor_shape(name)) for name in outputs}
        self.places: dict[str, Place] = {}
        end = 0
        tensors = [(name, *one) for name, one in inputs.items()]
        tensors += [(name, shapes[name], dtype) for name, dtype in outputs.items()]
        for name, shape, dtype in tensors:
            self.places[name] = Place(shape, dtype, end)
            end += aligned(prod(shape) * dtype.itemsize)
        activations = max(int(engine.get_device_memory_size_for_profile_v2(profile)), ALIGNMENT)
        self._space = workspace.claim(end + activations, end)
        self._context.set_device_memory(self._space.device + end, activations)
        for name in self.places:
            if not self._context.set_tensor_address(name, self.at(name)):
                raise library.refusal(f"no address for {name}")
        self._graph: Graph | None = None
        self._may_capture = True

    def _set_shapes(self, shapes: Mapping[str, Shape], profile: int) -> None:
        self._context.set_optimization_profile_async(profile, int(self._cuda.stream))
        self._cuda.wait()
        for name, shape in shapes.items():
            if not self._context.set_input_shape(name, shape):
                raise self._library.refusal(f"{name} of shape {list(shape)}")
        if missing := list(self._context.infer_shapes()):
            raise self._library.refusal(f"the shapes of {', '.join(missing)} are not known")

    def at(self, name: str) -> Pointer:
        """Return where a tensor lies on the device."""
        return self._space.device + self.places[name].offset

    def staged_at(self, name: str) -> Pointer:
        """Return where it lies in pinned memory."""
        return self._space.host + self.places[name].offset

    def staged(self, name: str) -> Array:
        """Return the array in pinned memory through which the host gives or takes a tensor."""
        place = self.places[name]
        size_bytes = prod(place.shape) * place.dtype.itemsize
        letters = (ctypes.c_ubyte * size_bytes).from_address(self.staged_at(name))
        made: Array = np.frombuffer(memoryview(letters), place.dtype)
        return made.reshape(place.shape)

    def enqueue(self) -> None:
        """Ask for one run of what lies in the workspace, in the stream's order."""
        if self._graph is not None:
            self._cuda.launch(self._graph)
        else:
            self._execute(int(self._cuda.stream))

    def settle(self) -> None:
        """Capture the graph, once a first run is done: until then the library still prepares.

        A context that cannot be captured goes on without a graph.
        """
        if self._graph is not None or not self._may_capture:
            return
        self._may_capture = False
        able = getattr(self._context, "is_stream_capturable", None)
        if able is not None and not able(int(self._cuda.stream)):
            _LOG.warning("no CUDA graph: %s", self._library.refusal("TensorRT cannot be captured"))
            return
        try:
            self._graph = self._cuda.capture(self._execute)
        except (CudaError, TensorRtError) as error:
            _LOG.warning("no CUDA graph: %s", error)

    def _execute(self, stream: int) -> None:
        if not self._context.execute_async_v3(stream):
            raise self._library.refusal("the run is refused")
