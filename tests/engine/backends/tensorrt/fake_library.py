"""A stand-in for TensorRT's runtime: engines that run the NumPy twin on a `FakeCuda`'s memory.

It checks what the documentation demands: every shape and address is set, a run comes before a
capture, the memory for activations overlaps no tensor, and a context does not change once a graph
was captured from it.
"""

from __future__ import annotations

import enum
import json
import weakref
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.engine.artifacts.tiny_model import NV, Array, TinyModel
from tests.engine.backends.cuda.fake_runtime import FakeCuda
from tests.engine.backends.cuda.fake_values import Fault, cudaError_t

MAX_BATCH = 16
WEIGHTS_BYTES = 1 << 20
DataType = enum.Enum("DataType", ["FLOAT", "HALF", "BF16", "INT32", "INT64", "BOOL", "UINT8"])
_TYPES = {
    "float32": DataType.FLOAT,
    "float16": DataType.HALF,
    "bfloat16": DataType.BF16,
    "int32": DataType.INT32,
    "int64": DataType.INT64,
    "bool": DataType.BOOL,
    "uint8": DataType.UINT8,
}


class Strategy(enum.Enum):
    STATIC = 0
    USER_MANAGED = 2


class Specialization(enum.Enum):
    LAZY = 0
    EAGER = 1


@dataclass
class RuntimeConfig:
    allocation: Strategy = Strategy.STATIC
    dynamic_shapes_kernel_specialization_strategy: Specialization = Specialization.LAZY

    def set_execution_context_allocation_strategy(self, strategy: Strategy) -> None:
        self.allocation = strategy


class Severity(enum.Enum):
    INTERNAL_ERROR = 0
    ERROR = 1
    WARNING = 2


class FakeTensorRt(SimpleNamespace):
    """The module. `refuses` names what the next call of a method says no to, and why."""

    def __init__(self, cuda: FakeCuda, model: TinyModel, rtx: bool = True) -> None:
        self.cuda, self.model = cuda, model
        self.refuses: dict[str, str] = {}
        self.engines = 0
        self.contexts = 0
        self.ear: Any = None
        shared = {
            "ILogger": type("ILogger", (), {}),
            "ExecutionContextAllocationStrategy": Strategy,
            "Runtime": self._runtime,
        }
        super().__init__(**shared)
        if rtx:
            self.DynamicShapesKernelSpecializationStrategy = Specialization
        self.rtx = rtx

    def _runtime(self, ear: Any) -> Any:
        self.ear = ear
        return SimpleNamespace(deserialize_cuda_engine=self._deserialize)

    def _deserialize(self, data: bytes) -> Engine | None:
        if self.says_no("deserialize"):
            return None
        return Engine(self, json.loads(data))

    def says_no(self, what: str) -> bool:
        if (reason := self.refuses.pop(what, None)) is not None:
            self.ear.log(Severity.ERROR, f"[fake]  {reason}\n")
            return True
        return False

    def complain(self, reason: str) -> bool:
        """Say what a caller did wrong, and False."""
        self.ear.log(Severity.ERROR, reason)
        return False


class Engine:
    def __init__(self, trt: FakeTensorRt, content: dict[str, Any]) -> None:
        self.trt, self.stage = trt, content["stage"]
        self.sides = content["inputs"], content["outputs"]
        self.tensors = content["inputs"] | content["outputs"]
        self.num_io_tensors = len(self.tensors)
        _, weights = trt.cuda.cudaMalloc(WEIGHTS_BYTES)
        trt.engines += 1
        weakref.finalize(self, self._gone, trt, weights)
        if trt.rtx:
            self.create_runtime_config = RuntimeConfig

    @staticmethod
    def _gone(trt: FakeTensorRt, weights: int) -> None:
        trt.engines -= 1
        trt.cuda.cudaFree(weights)

    def get_tensor_name(self, index: int) -> str:
        return list(self.tensors)[index]

    def get_tensor_dtype(self, name: str) -> DataType:
        return _TYPES[self.tensors[name][0]]

    def get_device_memory_size_for_profile_v2(self, profile: int) -> int:
        return 512 * (1, MAX_BATCH)[profile]

    def create_execution_context(self, config: Any) -> Context | None:
        if self.trt.says_no("context"):
            return None
        if self.trt.rtx:
            assert config.dynamic_shapes_kernel_specialization_strategy is Specialization.EAGER
            config = config.allocation
        assert config is Strategy.USER_MANAGED
        self.trt.contexts += 1
        return Context(self)


