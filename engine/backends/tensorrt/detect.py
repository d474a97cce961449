"""Whether TensorRT can run here, asked in a child process: asking it wrongly ends the process.

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
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from engine.backends.cuda.runtime import Cuda, CudaError, runtime_version

TENSORRT_MODULES = ("tensorrt", "tensorrt_rtx")
"""In the order they are taken."""

_TIMEOUT_S = 120.0
_OLDEST = 10
_MAJOR, _MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_*


@dataclass(frozen=True)
class Ready:
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
    """Why a library cannot run here, and what to do about it; each is part of one line."""

    module: str
    problem: str
    fix: str


Finding = Ready | Unready


class _Stop(Exception):
    """What is missing was found."""

    def __init__(self, problem: str, fix: str) -> None:
        self.problem = problem
        self.fix = fix
        super().__init__(problem)


def installed(module: str) -> bool:
    """Tell whether a module could be imported; imports nothing and takes no time.

    A folder that happens to have the name (a namespace package, without a file) is none.
    """
    try:
        spec = find_spec(module)
        return spec is not None and spec.origin is not None
    except (ImportError, ValueError):  # a package that is broken, or half removed
        return False


def tensorrt() -> Finding:
    """Return the first TensorRT that is ready here, else what the first installed one lacks."""
    lacking: Finding | None = None
    for module in filter(installed, TENSORRT_MODULES):
        found = detect(module)
        if isinstance(found, Ready):
            return found
        lacking = lacking or found
    if lacking is not None:
        return lacking
    extras = " or ".join(f"'otmv-serve[{_extra(module)}]'" for module in TENSORRT_MODULES)
    problem = f"neither {' nor '.join(TENSORRT_MODULES)} is installed"
    return Unready(TENSORRT_MODULES[0], problem, f"pip install {extras}")


@functools.cache
def detect(module: str) -> Finding:
    """Try a library in a child process, once per process; a crash there is a finding."""
    if not installed(module):
        return Unready(module, "not installed", f"pip install 'otmv-serve[{_extra(module)}]'")
    paths = [str(Path(__file__).parents[3]), *(path for path in sys.path if path)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-P", "-m", "engine.backends.tensorrt.detect", module]
    reinstall = f"pip install --force-reinstall 'otmv-serve[{_extra(module)}]'"
    try:
        child = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=_TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Unready(module, f"asking it came to nothing: {error}", reinstall)
    return _parsed(module, child.stdout, child.returncode, reinstall)


def _parsed(module: str, output: str, code: int, fix: str) -> Finding:
    """Read what a child said; each line is JSON, a step it begins or its finding."""
    last: dict[str, Any] = {}
    for line in output.splitlines():
        try:
            last = json.loads(line)
        except ValueError:  # what a library prints on standard output
            continue
    try:
        return Unready(module, **last) if "problem" in last else Ready(**last)
    except TypeError:
        end = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        step = last.get("step", "start")
        return Unready(module, f"its process ended with {end} at: {step}", fix)


def _extra(module: str) -> str:
    return module.replace("_", "-")


def _ask(module: str) -> Ready:
    """Try one thing after the other. CUDA comes before the library's runtime, which needs it."""
    library = _import(module)
    driver = _driver()
    device, arch, newest = _device(driver)
    runtime = _cuda_bindings(newest)
    _say("TensorRT's runtime")
    if library.Runtime(library.Logger(library.Logger.ERROR)) is None:
        raise _Stop(f"{module} does not start on {device}", "see docs/gpu.md for what it supports")
    return Ready(module, str(library.__version__), device, arch, newest, runtime)


def _import(module: str) -> Any:
    _say(f"import {module}")
    fix = f"install {_extra(module)} with its libraries, from NVIDIA's package index; docs/gpu.md"
    try:
        library = importlib.import_module(module)
    except (ImportError, OSError) as error:
        raise _Stop(f"{module} cannot be imported: {_line(error)}", fix) from error
    if not hasattr(library, "Builder"):
        raise _Stop(f"{module} is half installed: it has no Builder", fix)
    version = str(library.__version__)
    if module == "tensorrt" and int(version.partition(".")[0]) < _OLDEST:
        raise _Stop(f"tensorrt {version} is too old", "pip install 'tensorrt>=10'")
    return library


def _driver() -> ctypes.CDLL:
    _say("the driver")
    try:
        return ctypes.CDLL("libcuda.so.1")
    except OSError as error:
        fix = "install NVIDIA's driver; a container needs --gpus all"
        raise _Stop("no NVIDIA driver here (libcuda.so.1)", fix) from error


def _device(driver: ctypes.CDLL) -> tuple[str, str, str]:
    """Return name, compute capability and the driver's CUDA version."""
    fix = "see nvidia-smi and CUDA_VISIBLE_DEVICES"
    _say("cuInit")
    if code := driver.cuInit(0):
        raise _Stop(f"the NVIDIA driver finds no GPU (cuInit gives {code})", fix)
    count, version, device = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    if driver.cuDeviceGetCount(ctypes.byref(count)) or not count.value:
        raise _Stop("no GPU is visible", fix)
    numbers = [ctypes.c_int(), ctypes.c_int()]
    name = ctypes.create_string_buffer(100)
    failed = (
        driver.cuDriverGetVersion(ctypes.byref(version))
        or driver.cuDeviceGet(ctypes.byref(device), 0)
        or driver.cuDeviceGetName(name, len(name), device)
        or driver.cuDeviceGetAttribute(ctypes.byref(numbers[0]), _MAJOR, device)
        or driver.cuDeviceGetAttribute(ctypes.byref(numbers[1]), _MINOR, device)
    )
    if failed:
        raise _Stop(f"the NVIDIA driver does not tell what GPU it has (error {failed})", fix)
    arch = "sm_" + "".join(str(number.value) for number in numbers)
    return name.value.decode("utf-8", "replace"), arch, _cuda_version(version.value)


def _cuda_bindings(newest: str) -> str:
    """Return the CUDA version of the binding; check that the driver runs it."""
    _say("cuda.bindings")
    newest_major = newest.partition(".")[0]
    pin = f"pip install 'cuda-bindings=={newest_major}.*'"
    try:
        version = _cuda_version(runtime_version())
        if int(version.partition(".")[0]) > int(newest_major):
            problem = f"cuda-bindings is for CUDA {version}, the driver runs {newest}"
            raise _Stop(problem, f"update the driver, or {pin}")
        Cuda()
    except ImportError as error:
        raise _Stop(f"cuda-bindings cannot be imported: {_line(error)}", pin) from error
    except CudaError as error:
        raise _Stop(f"CUDA does not start: {error.call}: {error.name}", error.fix) from error
    return version


def _cuda_version(number: int) -> str:
    return f"{number // 1000}.{number % 1000 // 10}"


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())


def _say(step: str) -> None:
    print(json.dumps({"step": step}), flush=True)


def main() -> None:
    """Ask about the module named, and print the finding."""
    try:
        found = asdict(_ask(sys.argv[1]))
    except _Stop as stop:
        found = {"problem": stop.problem, "fix": stop.fix}
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
