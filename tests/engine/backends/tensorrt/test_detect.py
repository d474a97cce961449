"""Whether TensorRT can run here: every way in which it cannot is one line that says what to do.

The libraries are written for the test and imported by a real child process; no GPU is needed, and
what a GPU would answer is asked of a driver that is written in C where there is a compiler.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from artifact.errors import how_to_install
from artifact.store import Artifact
from engine.backends import installed
from engine.backends.registry import installed_backends, open_backend
from engine.backends.tensorrt import detect
from engine.backends.tensorrt.detect import Finding, StartedLibrary, Unready
from engine.errors import LoadFailed
from tests.engine.backends.cuda.fake_driver import compile_driver

GOOD = """
__version__ = "11.4.0"
class Builder: ...
class Logger:
    ERROR = 1
    def __init__(self, level): ...
class Runtime:
    def __init__(self, logger): ...
"""


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    detect.try_library.cache_clear()
    yield
    detect.try_library.cache_clear()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def find(folder: Path, source: str, module: str = "tensorrt") -> Unready:
    (folder / f"{module}.py").write_text(source)
    found = detect.try_library(module)
    assert isinstance(found, Unready)
    assert "\n" not in found.problem + found.fix
    return found


def no_spec(name: str) -> None:
    return None


def test_nothing_installed_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installed, "find_spec", no_spec)
    monkeypatch.setattr(subprocess, "run", pytest.fail)
    found = detect.find_tensorrt()
    assert isinstance(found, Unready)
    assert found.problem == "neither tensorrt nor tensorrt_rtx is installed"
    assert found.fix == " or ".join(map(how_to_install, ("tensorrt", "tensorrt-rtx")))
    assert "tensorrt" not in installed_backends()
    with pytest.raises(LoadFailed, match=r"backend tensorrt: neither .* \(.* -m pip install"):
        open_backend("tensorrt")


@pytest.mark.parametrize(
    ("source", "problem", "fix"),
    [
        ("import no_such_library", "cannot be imported: No module named", "docs/gpu.md"),
        ("raise OSError('libnvinfer.so.11:\\n  missing')", "so.11: missing", "package index"),
        ("", "half installed: it has no Builder", "docs/gpu.md"),
        (
            GOOD.replace("11.4.0", "8.6.0"),
            "tensorrt 8.6.0 is too old",
            "pip install 'tensorrt>=10'",
        ),
        ("import os\nos.kill(os.getpid(), 11)", "ended with SIGSEGV at: import", "force-reinstall"),
        ("import os\nprint('hello')\nos._exit(3)", "exit code 3 at: import", "force-reinstall"),
    ],
)
def test_a_library_that_is_broken(folder: Path, source: str, problem: str, fix: str) -> None:
    found = find(folder, source)
    assert problem in found.problem
    assert fix in found.fix


@pytest.mark.skipif(Path("/proc/driver/nvidia").exists(), reason="there is a driver here")
def test_a_machine_without_a_driver(folder: Path) -> None:
    found = find(folder, GOOD)
    assert found.problem == "no NVIDIA driver here (libcuda.so.1)"
    assert "--gpus all" in found.fix


def test_a_child_that_hangs_is_ended(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detect, "_TIMEOUT_S", 0.2)
    assert "timed out" in find(folder, "import time\ntime.sleep(60)").problem


BINDINGS = """
import enum
class cudaError_t(enum.IntEnum):
    cudaSuccess = 0
    cudaErrorInsufficientDriver = 35
class cudaMemcpyKind:
    cudaMemcpyHostToDevice = cudaMemcpyDeviceToHost = cudaMemcpyDeviceToDevice = 0
