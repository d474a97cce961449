"""One stage at one shape in TensorRT: a context, its tensors in the workspace, a CUDA graph.

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
from engine.backends.cuda.runtime import CapturedGraph, Cuda, CudaError, Pointer
from engine.backends.cuda.workspace import ALIGNMENT, Workspace, aligned

_LOG = logging.getLogger(__name__)

Shape = tuple[int, ...]


class TensorRtError(Exception):
    """TensorRT refused; `str()` is its message, on one line."""


class RuntimeLibrary:
    """`tensorrt` or `tensorrt_rtx`, behind one interface, with their error messages.

    Make it only after CUDA has started: without a driver the library's runtime ends the process.

    Args:
        module: the library.
    """

    def __init__(self, module: Any) -> None:
        self.module = module
        self._errors: deque[str] = deque(maxlen=2)
        log = self._log

        class Logger(module.ILogger):  # type: ignore[misc]
            def log(self, severity: Any, text: str) -> None:
                log(severity, text)

        self._logger = Logger()
        self.runtime = module.Runtime(self._logger)

    def _log(self, severity: Any, text: str) -> None:
        if severity.name in ("ERROR", "INTERNAL_ERROR"):
            self._errors.append(" ".join(text.split()))
        elif severity.name == "WARNING":
            _LOG.warning("TensorRT: %s", " ".join(text.split()))

    def refusal(self, what: str) -> TensorRtError:
        """Return an error with the library's last messages: the reason, and what failed by it."""
        reason = "; ".join(self._errors) or "TensorRT gives no reason"
        self._errors.clear()
        return TensorRtError(f"{what}: {reason}")

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

        TensorRT for RTX compiles kernels for the shapes it meets. It is told to compile them at
        once: a CUDA graph keeps the kernels of the moment it was captured.

        Raises:
            TensorRtError: if the library makes none.
        """
        trt = self.module
        own = trt.ExecutionContextAllocationStrategy.USER_MANAGED
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
class Location:
    """A tensor's shape and dtype, and where it lies in a workspace: bytes from its start."""

    shape: Shape
    dtype: np.dtype[Any]
    offset: int

    @property
    def row_bytes(self) -> int:
        """Return the bytes of one row."""
        return prod(self.shape[1:]) * self.dtype.itemsize


class ShapedCall:
    """A stage at one shape.

    It has a context of its own: a captured graph is valid only as long as its context's settings.

    Args:
        library: that deserialized the engine.
        engine: deserialized.
        cuda: where it runs.
        workspace: shared by all stages.
        inputs: shapes, and dtypes as the engine has them.
        outputs: dtypes as the engine has them.
        profile: index of the optimization profile that holds the shapes.

    Raises:
        TensorRtError, CudaError: from every method; the library's binding raises others too.
    """

    def __init__(
        self,
        library: RuntimeLibrary,
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
        self.locations: dict[str, Location] = {}
        end = 0
        tensors = [(name, *one) for name, one in inputs.items()]
        tensors += [(name, shapes[name], dtype) for name, dtype in outputs.items()]
        for name, shape, dtype in tensors:
            self.locations[name] = Location(shape, dtype, end)
            end += aligned(prod(shape) * dtype.itemsize)
        activations = max(int(engine.get_device_memory_size_for_profile_v2(profile)), ALIGNMENT)
        self._space = workspace.claim(end + activations, end)
        self._context.set_device_memory(self._space.device + end, activations)
        for name in self.locations:
            if not self._context.set_tensor_address(name, self.device_address(name)):
                raise library.refusal(f"no address for {name}")
        self._graph: CapturedGraph | None = None
        self._may_capture = True

    def _set_shapes(self, shapes: Mapping[str, Shape], profile: int) -> None:
        self._context.set_optimization_profile_async(profile, int(self._cuda.stream))
        self._cuda.wait()
        for name, shape in shapes.items():
            if not self._context.set_input_shape(name, shape):
                raise self._library.refusal(f"{name} of shape {list(shape)}")
        if missing := list(self._context.infer_shapes()):
            raise self._library.refusal(f"the shapes of {', '.join(missing)} are not known")

    def device_address(self, name: str) -> Pointer:
        """Return where a tensor lies on the device."""
        return self._space.device + self.locations[name].offset

    def pinned_address(self, name: str) -> Pointer:
        """Return where the tensor's copy on the host lies, in pinned memory."""
        return self._space.host + self.locations[name].offset

    def pinned_array(self, name: str) -> Array:
        """Return the tensor's copy on the host, an array of its shape and dtype."""
        location = self.locations[name]
        size_bytes = prod(location.shape) * location.dtype.itemsize
        raw = (ctypes.c_ubyte * size_bytes).from_address(self.pinned_address(name))
        made: Array = np.frombuffer(memoryview(raw), location.dtype)
        return made.reshape(location.shape)

    def enqueue(self) -> None:
        """Run once on the tensors in the workspace, in the stream's order."""
        if self._graph is not None:
            self._cuda.launch(self._graph)
        else:
            self._execute(int(self._cuda.stream))

    def capture_once(self) -> None:
        """Capture the graph after the first run: during that run the library still prepares.

        A context that cannot be captured runs without a graph from then on.
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
