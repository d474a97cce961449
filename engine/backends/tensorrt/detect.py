"""Whether TensorRT can run here. A child process tries it: the library may end its process.

Run as `python -m engine.backends.tensorrt.detect MODULE`: the last line of standard output is the
finding.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from artifact.errors import how_to_install
from artifact.plan import PlanLibrary
from engine.backends.cuda.driver import DriverRefused, arch_of, check_result
from engine.backends.cuda.runtime import Cuda, CudaError, runtime_version
from engine.backends.installed import is_installed

LIBRARIES: dict[str, PlanLibrary] = {"tensorrt": "tensorrt", "tensorrt_rtx": "tensorrt-rtx"}
"""The libraries by module; the first that is ready is used. Each is an extra of the same name."""

_TIMEOUT_S = 120.0
_OLDEST_MAJOR = 10


@dataclass(frozen=True)
class StartedLibrary:
    """A library that started here, and the GPU it starts on.

    `arch` is the compute capability: 8.9 is `sm_89`. `driver` and `runtime` are CUDA versions, the
    newest the driver runs and the one of `cuda-bindings`.
    """

    module: str
    version: str
    device: str
    arch: str
    driver: str
    runtime: str


@dataclass(frozen=True)
class Unready:
    """Why a library cannot run here, and what to do about it; each on one line."""

    module: str
    problem: str
    fix: str


Finding = StartedLibrary | Unready


class _Missing(Exception):
    """Something that the library needs is missing."""

    def __init__(self, problem: str, fix: str) -> None:
        self.problem = problem
        self.fix = fix
        super().__init__(problem)


def find_tensorrt() -> Finding:
    """Return the first TensorRT that is ready here, else what the first installed one lacks."""
    lacking: Finding | None = None
    for module in filter(is_installed, LIBRARIES):
        found = try_library(module)
        if isinstance(found, StartedLibrary):
            return found
        lacking = lacking or found
    if lacking is not None:
        return lacking
    fix = " or ".join(map(how_to_install, LIBRARIES.values()))
    problem = f"neither {' nor '.join(LIBRARIES)} is installed"
    return Unready("tensorrt", problem, fix)


@functools.cache
def try_library(module: str) -> Finding:
    """Try a library in a child process, once per process. A crash there makes it `Unready`."""
    if not is_installed(module):
        return Unready(module, "not installed", how_to_install(LIBRARIES[module]))
    paths = [str(Path(__file__).parents[3]), *(path for path in sys.path if path)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-P", "-m", "engine.backends.tensorrt.detect", module]
    reinstall = how_to_install(LIBRARIES[module], "--force-reinstall")
    try:
        child = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=_TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Unready(module, f"it cannot be tried: {error}", reinstall)
    return _read_finding(module, child.stdout, child.returncode, reinstall)


def _read_finding(module: str, output: str, code: int, fix: str) -> Finding:
    """Read a child's output; each line is JSON: a step it begins, or its finding."""
    last: dict[str, Any] = {}
    for line in output.splitlines():
        try:
            last = json.loads(line)
        except ValueError:  # what a library prints on standard output
            continue
    try:
        return Unready(module, **last) if "problem" in last else StartedLibrary(**last)
    except TypeError:
        end = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        step = last.get("step", "start")
        return Unready(module, f"its process ended with {end} at: {step}", fix)


def _check_all(module: str) -> StartedLibrary:
    """Check what the library needs, in order: CUDA must start before the library's runtime."""
    library = _import(module)
    driver = _driver()
    device, arch, newest = _device(driver)
    runtime = _cuda_bindings(newest)
    _report_step("TensorRT's runtime")
    if library.Runtime(library.Logger(library.Logger.ERROR)) is None:
        raise _Missing(
            f"{module} does not start on {device}", "see docs/gpu.md for what it supports"
        )
    return StartedLibrary(module, str(library.__version__), device, arch, newest, runtime)


def _import(module: str) -> Any:
    _report_step(f"import {module}")
    fix = (
        f"install {LIBRARIES[module]} with its libraries, from NVIDIA's package index; docs/gpu.md"
    )
    try:
        library = importlib.import_module(module)
    except (ImportError, OSError) as error:
        raise _Missing(f"{module} cannot be imported: {_one_line(error)}", fix) from error
    if not hasattr(library, "Builder"):
        raise _Missing(f"{module} is half installed: it has no Builder", fix)
    version = str(library.__version__)
    if module == "tensorrt" and int(version.partition(".")[0]) < _OLDEST_MAJOR:
        raise _Missing(f"tensorrt {version} is too old", "pip install 'tensorrt>=10'")
    return library


def _driver() -> ctypes.CDLL:
    _report_step("the driver")
    try:
        return ctypes.CDLL("libcuda.so.1")
    except OSError as error:
        fix = "install NVIDIA's driver; a container needs --gpus all"
        raise _Missing("no NVIDIA driver here (libcuda.so.1)", fix) from error


def _device(driver: ctypes.CDLL) -> tuple[str, str, str]:
    """Return name, compute capability and the driver's CUDA version."""
    fix = "see nvidia-smi and CUDA_VISIBLE_DEVICES"
    _report_step("cuInit")
    if code := driver.cuInit(0):
        raise _Missing(f"the NVIDIA driver finds no GPU (cuInit gives {code})", fix)
    count, version, device = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    if driver.cuDeviceGetCount(ctypes.byref(count)) or not count.value:
        raise _Missing("no GPU is visible", fix)
    name = ctypes.create_string_buffer(100)
    try:
        check_result(driver.cuDriverGetVersion(ctypes.byref(version)))
        check_result(driver.cuDeviceGet(ctypes.byref(device), 0))
        check_result(driver.cuDeviceGetName(name, len(name), device))
        arch = arch_of(driver, device)
    except DriverRefused as refused:
        problem = f"the NVIDIA driver does not tell what GPU it has (error {refused.code})"
        raise _Missing(problem, fix) from refused
    return name.value.decode("utf-8", "replace"), arch, _cuda_version(version.value)


def _cuda_bindings(newest: str) -> str:
    """Return the CUDA version of the binding; check that the driver runs it."""
    _report_step("cuda.bindings")
    newest_major = newest.partition(".")[0]
    pin = f"pip install 'cuda-bindings=={newest_major}.*'"
    try:
        version = _cuda_version(runtime_version())
        if int(version.partition(".")[0]) > int(newest_major):
            problem = f"cuda-bindings is for CUDA {version}, the driver runs {newest}"
            raise _Missing(problem, f"update the driver, or {pin}")
        Cuda()
    except ImportError as error:
        raise _Missing(f"cuda-bindings cannot be imported: {_one_line(error)}", pin) from error
    except CudaError as error:
        raise _Missing(f"CUDA does not start: {error.call}: {error.name}", error.fix) from error
    return version


def _cuda_version(number: int) -> str:
    return f"{number // 1000}.{number % 1000 // 10}"


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())


def _report_step(step: str) -> None:
    print(json.dumps({"step": step}), flush=True)


def main() -> None:
    """Ask about the module named, and print the finding."""
    try:
        found = asdict(_check_all(sys.argv[1]))
    except _Missing as stop:
        found = {"problem": stop.problem, "fix": stop.fix}
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
