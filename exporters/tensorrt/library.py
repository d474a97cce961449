"""One adapter for `tensorrt` 10 and 11 and for `tensorrt_rtx`: all calls of their builders.

The libraries share almost one API. What differs: `tensorrt` builds on the GPU a plan is for,
TensorRT for RTX builds for GPUs named in advance and needs none; TensorRT 11 knows strongly typed
networks only, earlier ones are asked for them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from artifact.plan import PORTABLE, OptimizationProfile, PlanLibrary, PlanTensor
from engine.backends.cuda.driver import device_arch
from engine.backends.installed import is_installed
from engine.backends.tensorrt.detect import LIBRARIES
from exporters.tensorrt.errors import (
    ArchUnsupported,
    BuildFailed,
    DriverMissing,
    GraphRefused,
    LibraryMissing,
)
from exporters.tensorrt.shapes import fixed_shapes

_MODULES: dict[PlanLibrary, str] = {library: module for module, library in LIBRARIES.items()}
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class BuildJob:
    """One plan to build.

    Attributes:
        stage: its name.
        graph: file of the prepared graph.
        inputs: of the graph.
        profiles: the optimization profiles.
        arch: the GPU, as `sm_89` or `portable`.
        workspace_bytes: GPU memory a kernel may use beside weights and activations.
        timing: the timing cache of earlier builds; empty at first. The library ignores one that
            was measured on another GPU.
    """

    stage: str
    graph: Path
    inputs: Mapping[str, PlanTensor]
    profiles: Sequence[OptimizationProfile]
    arch: str
    workspace_bytes: int
    timing: bytes = b""


@dataclass(frozen=True)
class Built:
    """A serialized engine, and the timing cache after it (empty where the library has none)."""

    plan: bytes
    timing: bytes


def installed() -> tuple[PlanLibrary, ...]:
    """Return the libraries that are installed; imports none."""
    return tuple(name for name, module in _MODULES.items() if is_installed(module))


def open_library(name: PlanLibrary) -> PlanBuilder:
    """Import a library.

    Raises:
        LibraryMissing: it is not installed, or cannot be imported.
        DriverMissing: it needs a GPU to build, and there is none.
    """
    if name not in installed():
        raise LibraryMissing(name, "not installed")
    try:
        module = _imported(name)
    except (ImportError, OSError) as error:  # its own libraries, or a placeholder package
        raise LibraryMissing(name, f"cannot be imported: {error}") from error
    if not hasattr(module, "Builder"):
        raise LibraryMissing(name, "the installed package holds no builder")
    return PlanBuilder(name, module)


def _imported(name: PlanLibrary) -> Any:
    if name == "tensorrt":
        import tensorrt

        return tensorrt
    import tensorrt_rtx

    return tensorrt_rtx


class PlanBuilder:
    """An imported library, ready to build plans.

    Args:
        name: of the library.
        module: the library.

    Raises:
        DriverMissing: it needs a GPU to build, and there is none.
    """

    def __init__(self, name: PlanLibrary, module: Any) -> None:
        self.name: PlanLibrary = name
        self.version = str(module.__version__)
        self._trt = module
        self._here = device_arch()
        if name == "tensorrt" and self._here is None:
            raise DriverMissing(name, "no NVIDIA driver or no GPU here")
        self._log = _logger(module)
        self._builder = module.Builder(self._log)

    @property
    def archs(self) -> tuple[str, ...]:
        """The GPUs it can build for here, as `sm_89` or `portable`; the first is the default."""
        here = () if self._here is None else (self._here,)
        if not hasattr(self._trt, "ComputeCapability"):
            return here
        members = self._trt.ComputeCapability.__members__
        named = tuple(f"sm_{name[2:]}" for name in members if name.startswith("SM"))
        own = tuple(arch for arch in here if arch in named)
        return tuple(dict.fromkeys((*own, PORTABLE, *named)))

    def build(self, job: BuildJob) -> Built:
        """Build a plan.

        Raises:
            GraphRefused: the graph cannot be read.
            ArchUnsupported: not for this GPU here.
            BuildFailed: the library made no plan; the message is its own.
        """
        (network, parser), refused = self._parsed(job.stage, job.graph)
        if refused:
            raise GraphRefused(job.stage, refused)
        config = self._config(job)
        timing = self._timing(config, job.timing)
        plan = self._builder.build_serialized_network(network, config)
        del parser  # it owns weights the network points to
        if plan is None:
            raise BuildFailed(job.stage, self._log.last or "the library gave no reason")
        after = b"" if timing is None else bytes(memoryview(timing.serialize()))
        return Built(bytes(memoryview(plan)), after)

    def _parsed(self, stage: str, graph: Path) -> tuple[tuple[Any, Any], tuple[str, ...]]:
        """Return (network, parser), and the operations that the parser refused, a line each."""
        trt = self._trt
        flags = trt.NetworkDefinitionCreationFlag
        typed = flags.__members__.get("STRONGLY_TYPED")  # TensorRT 11 has no flag and no other kind
        network = self._builder.create_network(0 if typed is None else 1 << int(typed))
        network.name = stage
        parser = trt.OnnxParser(network, self._log)
        self._log.last = ""
        if parser.parse_from_file(str(graph)):
            return (network, parser), ()
        errors = [parser.get_error(index) for index in range(parser.num_errors)]
        refused = tuple(_one_line(error) for error in errors)
        return (network, parser), refused or (self._log.last or "no reason given",)

    def _config(self, job: BuildJob) -> Any:
        trt, config = self._trt, self._builder.create_builder_config()
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, job.workspace_bytes)
        if "TF32" in trt.BuilderFlag.__members__:  # fp32 means fp32: parity is 1e-5
            config.clear_flag(trt.BuilderFlag.TF32)
        for profile in job.profiles:
            shapes = self._builder.create_optimization_profile()
            for name, tensor in job.inputs.items():
                shapes.set_shape(name, *fixed_shapes(tensor.shape, profile))
            config.add_optimization_profile(shapes)
        self._set_arch(config, job.arch)
        return config

    def _set_arch(self, config: Any, arch: str) -> None:
        """Set the GPU that the plan is for."""
        if arch not in self.archs:
            raise ArchUnsupported(self.name, arch, self.archs)
        if arch != PORTABLE and hasattr(self._trt, "ComputeCapability"):
            config.num_compute_capabilities = 1
            wanted = self._trt.ComputeCapability.__members__[f"SM{arch[3:]}"]
            config.set_compute_capability(wanted, 0)

    def _timing(self, config: Any, known: bytes) -> Any:
        """Give the builder the timings of earlier builds; None where the library measures none."""
        if self.name == "tensorrt-rtx":  # it has the calls, and they do nothing
            return None
        cache = config.create_timing_cache(known)
        if cache is None:  # of another version
            cache = config.create_timing_cache(b"")
        return cache if config.set_timing_cache(cache, False) else None


def _one_line(error: Any) -> str:
    """Return a parser's error on one line: operation, node, reason."""
    words = " ".join(str(error.desc()).split())
    if not hasattr(error, "node_operator"):
        return words
    return f"{error.node_operator()} {error.node_name()}: {words}"


def _logger(trt: Any) -> Any:
    """Return a logger that passes the library's messages on and keeps its last error."""
    levels = {
        trt.ILogger.INTERNAL_ERROR: logging.ERROR,
        trt.ILogger.ERROR: logging.ERROR,
        trt.ILogger.WARNING: logging.DEBUG,
    }

    class Logger(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.last = ""

        def log(self, severity: Any, message: str) -> None:
            level = levels.get(severity, 0)
            if level == logging.ERROR:
                self.last = " ".join(message.split())
            if level:
                _LOG.log(logging.DEBUG, "%s", message)

    return Logger()