class Context:
    def __init__(self, engine: Engine) -> None:
        self._engine, self._trt, self._cuda = engine, engine.trt, engine.trt.cuda
        self._profile: int | None = None
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._at: dict[str, int] = {}
        self._memory = (0, 0)
        self._changes = 0
        self._ran = self._captured = False

    def _change(self) -> None:
        assert not self._captured, "a context must be left alone once a graph was captured of it"
        self._changes += 1

    def set_optimization_profile_async(self, profile: int, stream: int) -> bool:
        self._change()
        self._profile = profile
        return True

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        self._change()
        assert self._profile is not None
        least, most = ((1, 1), (2, MAX_BATCH))[self._profile]
        if not least <= shape[0] <= most or self._trt.says_no("shape"):
            return self._trt.complain(f"{name}: {shape} is not in profile {self._profile}")
        self._shapes[name] = shape
        return True

    def infer_shapes(self) -> list[str]:
        inputs, outputs = self._engine.sides
        sizes: dict[Any, int] = {}
        for name, (_, symbols) in inputs.items():
            if name not in self._shapes:
                return [name]
            sizes |= dict(zip(symbols, self._shapes[name], strict=True))
        if "L" in sizes:
            sizes["N"] = NV + sizes["L"]
        for name, (_, symbols) in outputs.items():
            self._shapes[name] = tuple(sizes.get(s, s) for s in symbols)
        return []

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return self._shapes[name]

    def set_device_memory(self, pointer: int, size: int) -> None:
        self._change()
        assert self._profile is not None
        assert size >= self._engine.get_device_memory_size_for_profile_v2(self._profile)
        self._memory = pointer, size

    def set_tensor_address(self, name: str, pointer: int) -> bool:
        self._change()
        assert pointer % 256 == 0
        self._at[name] = pointer
        return not self._trt.says_no("address")

    def is_stream_capturable(self, stream: int) -> bool:
        return not self._trt.says_no("capture")

    def execute_async_v3(self, stream: int) -> bool:
        if self._trt.says_no("execute"):
            return False
        if missing := self._engine.tensors.keys() - self._at.keys():
            return self._trt.complain(f"no address for {sorted(missing)}")
        if self._cuda.capturing(stream):
            if not self._ran:
                return self._trt.complain("captured before a first run")
            self._captured = True
        self._cuda.enqueue(stream, self._work)
        return True

    def _work(self) -> None:
        self._ran = True
        self._cuda.view(*self._memory)[:] = 0xFF  # activations, wherever they are
        inputs, outputs = self._engine.sides
        given = {name: self._tensor(name) for name in inputs}
        for name, (dtype, _) in inputs.items():
            if dtype.startswith("int") and name != "mask" and (given[name] < 0).any():
                raise Fault(cudaError_t.cudaErrorIllegalAddress)  # an index outside the table
        found = self._trt.model.run(self._engine.stage, {n: _plain(n, a) for n, a in given.items()})
        for name in outputs:
            np.copyto(self._tensor(name), found[name], casting="unsafe")

    def _tensor(self, name: str) -> Array:
        dtype, shape = np.dtype(self._engine.tensors[name][0]), self._shapes[name]
        size = int(np.prod(shape)) * dtype.itemsize
        return self._cuda.view(self._at[name], size).view(dtype).reshape(shape)


def _plain(name: str, array: Array) -> Array:
    """Return an input as the twin takes it, whatever the plan's dtype."""
    if name == "mask":
        return array.astype(np.bool_)
    return array if array.dtype in (np.uint8, np.int64) else array.astype(_WIDE[array.dtype.kind])


_WIDE = {"f": np.float32, "i": np.int64, "b": np.bool_}
