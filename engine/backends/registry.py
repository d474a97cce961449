"""Backends by name; a vendor library is imported only when its backend is chosen."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from engine.backends.base import Backend
from engine.errors import LoadFailed


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


_FACTORIES: dict[str, Callable[[int], Backend]] = {
    "onnxruntime": _onnxruntime,
    "openvino": _openvino,
}


def backend_names() -> tuple[str, ...]:
    """Return the names `open_backend` knows."""
    return tuple(_FACTORIES)


def installed_backends() -> dict[str, str]:
    """Return name and version of every backend whose library is installed; imports none."""
    found = {}
    for name in _FACTORIES:
        if find_spec(name) is not None:
            try:
                found[name] = version(name)
            except PackageNotFoundError:  # installed under another name, as for other devices
                found[name] = "unknown"
    return found


def open_backend(name: str, threads: int = 0) -> Backend:
    """Return a backend; `threads` 0 means every core.

    Raises:
        LoadFailed: if the name is unknown or its library is missing.
    """
    if name not in _FACTORIES:
        fix = f"use one of {', '.join(_FACTORIES)}"
        raise LoadFailed(f"backend {name}", "unknown", fix)
    return _FACTORIES[name](threads)
