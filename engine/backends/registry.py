"""Backends by name; a vendor library is imported only when its backend is chosen."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from artifact.store import Artifact
from engine.backends.base import Backend
from engine.backends.cuda.driver import has_cuda
from engine.backends.tensorrt import detect
from engine.config import default_cache_dir
from engine.errors import LoadFailed

_TENSORRT = "tensorrt"


def _onnxruntime(threads: int) -> Backend:
    try:
        from engine.backends.onnxruntime import OnnxRuntimeBackend
    except ImportError as error:
        fix = "pip install onnxruntime"
        raise LoadFailed("backend onnxruntime", f"not installed: {error}", fix) from error
    return OnnxRuntimeBackend(threads)


def _openvino(threads: int) -> Backend:
    try:
        from engine.backends.openvino import OpenVinoBackend
    except ImportError as error:
        fix = "pip install 'otmv-serve[openvino]'"
        raise LoadFailed("backend openvino", f"not installed: {error}", fix) from error
    return OpenVinoBackend(threads)


def _torch(threads: int) -> Backend:
    try:
        from engine.backends.torch.backend import TorchBackend
    except ImportError as error:
        fix = "pip install 'otmv-serve[torch]'"
        raise LoadFailed("backend torch", f"not installed: {error}", fix) from error
    return TorchBackend(threads)


def _tensorrt(artifact: Artifact | None, cache_dir: Path | None) -> Backend:
    found = detect.tensorrt()
    if isinstance(found, detect.Unready):
        raise LoadFailed("backend tensorrt", found.problem, found.fix)
    if artifact is None:
        problem = "it runs an artifact's plans, and no artifact is given"
        raise LoadFailed("backend tensorrt", problem, "use another backend")
    from engine.backends.tensorrt.backend import TensorRtBackend

    return TensorRtBackend(found, artifact, cache_dir or default_cache_dir())


_FACTORIES: dict[str, Callable[[int], Backend]] = {
    "onnxruntime": _onnxruntime,
    "openvino": _openvino,
    "torch": _torch,
}

_FOR_CUDA = frozenset({"torch", _TENSORRT})

_MODULES = {"torch": ("torch", "onnx")}
"""What a backend imports, where that is not the module of its own name."""


def backend_names() -> tuple[str, ...]:
    """Return the names `open_backend` knows."""
    return (*_FACTORIES, _TENSORRT)


def installed_backends() -> dict[str, str]:
    """Return name and version of every backend whose library is installed; imports none.

    TensorRT is among them only where it is ready: installed, it is asked in a process of its own.
    """
    found = {}
    for name in _FACTORIES:
        if all(detect.installed(module) for module in _MODULES.get(name, (name,))):
            try:
                found[name] = version(name)
            except PackageNotFoundError:  # installed under another name, as for other devices
                found[name] = "unknown"
    ready = detect.tensorrt()
    if isinstance(ready, detect.Ready):
        found[_TENSORRT] = f"{ready.module} {ready.version} {ready.arch}"
    return found


def suits_machine(name: str) -> bool:
    """Tell whether a backend is worth a trial here: some are for CUDA devices (ADR 0025)."""
    return name not in _FOR_CUDA or has_cuda()


def candidate_backends() -> dict[str, str]:
    """Return the installed backends that suit this machine, as `installed_backends` does."""
    found = installed_backends()
    if found.get("torch", "").endswith("+cpu"):  # that build sees no device
        del found["torch"]
    return {name: release for name, release in found.items() if suits_machine(name)}


def open_backend(
    name: str, threads: int = 0, artifact: Artifact | None = None, cache_dir: Path | None = None
) -> Backend:
    """Return a backend.

    Args:
        name: one of `backend_names`.
        threads: of a library on the processor; 0 means every core.
        artifact: what it is to run; TensorRT needs it, for it runs plans of it.
        cache_dir: the cache folder they lie in, unless it is the usual one.

    Raises:
        LoadFailed: if the name is unknown, its library is missing, or it cannot run here.
    """
    if name == _TENSORRT:
        return _tensorrt(artifact, cache_dir)
    if name not in _FACTORIES:
        fix = f"use one of {', '.join(backend_names())}"
        raise LoadFailed(f"backend {name}", "unknown", fix)
    return _FACTORIES[name](threads)
