"""ONNX Runtime on CPU, fp32: threads that sleep between calls, one arena for all sessions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from artifact.config import Precision
from artifact.latency.machine import usable_cores
from artifact.manifest import StageFile
from engine.backends.arrays import HOST
from engine.backends.base import Array, PreparedCalls, check_into
from engine.backends.linked_weights import linked_weights
from engine.errors import InferenceFailed, LoadFailed

onnxruntime.disable_telemetry_events()  # a server tells nothing of its users

_PROVIDER = "CPUExecutionProvider"


_SPIN_US = 20
"""How long a thread that has done its part looks for more before it sleeps. Within a graph more
comes sooner. The library's own time is milliseconds: it would take whole cores between calls."""


@cache
def _share_arena() -> None:
    """Create the arena for activations that all sessions of the process share, once.

    Stages run one at a time, so one is enough. With an arena per session, twelve graphs of
    beit3_base hold several times the memory.

    Raises:
        LoadFailed: it cannot be created.
    """
    try:
        kind = onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR
        memory = onnxruntime.OrtMemoryInfo("Cpu", kind, 0, onnxruntime.OrtMemType.DEFAULT)
        arena = onnxruntime.OrtArenaCfg(0, -1, -1, -1)  # no limit, the library's defaults
        onnxruntime.create_and_register_allocator(memory, arena)
    except RuntimeError as error:
        fix = "register no allocator of your own before the engine opens"
        raise LoadFailed("ONNX Runtime's arena", str(error), fix) from error


@contextmanager
def _weights_given(graph: Path, options: Any) -> Iterator[None]:
    """Hand the library the weights while it loads a graph, where it would refuse their file.

    It follows no link out of the graph's folder. It copies what it needs of them.
    """
    path = linked_weights(graph)
    if path is None:
        yield
        return
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as weights:
        options.add_external_initializers_from_files_in_memory(
            [path.name], [weights], [len(weights)]
        )
        yield


class OnnxRuntimeStage:
    """One inference session. New outputs are views of the library's memory: nothing is copied."""

    def __init__(self, stage: str, session: Any, spec: StageFile) -> None:
        self._stage = stage
        self._session = session
        self._specs = spec.outputs
        self._prepared: PreparedCalls[Any] = PreparedCalls()
        self._outputs = [output.name for output in session.get_outputs()]

    def run(
        self, inputs: Mapping[str, Any], into: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Run one batch (see `LoadedStage.run`)."""
        into = into or {}
        known = self._prepared.find(inputs, into) if into else None
        if known is None:
            check_into(self._stage, self._specs, inputs, into)
        try:
            if known is not None:
                self._session.run_with_iobinding(known)
                return dict(into)
            if into:
                return self._run_into(inputs, into)
            arrays = self._session.run(self._outputs, dict(inputs))
        except Exception as error:  # the library raises several unrelated classes
            raise InferenceFailed(self._stage, str(error)) from error
        return dict(zip(self._outputs, arrays, strict=True))

    def _run_into(self, inputs: Mapping[str, Array], into: Mapping[str, Array]) -> dict[str, Array]:
        arrays = {name: np.ascontiguousarray(array) for name, array in inputs.items()}
        binding = self._bind(arrays | dict(into), into)
        in_place = all(arrays[name] is inputs[name] for name in arrays)
        if in_place and len(into) == len(self._outputs):
            self._prepared.remember(inputs, into, binding)
        self._session.run_with_iobinding(binding)
        values = zip(self._outputs, binding.get_outputs(), strict=True)
        return {name: into[name] if name in into else value.numpy() for name, value in values}

    def _bind(self, arrays: Mapping[str, Array], into: Mapping[str, Array]) -> Any:
        binding = self._session.io_binding()
        for name, array in arrays.items():
            tensor = (name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
            if name in into:
                binding.bind_output(*tensor)
            else:
                binding.bind_input(*tensor)
        for name in self._outputs:
            if name not in into:
                binding.bind_output(name)
        return binding


class OnnxRuntimeBackend:
    """Loads stages as ONNX Runtime sessions; weights are resolved beside the graph file."""

    name = "onnxruntime"
    precision: Precision = "fp32"
    shares_workspace = True
    compiles_shapes = False
    memory = HOST

    def __init__(self, threads: int = 0) -> None:
        _share_arena()
        self._threads = threads or usable_cores()

    @property
    def library(self) -> str:
        """Return library, version and the execution provider."""
        return f"onnxruntime {onnxruntime.__version__} {_PROVIDER}"

    def load(self, stage: str, path: Path, spec: StageFile) -> OnnxRuntimeStage:
        """Load one graph (see `Backend.load`)."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = self._threads, 1
        options.add_session_config_entry("session.intra_op.spin_duration_us", str(_SPIN_US))
        options.add_session_config_entry("session.use_env_allocators", "1")
        options.log_severity_level = 3
        try:
            with _weights_given(path, options):
                session = onnxruntime.InferenceSession(str(path), options, providers=[_PROVIDER])
        except Exception as error:  # the library raises several unrelated classes
            raise LoadFailed(stage, str(error), "export the artifact again") from error
        found = {i.name for i in session.get_inputs()}, {o.name for o in session.get_outputs()}
        if found != (set(spec.inputs), set(spec.outputs)):
            problem = f"the graph has inputs and outputs {found}, the manifest says otherwise"
            raise LoadFailed(stage, problem, "export the artifact again")
        return OnnxRuntimeStage(stage, session, spec)
