"""Backends by name; a vendor library is imported only when its backend is chosen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from artifact.errors import how_to_install
from artifact.store import Artifact
from engine.backends.base import Backend
from engine.backends.cuda.driver import has_cuda
from engine.backends.installed import is_installed
from engine.backends.tensorrt import detect
from engine.config import default_cache_dir
from engine.errors import LoadFailed


@dataclass(frozen=True)
class _Choices:
    """What a backend may be opened with; see `open_backend`."""

    threads: int
    artifact: Artifact | None
    cache_dir: Path | None


@dataclass(frozen=True)
class _Entry:
    """What the registry knows of a backend.

    Attributes:
        open: imports the library and makes the backend.
        extra: of this package, which has its library; "": none is needed.
        release: gives the version of the installed library, None without one; imports none.
        needs_cuda: whether it is worth a trial on machines with a CUDA device only (ADR 0025).
    """

    open: Callable[[_Choices], Backend]
    extra: str
    release: Callable[[], str | None]
    needs_cuda: bool = False


def _onnxruntime(choices: _Choices) -> Backend:
    from engine.backends.onnxruntime import OnnxRuntimeBackend

    return OnnxRuntimeBackend(choices.threads)


def _openvino(choices: _Choices) -> Backend:
    from engine.backends.openvino import OpenVinoBackend

    return OpenVinoBackend(choices.threads)


def _torch(choices: _Choices) -> Backend:
    from engine.backends.torch.backend import TorchBackend

    return TorchBackend(choices.threads)


def _tensorrt(choices: _Choices) -> Backend:
    found = detect.find_tensorrt()
    if isinstance(found, detect.Unready):
        raise LoadFailed("backend tensorrt", found.problem, found.fix)
    if choices.artifact is None:
        problem = "it runs an artifact's plans, and no artifact is given"
        raise LoadFailed("backend tensorrt", problem, "use another backend")
    from engine.backends.tensorrt.backend import TensorRtBackend

    return TensorRtBackend(found, choices.artifact, choices.cache_dir or default_cache_dir())


def _release(package: str, *modules: str) -> str | None:
    """Return a package's version, None unless all the modules are installed."""
    if not all(map(is_installed, modules)):
        return None
    try:
        return version(package)
    except PackageNotFoundError:  # installed under another name, as for other devices
        return "unknown"


def _ready_tensorrt() -> str | None:
    """Return library, version and GPU, None where TensorRT is not ready."""
    found = detect.find_tensorrt()
    if isinstance(found, detect.Unready):
        return None
    return f"{found.module} {found.version} {found.arch}"


_ENTRIES = {
    "onnxruntime": _Entry(_onnxruntime, "", partial(_release, "onnxruntime", "onnxruntime")),
    "openvino": _Entry(_openvino, "openvino", partial(_release, "openvino", "openvino")),
    "torch": _Entry(_torch, "torch", partial(_release, "torch", "torch", "onnx"), needs_cuda=True),
    "tensorrt": _Entry(_tensorrt, "tensorrt", _ready_tensorrt, needs_cuda=True),
}


def backend_names() -> tuple[str, ...]:
    """Return the names `open_backend` knows."""
    return tuple(_ENTRIES)


def installed_backends() -> dict[str, str]:
    """Return name and version of every backend whose library is installed; imports none.

    TensorRT is among them only where it is ready: if it is installed, a child process tries it.
    """
    releases = {name: entry.release() for name, entry in _ENTRIES.items()}
    return {name: release for name, release in releases.items() if release is not None}


def suits_machine(name: str) -> bool:
    """Tell whether a backend is worth a trial here: some are for CUDA devices (ADR 0025)."""
    return has_cuda() or not _ENTRIES[name].needs_cuda


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
        artifact: what it is to run; TensorRT needs it, since it runs the artifact's plans.
        cache_dir: the cache folder that holds the plans; None: the usual one.

    Raises:
        LoadFailed: if the name is unknown, its library is missing, or it cannot run here.
    """
    entry = _ENTRIES.get(name)
    if entry is None:
        fix = f"use one of {', '.join(backend_names())}"
        raise LoadFailed(f"backend {name}", "unknown", fix)
    try:
        return entry.open(_Choices(threads, artifact, cache_dir))
    except ImportError as error:
        problem = f"not installed: {error}"
        fix = how_to_install(entry.extra) if entry.extra else f"pip install {name}"
        raise LoadFailed(f"backend {name}", problem, fix) from error
