"""Backends by name; a vendor library is imported only when its backend is chosen."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from artifact.store import Artifact
from engine.backends import detect
from engine.backends.base import Backend
from engine.config import default_cache_dir
from engine.errors import LoadFailed

_TENSORRT = "tensorrt"


def _onnxruntime(threads: int) -> Backend:
    try:
        from engine.backends.onnxruntime_ import OnnxRuntimeBackend
    except ImportError as error:
        fix = "pip install onnxruntime"
        raise LoadFailed("backend onnxruntime", f"not installed: {error}", fix) from error
    return OnnxRuntimeBackend(threads)


def _openvino(threads: int) -> Backend:
    try:
        from engine.backends.openvino_ import OpenVinoBackend
    except ImportError as error:
        fix = "pip install 'otmv-serve[openvino]'"
        raise LoadFailed("backend openvino", f"not installed: {error}", fix) from error
    return OpenVinoBackend(threads)


def _tensorrt(artifact: Artifact | None, cache_dir: Path | None) -> Backend:
    found = detect.tensorrt()
    if isinstance(found, detect.Unready):
        raise LoadFailed("backend tensorrt", found.problem, found.fix)
    if artifact is None:
        problem = "it runs an artifact's plans, and no artifact is given"
        raise LoadFailed("backend tensorrt", problem, "use another backend")
    from engine.backends.tensorrt_ import TensorRtBackend

    return TensorRtBackend(found, artifact, cache_dir or default_cache_dir())


_FACTORIES: dict[str, Callable[[int], Backend]] = {
    "onnxruntime": _onnxruntime,
    "openvino": _openvino,
}


def backend_names() -> tuple[str, ...]:
    """Return the names `open_backend` knows."""
    return (*_FACTORIES, _TENSORRT)


def installed_backends() -> dict[str, str]:
    """Return name and version of every backend whose library is installed; imports none.

    TensorRT is among them only where it is ready: installed, it is asked in a process of its own.
    """
    found = {}
    for name in _FACTORIES:
        if find_spec(name) is not None:
            try:
                found[name] = version(name)
            except PackageNotFoundError:  # installed under another name, as for other devices
                found[name] = "unknown"
    ready = detect.tensorrt()
    if isinstance(ready, detect.Ready):
        found[_TENSORRT] = f"{ready.module} {ready.version} {ready.arch}"
    return found


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