cudaStreamNonBlocking = 1
def cudaRuntimeGetVersion(): return cudaError_t(0), 13000
def cudaSetDevice(i): return (cudaError_t(SET),)
def cudaStreamCreateWithFlags(f): return cudaError_t(0), 1
"""


def with_driver(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    library: str = GOOD,
    set_device: int = 0,
    **answers: int,
) -> Finding:
    """Try the library with a driver that gives these answers, and a binding in Python."""
    compile_driver(folder, **answers)
    (folder / "cuda/bindings").mkdir(parents=True)
    (folder / "cuda/__init__.py").touch()
    (folder / "cuda/bindings/__init__.py").touch()
    (folder / "cuda/bindings/runtime.py").write_text(BINDINGS.replace("SET", str(set_device)))
    (folder / "tensorrt.py").write_text(library)
    monkeypatch.setenv("LD_LIBRARY_PATH", str(folder))
    return detect.try_library("tensorrt")


def test_a_machine_that_has_all(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = with_driver(folder, monkeypatch)
    assert found == StartedLibrary("tensorrt", "11.4.0", "Imagined GPU", "sm_90", "13.2", "13.0")
    monkeypatch.setattr(subprocess, "run", pytest.fail)
    assert detect.try_library("tensorrt") is found, "asked once"
    assert installed_backends()["tensorrt"] == "tensorrt 11.4.0 sm_90"


@pytest.mark.parametrize(
    ("answers", "problem"),
    [
        ({"INIT": 100}, "finds no GPU (cuInit gives 100)"),
        ({"COUNT": 0}, "no GPU is visible"),
        ({"NAME": 1}, "does not tell what GPU it has (error 1)"),
        ({"VERSION": 12040}, "cuda-bindings is for CUDA 13.0, the driver runs 12.4"),
        ({"set_device": 35}, "CUDA does not start: cudaSetDevice: cudaErrorInsufficientDriver"),
    ],
)
def test_a_driver_that_is_not_enough(
    folder: Path, monkeypatch: pytest.MonkeyPatch, answers: dict[str, int], problem: str
) -> None:
    found = with_driver(folder, monkeypatch, **answers)  # type: ignore[arg-type]
    assert isinstance(found, Unready)
    assert problem in found.problem


def test_the_runtime_is_asked_for_last(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made without a driver it would end the process, so it must not be made before."""
    deadly = GOOD.replace("def __init__(self, logger): ...", "def __init__(self, logger): dead()")
    deadly += "\ndef dead():\n    import os\n    os.kill(os.getpid(), 11)\n"
    found = with_driver(folder, monkeypatch, deadly)
    assert isinstance(found, Unready)
    assert "SIGSEGV at: TensorRT's runtime" in found.problem
    detect.try_library.cache_clear()
    (folder / "libcuda.so.1").unlink()
    if not Path("/proc/driver/nvidia").exists():
        assert "no NVIDIA driver" in find(folder, deadly).problem


def test_a_missing_binding_names_the_one_for_the_driver(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_driver(folder, monkeypatch, VERSION=12040)
    shutil.rmtree(folder / "cuda/bindings")
    detect.try_library.cache_clear()
    found = detect.try_library("tensorrt")
    assert isinstance(found, Unready)
    assert "cuda-bindings cannot be imported" in found.problem
    assert "cuda-bindings==12.*" in found.fix


def test_the_first_that_is_ready_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    ready = StartedLibrary("tensorrt_rtx", "1.7.1", "Imagined GPU", "sm_89", "13.0", "13.0")
    broken = Unready("tensorrt", "half installed", "install it again")
    answers: dict[str, Finding] = {"tensorrt": broken, "tensorrt_rtx": ready}
    monkeypatch.setattr(detect, "is_installed", lambda module: True)
    monkeypatch.setattr(detect, "try_library", answers.__getitem__)
    assert detect.find_tensorrt() is ready
    answers["tensorrt_rtx"] = Unready("tensorrt_rtx", "no driver", "install one")
    assert detect.find_tensorrt() is broken


def test_auto_does_not_offer_what_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        detect, "find_tensorrt", lambda: Unready("tensorrt", "no driver", "install it")
    )
    assert "onnxruntime" in installed_backends()
    assert "tensorrt" not in installed_backends()


def test_serve_says_it_in_one_line_and_fails(
    folder: Path, tiny: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "tensorrt.py").write_text("")
    monkeypatch.setenv("PYTHONPATH", f"{folder}:{Path(__file__).parents[4]}")
    command = [sys.executable, "-m", "cli.main", "serve", str(tiny.root), "--port", "0"]
    child = subprocess.run(
        [*command, "--backend", "tensorrt"], capture_output=True, text=True, timeout=120
    )
    assert child.returncode == 1
    (said,) = [line for line in child.stderr.splitlines() if "otmv serve:" in line]
    assert "backend tensorrt: tensorrt is half installed: it has no Builder (install" in said
    assert "Traceback" not in child.stderr


def test_what_a_child_prints_beside_its_finding_does_no_harm() -> None:
    ready = json.dumps({"module": "m", "version": "1", "device": "d", "arch": "sm_89"})
    lines = f'loading\n{{"step": "import"}}\n{ready}\nbye\n'
    found = detect._read_finding("m", lines, 0, "again")
    assert isinstance(found, Unready), "not all of it is there"
    assert "exit code 0" in found.problem
