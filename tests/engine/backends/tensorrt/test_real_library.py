"""The real TensorRT for RTX and the real CUDA binding, as far as they go without a GPU."""

from __future__ import annotations

from pathlib import Path

import pytest

from artifact.plan import PORTABLE, PlanTarget, find_plan, plan_path
from artifact.store import Artifact
from engine.backends.cuda.runtime import Cuda, CudaError, runtime_version
from engine.backends.registry import installed_backends, open_backend
from engine.backends.tensorrt import detect
from engine.backends.tensorrt.backend import TensorRtBackend
from engine.backends.tensorrt.call import RuntimeLibrary, TensorRtError
from engine.errors import LoadFailed
from tests.engine.backends.cuda.fake_runtime import FakeCuda
from tests.engine.backends.tensorrt.backend_on_fakes import READY
from tests.engine.backends.tensorrt.fake_plans import write_plans

trt = pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx is not installed")
runtime = pytest.importorskip("cuda.bindings.runtime", reason="cuda-bindings is not installed")

without_gpu = pytest.mark.skipif(
    runtime.cudaGetDeviceCount()[0] == 0, reason="there is a GPU here: see test_tensorrt_gpu.py"
)


@pytest.fixture(scope="module")
def built(tiny: Artifact, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, PlanTarget]:
    """A real plan of the tiny artifact's head."""
    build = pytest.importorskip("exporters.tensorrt.build")
    library = pytest.importorskip("exporters.tensorrt.library").open_library("tensorrt-rtx")
    folder = tmp_path_factory.mktemp("real")
    options = build.BuildOptions(PORTABLE, "fp32", 4, folder)
    (done,) = build.build_plans(tiny, library, ["head[vqa]"], options)
    return folder, done.record.target


def test_the_bindings_version_needs_no_driver() -> None:
    assert runtime_version() >= 12_080


@without_gpu
def test_cuda_without_a_driver_is_one_line() -> None:
    with pytest.raises(CudaError, match=r"cudaSetDevice: cudaErrorInsufficientDriver \(install"):
        Cuda()


@without_gpu
def test_detection_finds_the_library_and_no_driver() -> None:
    detect.try_library.cache_clear()
    found = detect.try_library("tensorrt_rtx")
    assert isinstance(found, detect.Unready)
    assert found.problem == "no NVIDIA driver here (libcuda.so.1)"
    assert "tensorrt" not in installed_backends()
    with pytest.raises(LoadFailed, match=r"backend tensorrt: no NVIDIA driver here .*--gpus all"):
        open_backend("tensorrt")


@without_gpu
def test_a_real_plan_is_refused_with_the_librarys_words(
    tiny: Artifact, built: tuple[Path, PlanTarget]
) -> None:
    folder, target = built
    assert plan_path(folder, tiny, "head[vqa]", target).is_file()
    data = find_plan(folder, tiny, "head[vqa]", target).read()
    library = RuntimeLibrary(trt)
    with pytest.raises(TensorRtError, match="cudaError 35") as caught:
        library.deserialize(data)
    assert "\n" not in str(caught.value)
    with pytest.raises(TensorRtError, match="Serialization"):
        library.deserialize(b"not a plan" * 100)


@without_gpu
def test_the_backend_itself_is_one_line(tiny: Artifact, tmp_path: Path) -> None:
    write_plans(tmp_path, tiny)
    with pytest.raises(LoadFailed, match=r"cudaErrorInsufficientDriver \(install or update"):
        TensorRtBackend(READY, tiny, tmp_path)


@without_gpu
def test_the_real_library_on_a_stand_in_for_cuda_refuses_to_load(
    tiny: Artifact, built: tuple[Path, PlanTarget]
) -> None:
    """All of opening and loading with the real library, up to where it asks for a device."""
    folder, target = built
    ready = detect.StartedLibrary(
        "tensorrt_rtx", target.version, "Imagined GPU", "sm_89", "13.0", "13.0"
    )
    backend = TensorRtBackend(ready, tiny, folder, trt, FakeCuda())
    assert backend.library == f"tensorrt-rtx {target.version} Imagined GPU sm_89 fp32"
    spec = tiny.manifest.stages["head[vqa]"]
    with pytest.raises(LoadFailed, match=r"head\[vqa\]: the plan is refused: .*cudaError 35") as no:
        backend.load("head[vqa]", tiny.path(spec.file), spec)
    assert "\n" not in str(no.value)
